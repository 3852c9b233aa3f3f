"""T2, second half: hold the money of claimed jobs and open their attempts; or refuse them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Double,
    Integer,
    Text,
    case,
    func,
    insert,
    select,
    update,
)

from app.domain.hold import Hold
from app.domain.job import RUNNABLE, JobState
from app.store.prepared import Prepared, records, rows, seconds
from app.store.tables import IS_DRAWABLE, attempts, hold_lots, holds, jobs, lots

NANOS_MAX: Final = 2**63 - 1
"""What a BIGINT holds. A job may need more than that; it will not get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    """An attempt to open."""

    job_id: str
    number: int
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A claimed job that cannot start: where it goes instead.

    `retry_s` is when a waiting job looks again; `needed_nanos` what it lacks for its hold, when it
    waits for its balance.
    """

    job_id: str
    state: JobState
    reason: str | None
    retry_s: float = 0.0
    needed_nanos: int = 0
    status_code: int | None = None
    error_code: str | None = None
    error_message: str | None = None


def write(conn: Connection, new_holds: Sequence[Hold], opened: Sequence[NewAttempt]) -> bool:
    """Write the holds, take their parts from the lots, and open the attempts.

    False when a lot that was not locked has meanwhile less than its part: roll back then.
    """
    row = _WRITE(
        conn,
        **records("h", [_hold_row(hold) for hold in new_holds], *_HOLD),
        **records(
            "p",
            [
                (hold.job_id, part.lot_id, part.nanos, part.tokens)
                for hold in new_holds
                for part in hold.parts
            ],
            *_PART,
        ),
        **records("a", [(a.job_id, a.number, a.provider, a.model) for a in opened], *_ATTEMPT),
    ).one()
    return bool(row.gave == len(set[str]().union(*(hold.lot_ids for hold in new_holds))))


def refuse(conn: Connection, refusals: Sequence[Refusal]) -> None:
    """Give claimed jobs back that cannot start; the claim does not count as an attempt."""
    _REFUSE(
        conn,
        **records(
            "r",
            [
                (
                    r.job_id,
                    r.state.value,
                    r.reason,
                    r.retry_s,
                    min(r.needed_nanos, NANOS_MAX),
                    r.status_code,
                    r.error_code,
                    r.error_message,
                    r.state not in RUNNABLE,
                )
                for r in refusals
            ],
            *_REFUSAL,
        ),
    )


def _hold_row(hold: Hold) -> tuple[Any, ...]:
    price = hold.price
    return (hold.job_id, hold.account_id, hold.nanos, price.input_nanos, price.output_nanos)


_HOLD: Final = ("job_id", "account_id", "amount_nanos", "input_price_nanos", "output_price_nanos")
_PART: Final = ("job_id", "lot_id", "amount_nanos", "tokens")
_ATTEMPT: Final = ("job_id", "number", "provider", "model")
_REFUSAL: Final = (
    "job_id",
    "state",
    "reason",
    "retry_s",
    "needed_nanos",
    "status_code",
    "error_code",
    "error_message",
    "is_final",
)


def _write() -> Prepared:
    new_hold = rows(
        "h",
        job_id=Text(),
        account_id=Text(),
        amount_nanos=BigInteger(),
        input_price_nanos=BigInteger(),
        output_price_nanos=BigInteger(),
    )
    part = rows("p", job_id=Text(), lot_id=Text(), amount_nanos=BigInteger(), tokens=BigInteger())
    opened = rows("a", job_id=Text(), number=Integer(), provider=Text(), model=Text())
    written_parts = (
        insert(hold_lots)
        .from_select(list(_PART), select(part))
        .returning(hold_lots.c.lot_id, hold_lots.c.amount_nanos)
        .cte("written_parts")
    )
    nanos = func.sum(written_parts.c.amount_nanos).cast(BigInteger()).label("nanos")
    # Taken from what is written, not from what was sent: a lot that many jobs draw from is locked
    # as late as can be, and until the commit.
    taken = select(written_parts.c.lot_id, nanos).group_by(written_parts.c.lot_id).subquery()
    written = [
        insert(holds).from_select(list(_HOLD), select(new_hold)).cte("written_holds"),
        insert(attempts).from_select(list(_ATTEMPT), select(opened)).cte("opened"),
    ]
    gave = (
        update(lots)
        .where(lots.c.id == taken.c.lot_id, IS_DRAWABLE)
        .where(lots.c.amount_nanos - lots.c.used_nanos - lots.c.held_nanos >= taken.c.nanos)
        .values(held_nanos=lots.c.held_nanos + taken.c.nanos)
        .returning(lots.c.id)
        .cte("gave")
    )
    return Prepared(select(func.count().label("gave")).select_from(gave).add_cte(*written))


def _refuse() -> Prepared:
    refused = rows(
        "r",
        job_id=Text(),
        state=Text(),
        reason=Text(),
        retry_s=Double(),
        needed_nanos=BigInteger(),
        status_code=Integer(),
        error_code=Text(),
        error_message=Text(),
        is_final=Boolean(),
    )
    return Prepared(
        update(jobs)
        .where(jobs.c.id == refused.c.job_id)
        .values(
            state=refused.c.state,
            reason=refused.c.reason,
            attempts=jobs.c.attempts - 1,
            needed_nanos=refused.c.needed_nanos,
            short_since=case(
                (refused.c.needed_nanos > 0, func.coalesce(jobs.c.short_since, func.now()))
            ),
            # The claim set it in this very transaction, for a job that has not started after all.
            started_at=func.nullif(jobs.c.started_at, func.now()),
            leased_until=None,
            worker_id=None,
            run_at=func.now() + seconds(refused.c.retry_s),
            finished_at=case((refused.c.is_final, func.now())),
            status_code=refused.c.status_code,
            error_code=refused.c.error_code,
            error_message=refused.c.error_message,
        )
    )


_WRITE: Final = _write()
_REFUSE: Final = _refuse()
