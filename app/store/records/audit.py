"""The audit: what operators did, written in the transaction that did it, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from app.store.tables import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing an operator did: who, what, to which account, with which values."""

    id: str
    actor: str
    action: str
    account_id: str | None
    details: Mapping[str, Any]
    created_at: datetime


def write(
    conn: Connection,
    audit_id: str,
    *,
    actor: str,
    action: str,
    account_id: str | None,
    details: Mapping[str, Any],
) -> None:
    """Write down what an operator did.

    `actor` is who acted as far as the command can know, like `ann@host`; `action` the command's
    words, like `deposit` or `keys revoke`; `details` is JSON with amounts as decimal strings.
    """
    conn.execute(
        insert(audit).values(
            id=audit_id, actor=actor, action=action, account_id=account_id, details=dict(details)
        )
    )


def page(conn: Connection, account_id: str | None, *, after: str | None, limit: int) -> list[Entry]:
    """Return up to `limit` entries, of one account or of all, newest first, before `after`."""
    query = select(audit)
    if account_id is not None:
        query = query.where(audit.c.account_id == account_id)
    if after is not None:
        query = query.where(audit.c.id < after)
    return [
        Entry(
            id=row.id,
            actor=row.actor,
            action=row.action,
            account_id=row.account_id,
            details=row.details,
            created_at=row.created_at,
        )
        for row in conn.execute(query.order_by(audit.c.id.desc()).limit(limit))
    ]
