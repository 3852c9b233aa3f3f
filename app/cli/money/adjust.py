"""`busbar adjust`: put a balance right, upward or downward."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import Account
from app.cli.terminal import showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate.adjust import adjust as put_right

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=amounts.LENIENT)
def adjust(
    account: Account,
    amount: Annotated[str, typer.Argument(help="US dollars: 12.50 gives, -12.50 takes.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the audit.")],
    state: State = None,
    json: Json = None,
) -> None:
    """Put a balance right where no other command fits; each run changes it anew.

    What is taken comes from the lots of money that expire next. It never takes what is held for
    jobs under way, nor more than there is: then nothing is changed.
    """
    nanos = amounts.signed(amount, command="adjust")
    accounts.check_name(why, what="reason")
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        done = put_right(gateway, found.id, nanos, actor=actor(), why=why)
        told = {"account": found.id, "amount": format_dollars(done.nanos)}
        showing.one(told | {"lots": " ".join(done.lot_ids), "why": why}, wanted=json)
