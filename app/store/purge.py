"""Old bodies and idempotency keys, deleted in steps."""

from sqlalchemy import Connection, Integer, and_, delete, func, literal_column, select

from app.store.prepared import seconds
from app.store.tables import idempotency_keys, job_payloads, jobs


def purge(conn: Connection, *, payload_s: float, idempotency_s: float, limit: int) -> int:
    """Delete up to `limit` old bodies and idempotency keys of each kind; return how many."""
    most = literal_column(str(int(limit)), type_=Integer())
    old = (
        select(job_payloads.c.job_id, job_payloads.c.kind)
        .join(jobs, jobs.c.id == job_payloads.c.job_id)
        .where(job_payloads.c.created_at < func.now() - seconds(payload_s))
        .where(jobs.c.finished_at.is_not(None))
        .limit(most)
        .cte("old")
        .prefix_with("MATERIALIZED")
    )
    bodies = delete(job_payloads).where(
        and_(job_payloads.c.job_id == old.c.job_id, job_payloads.c.kind == old.c.kind)
    )
    expired = (
        select(idempotency_keys.c.key_id, idempotency_keys.c.idempotency_key)
        .where(idempotency_keys.c.created_at < func.now() - seconds(idempotency_s))
        .limit(most)
        .cte("old")
        .prefix_with("MATERIALIZED")
    )
    keys = delete(idempotency_keys).where(
        and_(
            idempotency_keys.c.key_id == expired.c.key_id,
            idempotency_keys.c.idempotency_key == expired.c.idempotency_key,
        )
    )
    return conn.execute(bodies).rowcount + conn.execute(keys).rowcount
