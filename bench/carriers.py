"""Several carriers at once: started, warmed up, and let go together."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Final

from bench import cost
from bench.carrier import Carried, Errand
from bench.children import Child
from bench.stand import Stand

ERRAND_S_MAX: Final = 50.0
GO: Final = "go"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrying:
    """What each carrier did in the measured part, all jobs with their warm-up's, and the cost."""

    carried: Sequence[Carried]
    jobs: int
    spent: cost.Spent


def run(
    stand: Stand, shares: Sequence[Sequence[str]], *, warm_share: float, until: float
) -> Carrying:
    """Carry each share in a process of its own, all at once, until that time of the clock.

    Raises RowFailed when one of them fails.
    """
    children = [
        stand.child(f"carrier-{n}", "bench.carrier", talks=True) for n in range(len(shares))
    ]
    with _ended_in_time(children):
        for child, ids in zip(children, shares, strict=True):
            warm = max(1, int(len(ids) * warm_share))
            child.tell(json.dumps(asdict(Errand(ids=ids, warm=warm, until=until))))
        warmed = sum(child.heard()["warm"] for child in children)
        before = stand.reading()
        for child in children:
            child.tell(GO)
        carried = [Carried(**child.heard()) for child in children]
        after = stand.reading()
    for child in children:
        child.stop()
    jobs = sum(each.jobs for each in carried)
    spent = with_workers(cost.spent(before, after, jobs), carried)
    return Carrying(carried=carried, jobs=warmed + jobs, spent=spent)


def with_workers(spent: cost.Spent, carried: Sequence[Carried]) -> cost.Spent:
    """Add what processes that did a worker's part said they used."""
    own_s, jobs = sum(each.cpu_s for each in carried), sum(each.jobs for each in carried)
    seconds = max(each.ended for each in carried) - min(each.began for each in carried)
    others = spent.other_cores
    return replace(
        spent,
        cpu_ms={"worker": own_s * 1e3 / jobs, **spent.cpu_ms},
        other_cores=None if others is None else max(0.0, others - own_s / seconds),
    )


@contextmanager
def _ended_in_time(children: Sequence[Child]) -> Iterator[None]:
    # Reading a pipe knows no time limit: a carrier that says nothing is ended instead.
    timers = [threading.Timer(ERRAND_S_MAX, child.process.kill) for child in children]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
