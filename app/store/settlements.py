"""T3: what came of attempts, written for many jobs in one fenced statement."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Boolean,
    Connection,
    Integer,
    Text,
    bindparam,
    case,
    func,
    insert,
    null,
    select,
    update,
)

from app.domain.attempt import AttemptState
from app.domain.job import FINAL
from app.domain.settlement import Settlement
from app.store.prepared import Prepared, bodies, body, milliseconds, records, rows
from app.store.tables import (
    IS_OPEN,
    STILL_RUNNING,
    attempts,
    holds,
    job_payloads,
    jobs,
    lots,
    number,
    transfers,
    word,
)

REVENUE: Final = "platform:revenue"
"""The book that captures credit. An account's own book is called by its id."""

SHORTFALL: Final = "platform:shortfall"
"""The book that pays what an answer cost above its hold when its account has nothing left."""


def is_one_statement(settlements: Sequence[Settlement]) -> bool:
    """True when the settlements touch one lot at most, so that nothing must be locked first."""
    if any(s.due or s.caps for s in settlements):
        return False
    return len(set[str]().union(*(s.lot_ids for s in settlements))) <= 1


def settle(conn: Connection, settlements: Sequence[Settlement]) -> set[str]:
    """Write all settlements whose worker still holds the lease; return the ids of those jobs.

    A late worker's settlement changes nothing: its job is not among the ids returned.
    """
    if not is_one_statement(settlements):
        # One lot cannot deadlock; several are locked in the order of their ids.
        _LOCK(conn, lot_ids=sorted(set[str]().union(*(s.lot_ids for s in settlements))))
    told = [(s.job_id, s.result) for s in settlements if s.result]
    blob, places = bodies([result for _, result in told])
    result = _SETTLE(
        conn,
        **records("s", [_row(s) for s in settlements], *_SETTLEMENT),
        **records("c", [row for s in settlements for row in _captures(s)], *_CAPTURE),
        **records("b", [(i, *at) for (i, _), at in zip(told, places, strict=True)], *_BODY),
        blob=blob,
    )
    return {row.id for row in result}


def _row(s: Settlement) -> tuple[Any, ...]:
    usage = s.usage
    return (
        s.job_id,
        s.attempt,
        s.state.value,
        s.reason,
        s.state in FINAL,
        s.attempt_state.value,
        s.failure,
        s.attempt_status_code,
        s.counted,
        s.attempt_state is AttemptState.FAILED,
        s.retry_ms,
        s.status_code,
        s.error_code,
        s.error_message,
        usage.input_tokens if usage else None,
        usage.output_tokens if usage else None,
        usage.cached_tokens if usage else None,
        usage.reasoning_tokens if usage else None,
        s.cost_nanos,
        s.partial,
        s.hold_state.value,
        s.captured_nanos,
        s.overrun_nanos,
        s.attempt_cost_nanos,
        s.flag,
        s.first_token_ms,
    )


def _captures(s: Settlement) -> list[tuple[Any, ...]]:
    return [
        (s.job_id, c.lot_id, c.held_nanos, c.captured_nanos, transfer_id, c.tokens, c.kind.value)
        for c, transfer_id in zip(s.captures, s.transfer_ids, strict=True)
    ]


_CAPTURE: Final = (
    *("job_id", "lot_id", "held_nanos", "captured_nanos", "transfer_id", "tokens", "kind"),
)
_BODY: Final = ("job_id", "starts", "size")

_ARRIVED: Final = rows(
    "s",
    id=Text(),
    attempt=Integer(),
    state=Text(),
    reason=Text(),
    is_final=Boolean(),
    attempt_state=Text(),
    failure=Text(),
    attempt_status_code=Integer(),
    counted=Boolean(),
    failed=Boolean(),
    retry_ms=BigInteger(),
    status_code=Integer(),
    error_code=Text(),
    error_message=Text(),
    input_tokens=BigInteger(),
    output_tokens=BigInteger(),
    cached_tokens=BigInteger(),
    reasoning_tokens=BigInteger(),
    cost_nanos=BigInteger(),
    partial=Boolean(),
    hold_state=Text(),
    captured_nanos=BigInteger(),
    overrun_nanos=BigInteger(),
    attempt_cost_nanos=BigInteger(),
    flag=Text(),
    first_token_ms=Integer(),
)
_SETTLEMENT: Final = tuple(_ARRIVED.c.keys())
_TOLD: Final = ("state", "reason", "error_code", "error_message", "cost_nanos", "partial")
_COUNTED: Final = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


def _settle() -> Prepared:
    settled = _settled()
    s = _ARRIVED
    closed = (
        update(holds)
        .where(holds.c.job_id == settled.c.id, s.c.id == settled.c.id, IS_OPEN, s.c.is_final)
        .values(
            state=s.c.hold_state,
            captured_nanos=s.c.captured_nanos,
            overrun_nanos=s.c.overrun_nanos,
            closed_at=func.now(),
        )
        .returning(holds.c.job_id, holds.c.account_id)
        .cte("closed")
    )
    ended = (
        update(attempts)
        .where(attempts.c.job_id == settled.c.id, s.c.id == settled.c.id)
        .where(attempts.c.number == s.c.attempt)
        .values(
            state=s.c.attempt_state,
            failure=s.c.failure,
            status_code=s.c.attempt_status_code,
            finished_at=func.now(),
            input_tokens=s.c.input_tokens,
            output_tokens=s.c.output_tokens,
            cost_nanos=s.c.attempt_cost_nanos,
            flag=s.c.flag,
            first_token_ms=s.c.first_token_ms,
        )
        .cte("ended")
    )
    moved, transferred = _money(closed)
    # Postgres runs what nobody asks for from the last to the first. The lot comes last of all: it
    # is what the jobs of one account wait for.
    written = (closed, moved, ended, transferred, _results(settled))
    return Prepared(select(settled.c.id).add_cte(*written))


def _settled() -> CTE:
    """The fence: only rows this attempt still leases change, and only they go on to the rest."""
    s = _ARRIVED
    return (
        update(jobs)
        .where(jobs.c.id == s.c.id, jobs.c.attempt == s.c.attempt, STILL_RUNNING)
        .values(
            {name: s.c[name] for name in (*_TOLD, *_COUNTED)}
            | {
                "status_code": case((s.c.is_final, s.c.status_code)),
                "attempts": jobs.c.attempts - case((s.c.counted, number(0)), else_=number(1)),
                "failures": jobs.c.failures + case((s.c.failed, number(1)), else_=number(0)),
                "run_at": func.now() + milliseconds(s.c.retry_ms),
                "finished_at": case((s.c.is_final, func.now())),
                # A job that goes on at once is rung for by its settler.
                "nudged_at": case((s.c.state == word("queued"), func.now())),
                "leased_until": null(),
                "worker_id": null(),
            }
        )
        .returning(jobs.c.id)
        .cte("settled")
    )


def _money(closed: Any) -> tuple[CTE, CTE]:
    c = rows(
        "c",
        job_id=Text(),
        lot_id=Text(),
        held_nanos=BigInteger(),
        captured_nanos=BigInteger(),
        transfer_id=Text(),
        tokens=BigInteger(),
        kind=Text(),
    )
    sums = (
        select(
            c.c.lot_id,
            func.sum(c.c.held_nanos).cast(BigInteger()).label("held_nanos"),
            func.sum(c.c.captured_nanos).cast(BigInteger()).label("captured_nanos"),
            func.sum(c.c.tokens).cast(BigInteger()).label("tokens"),
        )
        .join(closed, closed.c.job_id == c.c.job_id)
        .group_by(c.c.lot_id)
        .subquery("sums")
    )
    moved = (
        update(lots)
        .where(lots.c.id == sums.c.lot_id)
        .values(
            held_nanos=lots.c.held_nanos - sums.c.held_nanos,
            used_nanos=lots.c.used_nanos + sums.c.captured_nanos,
            tokens_used=lots.c.tokens_used + sums.c.tokens,
        )
        .cte("moved")
    )
    return moved, _transferred(c, closed)


def _transferred(c: CTE, closed: Any) -> CTE:
    payer = case((c.c.lot_id.is_(None), word(SHORTFALL)), else_=closed.c.account_id)
    return (
        insert(transfers)
        .from_select(
            ["id", "kind", "account_id", "debit", "credit", "amount_nanos", "job_id", "lot_id"],
            select(
                *(c.c.transfer_id, c.c.kind, closed.c.account_id, payer, word(REVENUE)),
                *(c.c.captured_nanos, c.c.job_id, c.c.lot_id),
            )
            .join(closed, closed.c.job_id == c.c.job_id)
            .where(c.c.captured_nanos > number(0)),
        )
        .cte("captured")
    )


def _results(settled: Any) -> Any:
    b = rows("b", job_id=Text(), starts=Integer(), size=Integer())
    return (
        insert(job_payloads)
        .from_select(
            ["job_id", "kind", "body"],
            select(b.c.job_id, word("result"), body("blob", b)).join(
                settled, settled.c.id == b.c.job_id
            ),
        )
        .cte("results")
    )


_SETTLE: Final = _settle()
_LOCK: Final = Prepared(
    select(lots.c.id)
    .where(lots.c.id == func.any(bindparam("lot_ids", type_=ARRAY(Text()))))
    .order_by(lots.c.id)
    .with_for_update(key_share=True)
)
