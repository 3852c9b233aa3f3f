"""References: what operators call an action by, so that it is done once however often it comes.

Every action that has one stands in the audit with it, also those that make no lot.
"""

from sqlalchemy import Connection, select

from app.store.records.audit import Entry
from app.store.tables import accounts, audit


def lock_account(conn: Connection, account_id: str) -> None:
    """Let one operator at a time act on an account. Its jobs go on: none of them waits for this."""
    row = select(accounts.c.id).where(accounts.c.id == account_id)
    conn.execute(row.with_for_update(key_share=True))


def find(conn: Connection, account_id: str, reference: str) -> Entry | None:
    """Return the action that a reference stands for in this account, if it was used.

    The account stays locked until the transaction ends, so that nobody uses it meanwhile.
    """
    lock_account(conn, account_id)
    query = select(audit).where(audit.c.account_id == account_id)
    row = conn.execute(query.where(audit.c.details["reference"].astext == reference)).first()
    if row is None:
        return None
    return Entry(
        id=row.id,
        actor=row.actor,
        action=row.action,
        account_id=row.account_id,
        details=row.details,
        created_at=row.created_at,
    )
