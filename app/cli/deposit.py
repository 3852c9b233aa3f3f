"""`busbar deposit`: credit an account."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars, parse_dollars
from app.services import accounts, fund

app = typer.Typer(add_completion=False, rich_markup_mode=None)


# An amount like -5 is refused as what it is, not as an option that does not exist.
@app.command(context_settings={"ignore_unknown_options": True})
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
    state: State = None,
    json: Json = None,
) -> None:
    """Credit an account. Jobs that waited for the balance go on by themselves."""
    nanos = _nanos(amount)
    if reference is not None:
        accounts.check_name(reference, what="reference")
    with connect.gateway("cli", state) as gateway:
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


def _nanos(amount: str) -> int:
    """Return what to credit; an amount that cannot be ends the command with the way out."""
    is_negative = amount.startswith("-")
    try:
        nanos = parse_dollars(amount.removeprefix("-"))
    except ValueError as error:
        option = f"there is no option {amount}; `busbar deposit --help` lists them"
        failing.fail(option if is_negative else str(error), failing.USAGE)
    if is_negative or nanos == 0:
        failing.fail(
            f"a deposit is more than nothing, not {amount}; "
            "`busbar deposit ACCOUNT 12.50` credits 12.50 dollars",
            failing.USAGE,
        )
    return nanos
