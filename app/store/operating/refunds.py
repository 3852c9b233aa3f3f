"""What was given back of a job's cost so far, and what is left to give, on which terms."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Numeric, func, or_, select

from app.store.operating.crediting import Source
from app.store.tables import jobs, lots, transfers

PREFIX: Final = "refund of "
"""How the reference of each refund begins; no operator may choose such a one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What lots on the same terms paid for a job."""

    instrument: str | None
    expires_at: datetime | None
    nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """What a job cost, and what of it was given back; `references` is how many refunds there were.

    `paid` is what lots paid that have not expired, those that last longest first: in this order it
    is given back.
    """

    cost_nanos: int
    refunded_nanos: int
    references: int
    paid: tuple[Paid, ...]

    @property
    def left_nanos(self) -> int:
        """What may still be given back: what an expired lot paid would be lost again at once."""
        return max(0, sum(part.nanos for part in self.paid) - self.refunded_nanos)

    @property
    def expired_nanos(self) -> int:
        """What can no longer be given back, because the lots that paid it have expired."""
        return self.cost_nanos - self.refunded_nanos - self.left_nanos

    def parts(self, nanos: int) -> Iterator[Paid]:
        """Yield on which terms the next `nanos` are given back."""
        begin, end = self.refunded_nanos, self.refunded_nanos + nanos
        for part in self.paid:
            given = min(end, part.nanos) - max(begin, 0)
            if given > 0:
                yield replace(part, nanos=given)
            begin, end = begin - part.nanos, end - part.nanos


def lock(conn: Connection, account_id: str, job_id: str) -> Refundable | None:
    """Return what may be given back of a job; None when the account has no such job.

    The job stays locked until the transaction ends, so that one refund at a time is made for it.
    """
    cost = select(jobs.c.cost_nanos).where(jobs.c.id == job_id, jobs.c.account_id == account_id)
    row = conn.execute(cost.with_for_update(key_share=True)).first()
    if row is None:
        return None
    refunded = func.sum(lots.c.amount_nanos).filter(lots.c.source == Source.REFUND)
    given = conn.execute(
        select(
            func.coalesce(refunded, 0).cast(Numeric()).label("nanos"),
            func.count().label("references"),
        ).where(
            lots.c.account_id == account_id,
            lots.c.reference.startswith(reference(job_id, None), autoescape=True),
        )
    ).one()
    return Refundable(
        cost_nanos=row.cost_nanos or 0,
        refunded_nanos=int(given.nanos),
        references=given.references,
        paid=_paid(conn, account_id, job_id),
    )


def reference(job_id: str, number: int | None) -> str:
    """Return the reference of a job's refund of that number; what all begin with, without one."""
    return f"{PREFIX}{job_id} #{'' if number is None else number}"


def _paid(conn: Connection, account_id: str, job_id: str) -> tuple[Paid, ...]:
    nanos = func.sum(transfers.c.amount_nanos).cast(Numeric())
    query = (
        select(lots.c.instrument, lots.c.expires_at, nanos.label("nanos"))
        .join(transfers, transfers.c.lot_id == lots.c.id)
        .where(transfers.c.job_id == job_id, transfers.c.debit == account_id)
        .where(or_(lots.c.expires_at.is_(None), lots.c.expires_at > func.now()))
        .group_by(lots.c.instrument, lots.c.expires_at)
        .order_by(lots.c.expires_at.desc().nulls_first(), lots.c.instrument.nulls_first())
    )
    return tuple(
        Paid(instrument=row.instrument, expires_at=row.expires_at, nanos=int(row.nanos))
        for row in conn.execute(query)
    )
