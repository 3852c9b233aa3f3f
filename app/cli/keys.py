"""`busbar keys`: create, list, revoke."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.terminal import showing
from app.cli.terminal.showing import Json
from app.services import accounts

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="The account's name or id.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
    json: Json = None,
) -> None:
    """Create a key. It is shown this once; only its hash is stored."""
    with connect.gateway("cli") as gateway:
        found = accounts.find_account(gateway, account)
        new = accounts.create_key(gateway, found.id, name)
        showing.one({"id": new.id, "key": new.key, "account": found.id}, wanted=json)


@app.command("list")
def list_(
    account: Annotated[str | None, typer.Argument(help="Only this account's.")] = None,
    json: Json = None,
) -> None:
    """List keys by what may be shown of them."""
    with connect.gateway("cli") as gateway:
        owner = accounts.find_account(gateway, account).id if account else None
        showing.many(
            [
                {
                    "id": key.id,
                    "account": key.account_id,
                    "name": key.name,
                    "key": key.hint,
                    "created_at": key.created_at,
                    "revoked_at": key.revoked_at,
                }
                for key in accounts.list_keys(gateway, owner)
            ],
            wanted=json,
        )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id (key_…).")], json: Json = None
) -> None:
    """Revoke a key for good; it stops working within 30 seconds."""
    with connect.gateway("cli") as gateway:
        accounts.revoke_key(gateway, key)
        showing.one({"id": key, "revoked": True}, wanted=json)
