"""What an answer costs and who pays: at once for holds of money, else as the locked lots tell."""

from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import Counter

from app.domain.attempt import Answer, Flag
from app.domain.hold import Capture, HoldState, Kind, capture
from app.domain.pricing import Usage, cost
from app.domain.settlement import Due, Settlement
from app.domain.settling.till import Till
from app.domain.settling.worth import FREE, believed, flag_of
from app.gateway import Gateway
from app.services.start import Started
from app.store.settling.locking import Locking

_above = Counter(
    "busbar_answers_above_hold_total",
    "Answers that cost more than their hold, by who paid.",
    ["by"],
)


def billed(gateway: Gateway, settlement: Settlement, job: Started, answer: Answer) -> Settlement:
    """Return a success with its usage, its flag, and what it costs or what there is still due.

    Empty answers and those out of their instrument's specification cost nothing. Without a usage
    report that can be believed the whole hold is spent: unknown is not zero.
    """
    usage = believed(
        answer.usage,
        input_tokens_max=job.input_tokens_max,
        output_tokens_max=job.output_tokens_max,
    )
    instrument = gateway.catalog.instrument(job.instrument)
    flag = flag_of(answer, usage, instrument.specification if instrument else None)
    settlement = replace(
        settlement,
        usage=usage,
        flag=flag,
        first_token_ms=answer.first_token_ms,
        attempt_cost_nanos=None if usage is None else cost(usage, job.hold.price),
        hold_state=HoldState.CAPTURED,
        caps=job.hold.caps,
    )
    nanos = _plain_cost(job, usage, flag)
    if nanos is None:
        due = Due(
            hold=job.hold,
            usage=usage,
            instrument=job.instrument,
            max_cost_nanos=job.max_cost_nanos,
        )
        return replace(settlement, due=due)
    return _with(gateway, settlement, capture(job.hold, nanos))


def book(locked: Locking, gateway: Gateway, group: Sequence[Settlement]) -> list[Settlement]:
    """Return a group with everything worked out that is still due, by the lots as they stand.

    Where the lease was lost nothing is due: the fence lets that settlement change nothing.
    """
    till = Till(locked.lots, locked.drawable)
    return [
        _paid(gateway, till, s) if s.job_id in locked.mine else replace(s, due=None) for s in group
    ]


def _plain_cost(job: Started, usage: Usage | None, flag: Flag | None) -> int | None:
    """What is to be captured of the hold; None where the hold alone does not tell."""
    if flag in FREE:
        return 0
    nanos = job.hold.nanos if usage is None else cost(usage, job.hold.price)
    if flag is Flag.PARTIAL and not job.hold.has_tokens:
        # Estimates are bounded by the whole bound, a calibrated hold is made by less.
        nanos = min(nanos, job.hold.nanos)
    return None if job.hold.has_tokens or nanos > job.hold.nanos else nanos


def _paid(gateway: Gateway, till: Till, s: Settlement) -> Settlement:
    if s.due is None:
        return s
    due = s.due
    captures = till.pay(due.hold, due.usage, due.instrument, max_cost_nanos=due.max_cost_nanos)
    for kind in {each.kind for each in captures} - {Kind.CAPTURE}:
        _above.labels(kind).inc()
    return _with(gateway, replace(s, due=None), captures)


def _with(gateway: Gateway, s: Settlement, captures: tuple[Capture, ...]) -> Settlement:
    paid = replace(s, captures=captures, transfer_ids=tuple(gateway.new_id("tr") for _ in captures))
    return replace(paid, cost_nanos=paid.captured_nanos + paid.overrun_nanos)
