"""Holds and settlements a second without the network: a job at a time, and in groups."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from app.domain.job import Lane, NewJob, OnEmpty
from app.process import calm_collector
from app.services.accounts import Caller
from app.services.draft import draft
from app.services.submit import Submission, submitter
from app.wire.surface import CHAT
from bench import bodies, carriers, cost
from bench.carrier import Carried, carry
from bench.load import percentile
from bench.result import Measured, RowFailed, Run
from bench.stand import Stand, open_stand

ALONE_JOBS: Final = 6_000
LONE_SHARE: Final = 0.2
"""Carried by one worker before the others come: what a job takes when nothing is in its way."""
SPREAD_JOBS: Final = 20_000
SPREAD_ACCOUNTS: Final = 50
GROUP: Final = 400
WORKERS_MIN: Final = 2
WARM_SHARE: Final = 0.1
"""Done before anything is timed, so that plans and connections are made."""
LIST_MAX: Final = 1_000
FINISH_S: Final = 12.0  # kept for the doctor and for stopping, on a busy machine

_SETTLED: Final = """
SELECT count(*) AS jobs FROM jobs JOIN holds ON holds.job_id = jobs.id
 WHERE jobs.state = 'succeeded' AND holds.state = 'captured' AND jobs.cost_nanos > 0
"""


def measure_hold(run: Run) -> Measured:
    """Start and settle jobs of one account, each by itself, in as many workers as there are cores.

    Some go first, in one worker alone.
    """
    workers = max(WORKERS_MIN, os.cpu_count() or 0)
    until = run.ends_at - FINISH_S
    with open_stand() as stand:
        wanted = max(int(ALONE_JOBS * run.size), 20 * workers)
        run.say(f"submitting {wanted} jobs on 1 account")
        ids = _submit(stand, wanted, 1)
        lone = int(wanted * LONE_SHARE)
        run.say("holding and settling some of them in one worker")
        first = carriers.run(stand, [ids[:lone]], warm_share=WARM_SHARE, until=until)
        run.say(f"holding and settling the others in {workers} workers, each a job at a time")
        spread = [ids[lone + number :: workers] for number in range(workers)]
        rest = carriers.run(stand, spread, warm_share=WARM_SHARE, until=until)
        note = _check(stand, first.jobs + rest.jobs, wanted)
        stand.finish()
        one, all_of_them = _figures(first.carried), _figures(rest.carried)
        return replace(
            all_of_them,
            spent=rest.spent,
            commit_ms=stand.commit_ms,
            more={
                **all_of_them.more,
                "workers": workers,
                "one_worker_per_s": one.figure,
                "one_worker_p99_ms": percentile(first.carried[0].start_s, 99) * 1e3,
            },
            note=note,
        )


def measure_hold_spread(run: Run) -> Measured:
    """Start and settle groups of jobs of many accounts, in the bench's own process."""
    with open_stand() as stand:
        wanted = max(int(SPREAD_JOBS * run.size), 2 * GROUP)
        run.say(f"submitting {wanted} jobs on {SPREAD_ACCOUNTS} accounts")
        ids = _submit(stand, wanted, SPREAD_ACCOUNTS)
        groups = [ids[first : first + GROUP] for first in range(0, len(ids), GROUP)]
        warm = max(1, int(len(groups) * WARM_SHARE))
        run.say(f"holding and settling them, {GROUP} at a time")
        calm_collector()
        warmed = carry(stand.gateway, groups[:warm], until=run.ends_at)
        before = stand.reading()
        done = carry(stand.gateway, groups[warm:], until=run.ends_at - FINISH_S)
        spent = carriers.with_workers(cost.spent(before, stand.reading(), done.jobs), [done])
        note = _check(stand, warmed.jobs + done.jobs, wanted)
        stand.finish()
        figures = _figures([done])
        return replace(
            figures,
            p50_ms=None,
            p99_ms=None,
            spent=spent,
            commit_ms=stand.commit_ms,
            more={
                "group_start_p50_ms": percentile(done.start_s, 50) * 1e3,
                "group_settle_p50_ms": percentile(done.settle_s, 50) * 1e3,
            },
            note=note,
        )


def _figures(passes: Sequence[Carried]) -> Measured:
    """Return the rate of passes that went on at once, and how long one start took."""
    starts = [took for each in passes for took in each.start_s]
    settles = [took for each in passes for took in each.settle_s]
    jobs = sum(each.jobs for each in passes)
    seconds = max(each.ended for each in passes) - min(each.began for each in passes)
    return Measured(
        figure=jobs / seconds,
        operations=jobs,
        seconds=seconds,
        about="worker",
        spent=cost.Spent(cpu_ms={}, other_cores=None),
        rss_mb={},
        commit_ms=0.0,
        p50_ms=percentile(starts, 50) * 1e3,
        p99_ms=percentile(starts, 99) * 1e3,
        more={
            "settle_p50_ms": percentile(settles, 50) * 1e3,
            "settle_p99_ms": percentile(settles, 99) * 1e3,
        },
    )


def _check(stand: Stand, carried: int, wanted: int) -> str:
    """Return a note where time was short. Raises RowFailed when the rows say another number."""
    settled = stand.ask(_SETTLED).jobs
    if settled != carried:
        raise RowFailed(f"{carried} jobs were held and settled, but {settled} rows say so")
    return f"cut short after {carried} of {wanted} jobs" if carried < wanted else ""


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
