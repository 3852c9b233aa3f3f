"""`busbar deposit`: credit an account."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars, parse_dollars
from app.services import accounts, fund

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def deposit(
    account: Annotated[str, typer.Argument(help="The account's name or id.")],
    amount: Annotated[str, typer.Argument(help="US dollars, like 12.50.")],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="A mark of your own, like an invoice's number: the same one credits the account "
            "once, however often the command is run.",
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Credit an account. Jobs that waited for the balance go on by themselves."""
    try:
        nanos = parse_dollars(amount)
    except ValueError as error:
        failing.fail(str(error), failing.USAGE)
        return
    if nanos == 0:
        failing.fail("a deposit must be more than nothing", failing.USAGE)
    if reference is not None:
        accounts.check_name(reference, what="reference")
    with connect.gateway("cli") as gateway:
        found = accounts.find_account(gateway, account)
        deposited = fund.deposit(gateway, found.id, nanos, reference=reference)
        showing.one(
            {
                "id": deposited.lot_id,
                "account": found.id,
                "amount": format_dollars(deposited.amount_nanos),
                "reference": reference,
                "new": deposited.is_new,
            },
            wanted=json,
        )
