"""The audit as operators read it."""

from collections.abc import Sequence

from app.gateway import Gateway
from app.store.engine import statement
from app.store.records import audit
from app.store.records.audit import Entry


def entries(
    gateway: Gateway, account_id: str | None, *, after: str | None, limit: int
) -> Sequence[Entry]:
    """Return what operators did, to one account or at all, newest first."""
    with statement(gateway.engine) as conn:
        return audit.page(conn, account_id, after=after, limit=limit)
