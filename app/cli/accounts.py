"""`busbar accounts`: create, list, show, and how they hold."""

from typing import Annotated, Any

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import caps, replenish
from app.cli.terminal import showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.hold import HoldMode
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate import show as looking
from app.services.operate.hold_mode import set_hold_mode
from app.services.operate.show import Shown

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whatever you call it; 200 characters at most.")],
    state: State = None,
    json: Json = None,
) -> None:
    """Create an account, which pays for the jobs of its keys.

    Next: `busbar keys create NAME` and `busbar deposit NAME 20`.
    """
    with connect.gateway("cli", state) as gateway:
        account_id = accounts.create_account(gateway, name, actor=actor())
        showing.one({"id": account_id, "name": name}, wanted=json)


@app.command("list")
def list_(state: State = None, json: Json = None) -> None:
    """List every account, oldest first."""
    with connect.gateway("cli", state) as gateway:
        found = accounts.list_accounts(gateway)
        showing.many(
            [{"id": a.id, "name": a.name, "created_at": a.created_at} for a in found], wanted=json
        )


@app.command()
def show(
    account: Annotated[str, typer.Argument(help="Its name or id.")],
    state: State = None,
    json: Json = None,
) -> None:
    """Show an account and its balance.

    In dollars, which add up to all it was credited: what is available, held for jobs under way,
    spent on jobs, taken back by adjustments, and expired. Then its lots with something left, its
    caps, and how it replenishes itself, with its last purchase.
    """
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        shown = looking.show(gateway, found.id)
    about = {"id": found.id, "name": found.name, "created_at": found.created_at}
    head = {**about, **_head(shown), "hold_mode": found.hold_mode.value}
    lots, capped = _lots(shown), [caps.told(each) for each in shown.caps]
    buying = replenish.told(shown.standing) if shown.standing is not None else None
    if showing.as_json(json):
        parts = {"lots": lots, "caps": capped, "replenishment": buying}
        showing.one(head | parts, wanted=True)
        return
    showing.one(head, wanted=False)
    for name, part in (("lots", lots), ("caps", capped)):
        typer.echo(f"\n{name}")
        showing.many(part, wanted=False)
    typer.echo("\nreplenishment")
    showing.many([buying] if buying is not None else [], wanted=False)


@app.command("hold-mode")
def hold_mode(
    account: Annotated[str, typer.Argument(help="Its name or id.")],
    mode: Annotated[HoldMode, typer.Argument(help="`calibrated` or `bound`.")],
    state: State = None,
    json: Json = None,
) -> None:
    """Choose how much is held for a job: its whole bound, or what like prompts have needed.

    The bound is what it may cost at most. A calibrated hold is smaller, so that more jobs run at
    once on the same balance; what a call needs beyond it is drawn from further lots. Jobs that hold
    something already keep it.
    """
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        set_hold_mode(gateway, found.id, mode, actor=actor())
        showing.one({"id": found.id, "name": found.name, "hold_mode": mode.value}, wanted=json)


def _head(shown: Shown) -> dict[str, Any]:
    return {
        "available": format_dollars(shown.balance.available_nanos),
        "held": format_dollars(shown.balance.held_nanos),
        "spent": format_dollars(shown.balance.spent_nanos),
        "adjusted": format_dollars(shown.balance.adjusted_nanos),
        "expired": format_dollars(shown.balance.expired_nanos),
        "open_holds": shown.holds.count,
    }


def _lots(shown: Shown) -> list[dict[str, Any]]:
    return [
        {
            "id": lot.id,
            "source": lot.source,
            "amount": format_dollars(lot.amount_nanos),
            "used": format_dollars(lot.used_nanos),
            "held": format_dollars(lot.held_nanos),
            "remaining": format_dollars(lot.remaining_nanos),
            "expired": format_dollars(lot.expired_nanos),
            "expires_at": lot.expires_at,
            "instrument": lot.instrument,
            "tokens_left": lot.tokens_left,
        }
        for lot in shown.balance.lots
    ]
