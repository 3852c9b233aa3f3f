"""A worker's part of jobs without their calls: `python -m bench.carrier`, a process of its own.

It takes an errand as one line on stdin, carries the warm-up, says how many jobs that were,
carries the rest when a second line comes, and says what that took.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from app.domain.attempt import Answer
from app.domain.pricing import Usage
from app.gateway import Gateway, open_gateway
from app.process import calm_collector
from app.services.settle import Finished, settle
from app.services.start import start
from app.settings import Settings
from bench import bodies
from bench.result import RowFailed

MEASURED_S_MIN: Final = 2.0
WORKER: Final = "bench"

ANSWER: Final = Answer(
    status_code=200,
    body=bodies.dumped(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "model": "model",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "The tides follow the moon. " * 12},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 110, "completion_tokens": 57, "total_tokens": 167},
        }
    ),
    usage=Usage(input_tokens=110, output_tokens=57),
)
"""What every call brings back; it costs less than its hold, as answers do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """The jobs of one process, those of its warm-up first; `until` is by the system's own clock."""

    ids: Sequence[str]
    warm: int
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a pass over jobs took: each start and each settlement in seconds, by the system's clock.

    `cpu_s` is what the process itself used.
    """

    jobs: int
    began: float
    ended: float
    cpu_s: float
    start_s: Sequence[float]
    settle_s: Sequence[float]


def carry(gateway: Gateway, groups: Sequence[Sequence[str]], *, until: float) -> Carried:
    """Do what a worker does for each group but the calls; stop when time is up.

    Raises RowFailed when a job of a group could not be started.
    """
    start_s, settle_s, jobs = [], [], 0
    began, cpu_s = time.monotonic(), time.process_time()
    for ids in groups:
        at = time.perf_counter()
        came = start(gateway, ids, WORKER)
        started_at = time.perf_counter()
        if len(came.started) != len(ids):
            raise RowFailed(f"of {len(ids)} jobs only {len(came.started)} were started")
        settle(gateway, [Finished(job=job, outcome=ANSWER) for job in came.started])
        start_s.append(started_at - at)
        settle_s.append(time.perf_counter() - started_at)
        jobs += len(ids)
        if time.monotonic() > until and time.monotonic() - began > MEASURED_S_MIN:
            break
    return Carried(
        jobs=jobs,
        began=began,
        ended=time.monotonic(),
        cpu_s=time.process_time() - cpu_s,
        start_s=start_s,
        settle_s=settle_s,
    )


def main() -> int:
    """Run one errand."""
    errand = Errand(**json.loads(sys.stdin.readline()))
    gateway = open_gateway(Settings(), name="bench carrier")
    calm_collector()
    groups = [[job_id] for job_id in errand.ids]
    try:
        warm = carry(gateway, groups[: errand.warm], until=errand.until)
        print(json.dumps({"warm": warm.jobs}), flush=True)
        if sys.stdin.readline():
            done = carry(gateway, groups[errand.warm :], until=errand.until)
            print(json.dumps(asdict(done)), flush=True)
    finally:
        gateway.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
