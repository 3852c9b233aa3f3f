"""`busbar audit`: what operators did."""

import json as encoding
from typing import Annotated, Final

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import showing
from app.cli.terminal.showing import Json
from app.services import accounts
from app.services.operate.trail import entries

SHOWN_MAX: Final = 10_000

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def audit(
    account: Annotated[
        str | None, typer.Argument(help="Only what was done to this account, by name or id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=SHOWN_MAX, help="How many to show.")] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on after this entry (aud_…).")
    ] = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Show what operators did, newest first: when, who, what, and with which values.

    Nothing of it can be changed. The actor is the system's user and host of the command.
    """
    with connect.gateway("cli", state) as gateway:
        owner = accounts.find_account(gateway, account).id if account is not None else None
        as_json = showing.as_json(json)
        showing.many(
            [
                {
                    "id": each.id,
                    "created_at": each.created_at,
                    "actor": each.actor,
                    "action": each.action,
                    "account": each.account_id,
                    "details": dict(each.details) if as_json else encoding.dumps(each.details),
                }
                for each in entries(gateway, owner, after=after, limit=limit)
            ],
            wanted=json,
        )
