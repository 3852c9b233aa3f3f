"""`busbar accounts`: create, list, show."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import showing
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.services import accounts, read

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
        showing.one({"id": accounts.create_account(gateway, name), "name": name}, wanted=json)


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

    In dollars: what is available, what is held for jobs under way, what was spent.
    """
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        balance = read.balance(gateway, found.id)
        showing.one(
            {
                "id": found.id,
                "name": found.name,
                "created_at": found.created_at,
                "available": format_dollars(balance.available_nanos),
                "held": format_dollars(balance.held_nanos),
                "spent": format_dollars(balance.spent_nanos),
                "lots": len(balance.lots),
            },
            wanted=json,
        )
