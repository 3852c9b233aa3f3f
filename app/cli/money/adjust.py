"""`busbar adjust`: put a balance right, upward or downward."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import Account
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate import references
from app.services.operate.adjust import adjust as put_right
from app.services.operate.adjust import take_back

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=amounts.LENIENT)
def adjust(
    account: Account,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the audit.")],
    amount: Annotated[
        str | None, typer.Argument(help="US dollars: 12.50 gives, -12.50 takes.")
    ] = None,
    lot: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Take all that is left of this lot (lot_…) instead."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="A mark of your own: the same one adjusts the account once, however often the "
            "command is run.",
        ),
    ] = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Put a balance right where no other command fits.

    Without --reference each run changes it anew. What is taken comes from the lots of money that
    expire next, or from the one that --lot names, which may be of tokens. It never takes what is
    held for jobs under way, nor more than there is: then nothing is changed.
    """
    if (amount is None) == (lot is None):
        either = "send an amount like 12.50 or -12.50, or --lot ID to take what is left of one lot"
        failing.fail(either if lot is None else f"not both: {either}", failing.USAGE)
    nanos = amounts.signed(amount, command="adjust") if amount is not None else 0
    accounts.check_name(why, what="reason")
    references.check(reference)
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        who = actor()
        if lot is not None:
            done = take_back(gateway, found.id, lot, actor=who, why=why, reference=reference)
        else:
            done = put_right(gateway, found.id, nanos, actor=who, why=why, reference=reference)
        told = {"account": found.id, "amount": format_dollars(done.nanos)}
        lots = {"lots": " ".join(done.lot_ids), "why": why}
        showing.one(told | lots | {"reference": reference, "new": done.is_new}, wanted=json)
