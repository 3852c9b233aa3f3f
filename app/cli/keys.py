"""`busbar keys`: create, list, limit, revoke."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Final

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.limits.limit import LIMIT_MAX, Limits
from app.services import accounts

DEFAULT: Final = "default"
"""What takes a key's own limit away, so that the catalog's holds again."""

NUMBER_DIGITS_MAX: Final = 10

_METAVAR: Final = f"N|{DEFAULT}"
_Requests = Annotated[
    str | None, typer.Option(metavar=_METAVAR, help="Requests a minute that it may send.")
]
_Tokens = Annotated[
    str | None,
    typer.Option(metavar=_METAVAR, help="Tokens a minute, of prompts and wanted answers."),
]
_Calls = Annotated[
    str | None, typer.Option(metavar=_METAVAR, help="Calls and streams open at the same time.")
]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="The account's name or id.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
    requests_per_minute: _Requests = None,
    tokens_per_minute: _Tokens = None,
    concurrent_calls: _Calls = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Create a key. It is shown this once; only its hash is stored.

    Without limits of its own it has those of the catalog.
    """
    limits = Limits(**_changes(requests_per_minute, tokens_per_minute, concurrent_calls))
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        new = accounts.create_key(gateway, found.id, name, limits=limits, actor=actor())
        showing.one({"id": new.id, "key": new.key, "account": found.id}, wanted=json)


@app.command("list")
def list_(
    account: Annotated[str | None, typer.Argument(help="Only this account's.")] = None,
    state: State = None,
    json: Json = None,
) -> None:
    """List keys by what may be shown of them; an empty limit is the catalog's."""
    with connect.gateway("cli", state) as gateway:
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
                    **asdict(key.limits),
                }
                for key in accounts.list_keys(gateway, owner)
            ],
            wanted=json,
        )


@app.command()
def limit(
    key: Annotated[str, typer.Argument(help="The key's id (key_…).")],
    requests_per_minute: _Requests = None,
    tokens_per_minute: _Tokens = None,
    concurrent_calls: _Calls = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Set limits of one key, instead of the catalog's; they hold within 30 seconds.

    What is not named stays as it is; `default` goes back to the catalog's.
    """
    changes = _changes(requests_per_minute, tokens_per_minute, concurrent_calls)
    if not changes:
        names = ", ".join(_option(field.name) for field in fields(Limits))
        failing.fail(f"nothing to change; name at least one of {names}", failing.USAGE)
    with connect.gateway("cli", state) as gateway:
        limits = accounts.limit_key(gateway, key, changes, actor=actor())
        showing.one({"id": key, **asdict(limits)}, wanted=json)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's id (key_…).")],
    state: State = None,
    json: Json = None,
) -> None:
    """Revoke a key for good; it stops working within 30 seconds."""
    with connect.gateway("cli", state) as gateway:
        accounts.revoke_key(gateway, key, actor=actor())
        showing.one({"id": key, "revoked": True}, wanted=json)


def _changes(
    requests_per_minute: str | None, tokens_per_minute: str | None, concurrent_calls: str | None
) -> Mapping[str, int | None]:
    """Return the limits that were named, by their names; None for those that go back."""
    told = {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "concurrent_calls": concurrent_calls,
    }
    return {name: _number(name, text) for name, text in told.items() if text is not None}


def _number(name: str, text: str) -> int | None:
    if text == DEFAULT:
        return None
    plain = text.isdecimal() and text.isascii() and len(text) <= NUMBER_DIGITS_MAX
    if not plain or not 1 <= int(text) <= LIMIT_MAX:
        message = f"{_option(name)} takes a number from 1 to {LIMIT_MAX}, or `{DEFAULT}`"
        failing.fail(message, failing.USAGE)
    return int(text)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
