"""`busbar caps`: the most that an account or a key may spend in a day or a month."""

from typing import Annotated, Any

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import Account
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.limits.cap import Period, Window
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate.caps import caps_of, set_caps

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def caps(
    account: Account,
    key: Annotated[
        str | None, typer.Option(metavar="ID", help="A key's own caps (key_…), not the account's.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="AMOUNT|off", help="US dollars a day, in UTC.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="AMOUNT|off", help="US dollars a month, in UTC.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Take both away.")] = False,  # noqa: FBT002  typer's flag
    state: State = None,
    json: Json = None,
) -> None:
    """Set caps on spending, and show those in force. Without options it only shows them.

    What is held for jobs under way counts too, and so does what was spent earlier in the day or
    month, before the cap was set. Only calls that run at the moment it is set are not counted.
    """
    changes = _changes(day, month, off=off)
    if key is not None and not changes:
        failing.fail("nothing to change; name --day, --month or --off", failing.USAGE)
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        if changes:
            set_caps(gateway, found.id, key, changes, actor=actor())
        showing.many([told(each) for each in caps_of(gateway, found.id)], wanted=json)


def told(window: Window) -> dict[str, Any]:
    """Return a cap as it is shown, with what counts under it now."""
    return {
        "scope": window.cap.scope.value,
        "subject": window.cap.subject_id,
        "period": window.cap.period.value,
        "limit": format_dollars(window.cap.limit_nanos),
        "spent": format_dollars(window.spent_nanos),
        "held": format_dollars(window.held_nanos),
        "left": format_dollars(max(0, window.left_nanos)),
        "resets_at": window.resets_at,
    }


def _changes(day: str | None, month: str | None, *, off: bool) -> dict[Period, int | None]:
    asked = {Period.DAY: day, Period.MONTH: month}
    if off and (day is not None or month is not None):
        failing.fail("--off takes both caps away; leave --day and --month out", failing.USAGE)
    if off:
        return dict.fromkeys(Period)
    return {
        period: amounts.limit(text, option=f"--{period}")
        for period, text in asked.items()
        if text is not None
    }
