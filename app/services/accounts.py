"""Accounts, their keys, and who a key belongs to."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain import apikey
from app.domain.errors import AccountExists, InvalidKey, NotFound, OutOfRange
from app.domain.limits.limit import NO_LIMITS, Limits
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.store import accounts
from app.store.accounts import Account, Key
from app.store.engine import statement, transaction
from app.store.records import audit

CACHE_S: Final = 30.0
"""How long a process believes a key without asking.

So a revoked key dies, and a changed limit holds, within this time.
"""

CACHE_KEYS_MAX: Final = 10_000
NAME_CHARACTERS_MAX: Final = 200

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which no text in PostgreSQL can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request, and the limits that its key has of its own."""

    account_id: str
    key_id: str
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only moment when it can be read."""

    id: str
    key: str


def create_account(gateway: Gateway, name: str, *, actor: str | None = None) -> str:
    """Create an account and return its id. Raises AccountExists and OutOfRange.

    Here and below an `actor` is an operator, whose action goes into the audit with it.
    """
    check_name(name)
    account_id = gateway.new_id("acct")
    with transaction(gateway.engine) as conn:
        if not accounts.add_account(conn, account_id, name):
            raise AccountExists(f"An account named {name!r} exists already.", param="name")
        if actor is not None:
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="accounts create",
                account_id=account_id,
                details={"name": name},
            )
    return account_id


def find_account(gateway: Gateway, name_or_id: str) -> Account:
    """Return the account of that id or name. Raises NotFound."""
    account = None
    if not _UNSTORABLE.search(name_or_id):
        with statement(gateway.engine) as conn:
            account = accounts.find_account(conn, name_or_id)
    if account is None:
        raise NotFound(f"No account {name_or_id!r}; `busbar accounts list` shows them all.")
    return account


def check_name(name: str, *, what: str = "name") -> None:
    """Raise OutOfRange unless this can be stored as a name, or as whatever `what` says it is."""
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise OutOfRange(
            f"A {what} has 1 to {NAME_CHARACTERS_MAX} characters; this one has {len(name)}.",
            param=what,
        )
    if _UNSTORABLE.search(name):
        raise OutOfRange(
            f"A {what} holds no NUL character and no half of a surrogate pair (bytes that are not "
            "UTF-8 become such halves).",
            param=what,
        )


def list_accounts(gateway: Gateway) -> Sequence[Account]:
    """Return every account."""
    with statement(gateway.engine) as conn:
        return accounts.list_accounts(conn)


def create_key(
    gateway: Gateway,
    account_id: str,
    name: str,
    *,
    limits: Limits = NO_LIMITS,
    actor: str | None = None,
) -> NewKey:
    """Create a key for an account; this is the one time it can be read. Raises OutOfRange."""
    check_name(name)
    key = apikey.make_key(gateway.entropy(apikey.ENTROPY_BYTES))
    key_id = gateway.new_id("key")
    with transaction(gateway.engine) as conn:
        accounts.add_key(
            conn,
            key_id=key_id,
            account_id=account_id,
            name=name,
            digest=apikey.digest(key),
            hint=apikey.hint(key),
            limits=limits,
        )
        if actor is not None:
            told = {"key": key_id, "name": name, **_told(asdict(limits))}
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="keys create",
                account_id=account_id,
                details=told,
            )
    return NewKey(id=key_id, key=key)


def list_keys(gateway: Gateway, account_id: str | None) -> Sequence[Key]:
    """Return the keys of one account, or of all."""
    with statement(gateway.engine) as conn:
        return accounts.list_keys(conn, account_id)


def limit_key(
    gateway: Gateway,
    key_id: str,
    changes: Mapping[str, int | None],
    *,
    actor: str | None = None,
) -> Limits:
    """Set some of a key's own limits and return them all; submitters know within CACHE_S.

    `changes` has names of Limits; None takes a limit away, so that the catalog's holds again.
    Raises NotFound.
    """
    with transaction(gateway.engine) as conn:
        limits = accounts.set_limits(conn, key_id, changes)
        if actor is not None and limits is not None:
            owner = accounts.account_of(conn, key_id)
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="keys limit",
                account_id=owner,
                details={"key": key_id, **changes},
            )
    if limits is None:
        raise _no_key(key_id)
    return limits


def revoke_key(gateway: Gateway, key_id: str, *, actor: str | None = None) -> None:
    """Revoke a key; submitters stop believing it within CACHE_S. Raises NotFound."""
    with transaction(gateway.engine) as conn:
        if not accounts.revoke(conn, key_id):
            raise _no_key(key_id)
        if actor is not None:
            owner = accounts.account_of(conn, key_id)
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="keys revoke",
                account_id=owner,
                details={"key": key_id},
            )


def authenticator(gateway: Gateway) -> Callable[[str], Caller]:
    """Return the door that turns a key into its caller, and remembers it for CACHE_S.

    Raises InvalidKey, or DatabaseUnavailable when a key it does not remember cannot be looked up.
    """
    known: dict[bytes, tuple[float, Caller]] = {}

    def authenticate(key: str) -> Caller:
        if not apikey.is_well_formed(key):
            raise InvalidKey
        digest = apikey.digest(key)
        believed_until, caller = known.get(digest, (0.0, None))
        if caller is None or believed_until < time.monotonic():
            caller = _look_up(gateway, digest)
            if len(known) >= CACHE_KEYS_MAX:
                known.clear()
            known[digest] = (time.monotonic() + CACHE_S, caller)
        return caller

    return authenticate


def _look_up(gateway: Gateway, digest: bytes) -> Caller:
    try:
        with statement(gateway.engine) as conn:
            owner = accounts.owner_of(conn, digest)
    except SQLAlchemyError as error:
        raise as_unavailable(error) or error from error
    if owner is None:
        raise InvalidKey
    return Caller(account_id=owner.account_id, key_id=owner.key_id, limits=owner.limits)


def _told(limits: Mapping[str, int | None]) -> Mapping[str, int]:
    return {name: limit for name, limit in limits.items() if limit is not None}


def _no_key(key_id: str) -> NotFound:
    return NotFound(f"No key {key_id!r}; `busbar keys list` shows them all.")
