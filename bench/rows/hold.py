"""Holds and settlements a second without the network: a job at a time, and in groups."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain.attempt import Answer
from app.domain.job import Lane, NewJob, OnEmpty
from app.domain.pricing import Usage
from app.process import calm_collector
from app.services.accounts import Caller
from app.services.draft import draft
from app.services.settle import Finished, settle
from app.services.start import start
from app.services.submit import Submission, submitter
from app.wire.surface import CHAT
from bench import bodies, cost
from bench.load import percentile
from bench.result import Measured, RowFailed, Run
from bench.stand import Stand, open_stand

ALONE_JOBS: Final = 5_000
SPREAD_JOBS: Final = 20_000
SPREAD_ACCOUNTS: Final = 50
GROUP: Final = 400
WARM_SHARE: Final = 0.1
"""Done before anything is timed, so that plans and connections are made."""
LIST_MAX: Final = 1_000
FINISH_S: Final = 12.0  # kept for the doctor and for stopping, on a busy machine
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

_SETTLED: Final = """
SELECT count(*) AS jobs FROM jobs JOIN holds ON holds.job_id = jobs.id
 WHERE jobs.state = 'succeeded' AND holds.state = 'captured' AND jobs.cost_nanos > 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """What a pass over the jobs took: each start and each settlement, in seconds."""

    jobs: int
    seconds: float
    start_s: Sequence[float]
    settle_s: Sequence[float]


def measure_hold(run: Run) -> Measured:
    """Start and settle one job after the other, all on one account."""
    return _measure(run, jobs=ALONE_JOBS, accounts=1, group=1)


def measure_hold_spread(run: Run) -> Measured:
    """Start and settle groups of jobs of many accounts."""
    return _measure(run, jobs=SPREAD_JOBS, accounts=SPREAD_ACCOUNTS, group=GROUP)


def _measure(run: Run, *, jobs: int, accounts: int, group: int) -> Measured:
    with open_stand() as stand:
        wanted = max(int(jobs * run.size), 2 * group)
        run.say(f"submitting {wanted} jobs on {accounts} account{'s' * (accounts > 1)}")
        ids = _submit(stand, wanted, accounts)
        groups = [ids[first : first + group] for first in range(0, len(ids), group)]
        warm = max(1, int(len(groups) * WARM_SHARE))
        run.say(f"holding and settling them, {group} at a time")
        calm_collector()
        warmed = _carry(stand, groups[:warm], until=run.ends_at)
        before, own = stand.reading(), time.process_time()
        done = _carry(stand, groups[warm:], until=run.ends_at - FINISH_S)
        own, after = time.process_time() - own, stand.reading()
        carried, settled = warmed.jobs + done.jobs, stand.ask(_SETTLED).jobs
        if settled != carried:
            raise RowFailed(f"{carried} jobs were held and settled, but {settled} rows say so")
        stand.finish()
        return replace(
            _times(done, alone=group == 1),
            spent=_with_own(cost.spent(before, after, done.jobs), own, done),
            commit_ms=stand.commit_ms,
            note=f"cut short after {carried} of {wanted} jobs" if carried < wanted else "",
        )


def _times(done: _Pass, *, alone: bool) -> Measured:
    """Return the rate and, for jobs that go alone, how long one takes; else a group's median."""
    starts, settles = list(done.start_s), list(done.settle_s)
    kind = "" if alone else "group_"
    more = {f"{kind}settle_p50_ms": percentile(settles, 50) * 1e3}
    if alone:
        more["settle_p99_ms"] = percentile(settles, 99) * 1e3
    else:
        more["group_start_p50_ms"] = percentile(starts, 50) * 1e3
    return Measured(
        figure=done.jobs / done.seconds,
        operations=done.jobs,
        seconds=done.seconds,
        about="worker",
        spent=cost.Spent(cpu_ms={}, other_cores=None),
        rss_mb={},
        commit_ms=0.0,
        p50_ms=percentile(starts, 50) * 1e3 if alone else None,
        p99_ms=percentile(starts, 99) * 1e3 if alone else None,
        more=more,
    )


def _submit(stand: Stand, jobs: int, accounts: int) -> list[str]:
    """Write the jobs, and return their ids with the accounts in turn."""
    submit = submitter(stand.gateway)
    callers = [stand.caller(f"hold-{number}") for number in range(accounts)]
    of_account = [
        list(_written(stand, caller, range(number, jobs, accounts)))
        for number, caller in enumerate(callers)
    ]
    for news in of_account:
        for first in range(0, len(news), LIST_MAX):
            listed = tuple(news[first : first + LIST_MAX])
            submit(
                Submission(
                    key_id=listed[0].key_id,
                    fingerprint=b"",
                    idempotency_key=None,
                    is_retry=False,
                    jobs=listed,
                )
            )
    return [of_account[number % accounts][number // accounts].id for number in range(jobs)]


def _written(stand: Stand, caller: Caller, numbers: range) -> Iterator[NewJob]:
    for number in numbers:
        body = bodies.chat(number)
        yield draft(
            stand.gateway,
            caller,
            CHAT,
            body,
            raw=bodies.dumped(body),
            lane=Lane.BATCH,
            on_empty=OnEmpty.WAIT,
        )


def _carry(stand: Stand, groups: Sequence[Sequence[str]], *, until: float) -> _Pass:
    """Do what a worker does for each group but the calls; stop when time is up."""
    start_s, settle_s, jobs = [], [], 0
    began = time.perf_counter()
    for ids in groups:
        at = time.perf_counter()
        came = start(stand.gateway, ids, WORKER)
        started_at = time.perf_counter()
        if len(came.started) != len(ids):
            raise RowFailed(f"of {len(ids)} jobs only {len(came.started)} were started")
        settle(stand.gateway, [Finished(job=job, outcome=ANSWER) for job in came.started])
        start_s.append(started_at - at)
        settle_s.append(time.perf_counter() - started_at)
        jobs += len(ids)
        if time.monotonic() > until and time.perf_counter() - began > MEASURED_S_MIN:
            break
    return _Pass(jobs=jobs, seconds=time.perf_counter() - began, start_s=start_s, settle_s=settle_s)


def _with_own(spent: cost.Spent, own_s: float, done: _Pass) -> cost.Spent:
    """Add this very process: it does a worker's part."""
    others = spent.other_cores
    return replace(
        spent,
        cpu_ms={"worker": own_s * 1e3 / done.jobs, **spent.cpu_ms},
        other_cores=None if others is None else max(0.0, others - own_s / done.seconds),
    )
