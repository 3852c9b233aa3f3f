"""What was given back of a job's cost so far, and what is left to give."""

from dataclasses import dataclass

from sqlalchemy import Connection, Numeric, func, select

from app.store.operating.crediting import Source
from app.store.tables import jobs, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """What a job cost, and what of it was given back in so many refunds."""

    cost_nanos: int
    refunded_nanos: int
    refunds: int

    @property
    def left_nanos(self) -> int:
        """What may still be given back."""
        return self.cost_nanos - self.refunded_nanos


def lock(conn: Connection, account_id: str, job_id: str) -> Refundable | None:
    """Return what may be given back of a job; None when the account has no such job.

    The job stays locked until the transaction ends, so that one refund at a time is made for it.
    """
    cost = select(jobs.c.cost_nanos).where(jobs.c.id == job_id, jobs.c.account_id == account_id)
    row = conn.execute(cost.with_for_update(key_share=True)).first()
    if row is None:
        return None
    nanos = func.coalesce(func.sum(lots.c.amount_nanos), 0).cast(Numeric())
    given = conn.execute(
        select(nanos.label("nanos"), func.count().label("refunds")).where(
            lots.c.account_id == account_id,
            lots.c.source == Source.REFUND,
            lots.c.reference.startswith(reference(job_id, None), autoescape=True),
        )
    ).one()
    return Refundable(
        cost_nanos=row.cost_nanos or 0, refunded_nanos=int(given.nanos), refunds=given.refunds
    )


def reference(job_id: str, number: int | None) -> str:
    """Return the reference of a job's refund of that number; what all begin with, without one."""
    return f"refund of {job_id} #{'' if number is None else number}"
