"""`busbar accounts`: create, list, show."""

from typing import Annotated, Any

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import caps
from app.cli.terminal import showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate import show as looking
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

    In dollars: what is available, what is held for jobs under way, what was spent; then its lots,
    its caps, and how it replenishes itself.
    """
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        shown = looking.show(gateway, found.id)
    head = {"id": found.id, "name": found.name, "created_at": found.created_at, **_head(shown)}
    lots, capped = _lots(shown), [caps.told(each) for each in shown.caps]
    if showing.as_json(json):
        parts = {"lots": lots, "caps": capped, "replenishment": _policy(shown)}
        showing.one(head | parts, wanted=True)
        return
    showing.one(head, wanted=False)
    for name, part in (("lots", lots), ("caps", capped)):
        typer.echo(f"\n{name}")
        showing.many(part, wanted=False)
    typer.echo("\nreplenishment")
    policy = _policy(shown)
    showing.many([policy] if policy else [], wanted=False)


def _head(shown: Shown) -> dict[str, Any]:
    return {
        "available": format_dollars(shown.balance.available_nanos),
        "held": format_dollars(shown.balance.held_nanos),
        "spent": format_dollars(shown.balance.spent_nanos),
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
            "instrument": lot.instrument,
            "tokens_left": lot.tokens_left,
            "expires_at": lot.expires_at,
            "expired": lot.is_expired,
        }
        for lot in shown.balance.lots
    ]


def _policy(shown: Shown) -> dict[str, Any] | None:
    if shown.policy is None:
        return None
    policy = shown.policy.policy
    return {
        "below": format_dollars(policy.threshold_nanos),
        "buys": format_dollars(policy.amount_nanos),
        "monthly_cap": format_dollars(policy.monthly_cap_nanos),
        "failures": policy.failures,
        "locked_at": shown.policy.locked_at,
    }
