"""Accounts and their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.hold import HoldMode
from app.domain.limits.limit import NO_LIMITS, Limits
from app.store.tables import accounts, keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who pays: the owner of keys, lots and jobs."""

    id: str
    name: str
    hold_mode: HoldMode
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as lists show it. The key itself is stored nowhere.

    `limits` are its own; where it has none the catalog's hold.
    """

    id: str
    account_id: str
    name: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a key is, and the limits of its own."""

    account_id: str
    key_id: str
    limits: Limits


def add_account(conn: Connection, account_id: str, name: str) -> bool:
    """Add an account; False when the name is taken."""
    statement = pg_insert(accounts).values(id=account_id, name=name)
    added = conn.execute(
        statement.on_conflict_do_nothing(constraint="account_names_are_unique").returning(
            accounts.c.id
        )
    )
    return added.first() is not None


def find_account(conn: Connection, name_or_id: str) -> Account | None:
    """Return the account of that id or name, or None."""
    row = conn.execute(
        select(accounts).where((accounts.c.id == name_or_id) | (accounts.c.name == name_or_id))
    ).first()
    return _account(row) if row else None


def list_accounts(conn: Connection) -> list[Account]:
    """Return every account, oldest first."""
    return [_account(row) for row in conn.execute(select(accounts).order_by(accounts.c.id))]


def set_hold_mode(conn: Connection, account_id: str, mode: HoldMode) -> None:
    """Choose how the holds of an account are made from now on."""
    conn.execute(update(accounts).where(accounts.c.id == account_id).values(hold_mode=mode.value))


def add_key(
    conn: Connection,
    *,
    key_id: str,
    account_id: str,
    name: str,
    digest: bytes,
    hint: str,
    limits: Limits = NO_LIMITS,
) -> None:
    """Add a key by its digest."""
    conn.execute(
        insert(keys).values(
            id=key_id,
            account_id=account_id,
            name=name,
            digest=digest,
            hint=hint,
            requests_per_minute=limits.requests_per_minute,
            tokens_per_minute=limits.tokens_per_minute,
            concurrent_calls=limits.concurrent_calls,
        )
    )


def owner_of(conn: Connection, digest: bytes) -> Owner | None:
    """Return whose a key is that is not revoked, or None."""
    row = conn.execute(
        select(
            keys.c.account_id,
            keys.c.id,
            keys.c.requests_per_minute,
            keys.c.tokens_per_minute,
            keys.c.concurrent_calls,
        ).where(keys.c.digest == digest, keys.c.revoked_at.is_(None))
    ).first()
    return Owner(account_id=row.account_id, key_id=row.id, limits=_limits(row)) if row else None


def list_keys(conn: Connection, account_id: str | None = None) -> Sequence[Key]:
    """Return the keys of one account, or of all."""
    query = select(keys).order_by(keys.c.id)
    if account_id is not None:
        query = query.where(keys.c.account_id == account_id)
    return [
        Key(
            id=row.id,
            account_id=row.account_id,
            name=row.name,
            hint=row.hint,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            limits=_limits(row),
        )
        for row in conn.execute(query)
    ]


def set_limits(conn: Connection, key_id: str, changes: Mapping[str, int | None]) -> Limits | None:
    """Set some of a key's own limits, by their names; None takes one away.

    Return all of them as they stand then, or None when there is no key of that id.
    """
    row = conn.execute(
        update(keys)
        .where(keys.c.id == key_id)
        .values({keys.c[name]: value for name, value in changes.items()})
        .returning(keys.c.requests_per_minute, keys.c.tokens_per_minute, keys.c.concurrent_calls)
    ).first()
    return _limits(row) if row else None


def account_of(conn: Connection, key_id: str) -> str | None:
    """Return the account that a key belongs to, or None when there is no key of that id."""
    return conn.execute(select(keys.c.account_id).where(keys.c.id == key_id)).scalar()


def revoke(conn: Connection, key_id: str) -> bool:
    """Revoke a key for good; False when there is none of that id."""
    revoked_at = func.coalesce(keys.c.revoked_at, func.now())
    statement = update(keys).where(keys.c.id == key_id).values(revoked_at=revoked_at)
    return conn.execute(statement).rowcount == 1


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(
        id=row.id, name=row.name, hold_mode=HoldMode(row.hold_mode), created_at=row.created_at
    )


def _limits(row: Row[*tuple[Any, ...]]) -> Limits:
    return Limits(
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        concurrent_calls=row.concurrent_calls,
    )
