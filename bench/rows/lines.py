"""Batch lines through one worker process: over many accounts, and all on one."""

import http
import time
from dataclasses import replace
from typing import Final

from bench import bodies, cost
from bench.result import Measured, RowFailed, Run, TimeUp
from bench.stand import Stand, open_stand

LINES: Final = 12_000
ACCOUNTS: Final = 50
LIST_MAX: Final = 1_000
UPSTREAM_MS: Final = 200
WORKER_UP_S: Final = 20.0
FINISH_S: Final = 12.0  # kept for the doctor and for stopping, on a busy machine
LINES_S_MIN: Final = 2.0
"""A run whose time is up before all its lines are done still has a rate, and says so."""
LOOK_S: Final = 0.25  # between two counts of the open lines; each costs Postgres a scan
SHARE: Final = 0.9  # of the rate over many accounts that one account must reach

_STARTED: Final = "SELECT EXISTS (SELECT FROM jobs WHERE started_at IS NOT NULL) AS yes"
_OPEN: Final = "SELECT count(*) AS lines FROM jobs WHERE finished_at IS NULL"
_LOST: Final = """
SELECT count(*) AS lines, max(state || ' ' || coalesce(error_code, '')) AS example
  FROM jobs WHERE finished_at IS NOT NULL AND state <> 'succeeded'
"""
_PACE: Final = """
WITH ends AS (SELECT finished_at AS at, started_at FROM jobs WHERE finished_at IS NOT NULL),
     middle AS (SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY at) AS low,
                       percentile_disc(0.9) WITHIN GROUP (ORDER BY at) AS high FROM ends)
SELECT count(*) AS lines,
       CAST(extract(epoch FROM max(at) - min(started_at)) AS float8) AS seconds,
       count(*) FILTER (WHERE at > low AND at <= high) AS middle_lines,
       CAST(extract(epoch FROM max(high) - max(low)) AS float8) AS middle_seconds
  FROM ends, middle
"""


def measure_batch(run: Run) -> Measured:
    """Run lines of many accounts."""
    return _measure(run, accounts=ACCOUNTS, until=run.ends_at)


def measure_hot_account(run: Run) -> Measured:
    """Run the same lines on one account, and set that against many accounts."""
    many = run.earlier.get("batch")
    if many is None:
        run.say("first the same over many accounts, to compare with")
        half = (run.ends_at + time.monotonic()) / 2
        many = _measure(run, accounts=ACCOUNTS, until=half)
    one = _measure(run, accounts=1, until=run.ends_at)
    shares = {"share_of_batch": one.figure / many.figure, "batch_per_s": many.figure}
    return replace(one, target=SHARE * many.figure, more={**shares, **one.more})


def _measure(run: Run, *, accounts: int, until: float) -> Measured:
    lines = int(LINES * run.size)
    with open_stand(latency_ms=UPSTREAM_MS) as stand:
        stand.web()
        run.say(f"submitting {lines} lines on {accounts} account{'s' * (accounts > 1)}")
        _submit(stand, lines, accounts)
        stand.worker()
        stand.until(
            lambda: bool(stand.ask(_STARTED).yes), "the first line's start", within_s=WORKER_UP_S
        )
        run.say("running them")
        before, ended = stand.reading(), lines - stand.ask(_OPEN).lines
        cut = _wait(stand, until)
        after = stand.reading()
        pace = stand.ask(_PACE)
        lost = stand.ask(_LOST)
        if lost.lines:
            raise RowFailed(f"{lost.lines} lines did not succeed, for instance: {lost.example}")
        return Measured(
            figure=pace.lines / pace.seconds,
            operations=pace.lines,
            seconds=pace.seconds,
            about="worker",
            spent=cost.spent(before, after, pace.lines - ended),
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            more={
                "steady_per_s": pace.middle_lines / pace.middle_seconds,
                "calls_at_once": stand.calls_at_once(),
            },
            note=f"cut short after {pace.lines} of {lines} lines" if cut else "",
        )


def _submit(stand: Stand, lines: int, accounts: int) -> None:
    """Write the lines through the submitter, in lists, before any worker runs."""
    each = lines // accounts
    for account in range(accounts):
        key = stand.account(f"batch-{account}")
        first, last = account * each, lines if account == accounts - 1 else (account + 1) * each
        for start in range(first, last, LIST_MAX):
            jobs = [
                {"endpoint": bodies.CHAT, "body": bodies.chat(number)}
                for number in range(start, min(start + LIST_MAX, last))
            ]
            stand.post(
                bodies.JOBS, key, bodies.dumped({"jobs": jobs}), status=http.HTTPStatus.ACCEPTED
            )


def _wait(stand: Stand, until: float) -> bool:
    """Wait until every line has ended; True when time was up before."""
    within_s = max(LINES_S_MIN, until - FINISH_S - time.monotonic())
    try:
        stand.until(
            lambda: stand.ask(_OPEN).lines == 0, "the lines", within_s=within_s, poll_s=LOOK_S
        )
    except TimeUp:
        return True
    return False
