"""Driving a stand with the load generator, and reading what that cost."""

import threading
from dataclasses import dataclass
from typing import Any, Final

from bench import cost
from bench.children import Child
from bench.load import Outcome, Plan
from bench.result import RowFailed
from bench.stand import Stand

OUTCOME_S_MAX: Final = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What came back, and what one answer cost."""

    outcome: Outcome
    spent: cost.Spent


def drive(stand: Stand, plan: Plan) -> Driven:
    """Run a plan. Raises RowFailed when an answer has another status than it wants, or is owed."""
    client = stand.child("client", "bench.load", talks=True)
    # Reading a pipe knows no time limit: a generator that says nothing is ended instead.
    late = threading.Timer(OUTCOME_S_MAX, client.process.kill)
    late.start()
    try:
        client.tell(plan.line())
        _heard(client)
        before = stand.reading(client=client.pid)
        outcome = Outcome(**_heard(client))
        after = stand.reading(client=client.pid)
    finally:
        late.cancel()
    client.stop()
    others = {status: n for status, n in outcome.statuses.items() if status != str(plan.status)}
    if others:
        raise RowFailed(
            f"answers that were not {plan.status}: {others}; the first: {outcome.sample}"
        )
    return Driven(outcome=outcome, spent=cost.spent(before, after, outcome.answered))


def _heard(client: Child) -> dict[str, Any]:
    told = client.heard()
    if "error" in told:
        raise RowFailed(f"load generator: {told['error']}")
    return told
