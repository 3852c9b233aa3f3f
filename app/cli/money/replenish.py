"""`busbar replenish`: let an account buy credit by itself, within a monthly cap."""

from math import ceil
from typing import Annotated, Any

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import Account
from app.cli.standing.ready import READY_FILE, Ready
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars, parse_dollars
from app.gateway import Gateway
from app.services import accounts
from app.services.replenish.policy import (
    Standing,
    find_policy,
    remove_policy,
    set_policy,
    unlock_policy,
)

EXAMPLE = "`busbar replenish ACCOUNT --threshold 5 --amount 20 --monthly-cap 200`"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=amounts.LENIENT)
def replenish(
    account: Account,
    threshold: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="Buy when the balance is below this.")
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Buy so much at a time, or what waiting jobs lack."),
    ] = None,
    monthly_cap: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Never buy more than this in a month, in UTC."),
    ] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Buy nothing any more.")] = False,
    unlock: Annotated[
        bool, typer.Option("--unlock", help="Buy again after failures that locked it.")
    ] = False,
    state: State = None,
    json: Json = None,
) -> None:
    """Let an account buy credit by itself, from the funding source of BUSBAR_FUNDING_URL.

    Without options it shows how the account replenishes itself. After three purchases in a row
    that failed it is locked: mend the cause, then run it with --unlock.
    """
    rules = {"--threshold": threshold, "--amount": amount, "--monthly-cap": monthly_cap}
    given = {name: text for name, text in rules.items() if text is not None}
    if bool(given) + off + unlock > 1:
        failing.fail("--off, --unlock and new rules do not go together; run one", failing.USAGE)
    nanos = _nanos(rules) if given else None
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        if nanos is not None:
            below, buys, cap = nanos
            set_policy(
                gateway,
                found.id,
                threshold_nanos=below,
                amount_nanos=buys,
                monthly_cap_nanos=cap,
                actor=actor(),
            )
            _warn(gateway)
        elif off:
            remove_policy(gateway, found.id, actor=actor())
        elif unlock:
            unlock_policy(gateway, found.id, actor=actor())
        standing = find_policy(gateway, found.id)
        showing.one({"account": found.id, **told(standing)}, wanted=json)


def told(standing: Standing | None) -> dict[str, Any]:
    """Return what to show of how an account replenishes itself."""
    if standing is None:
        return {"state": "off"}
    policy, latest = standing.kept.policy, standing.latest
    state = "on" if not policy.failures else f"failed {policy.failures} times in a row"
    if standing.kept.locked_at is not None:
        state = f"locked since {standing.kept.locked_at.isoformat(timespec='seconds')}"
    last = None if latest is None else " ".join(filter(None, [latest.state.value, latest.reason]))
    return {
        "state": state,
        "threshold": format_dollars(policy.threshold_nanos),
        "amount": format_dollars(policy.amount_nanos),
        "monthly_cap": format_dollars(policy.monthly_cap_nanos),
        "bought_this_month": format_dollars(standing.bought_nanos),
        "last": last,
        "cooldown_s": ceil(policy.cooling_s),
    }


def _nanos(rules: dict[str, str | None]) -> tuple[int, int, int]:
    """Return threshold, amount and cap; a rule that is missing ends the command."""
    missing = [name for name, text in rules.items() if text is None]
    if missing:
        told = f"a replenishment needs {', '.join(missing)} too: {EXAMPLE}"
        cap = "; it may spend a person's money, so it has a monthly cap"
        failing.fail(told + (cap if "--monthly-cap" in missing else ""), failing.USAGE)
    below, buys, cap_nanos = (_rule(name, text or "") for name, text in rules.items())
    return below, buys, cap_nanos


def _rule(option: str, text: str) -> int:
    """Return an amount in nano-dollars; one that cannot be ends the command."""
    if text.startswith("-"):
        failing.fail(f"{option} is not negative, as {text} is; 0 is the least", failing.USAGE)
    try:
        return parse_dollars(text)
    except ValueError as error:
        failing.fail(f"{option}: {error}", failing.USAGE)


def _warn(gateway: Gateway) -> None:
    """Say that nobody may buy, unless `busbar up` in this state directory has a source."""
    settings = gateway.settings
    ready = Ready.read(settings.state_dir / READY_FILE)
    of_up = ready is not None and ready.database_url == settings.database_url and ready.funding_url
    if not (settings.funding_url or of_up):
        typer.echo(
            "busbar: no BUSBAR_FUNDING_URL is set here; workers without it buy nothing", err=True
        )
