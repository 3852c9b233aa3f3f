"""How many jobs a second the submitter accepts durably while no worker runs."""

import http
from typing import Final

from bench import bodies
from bench.driver import drive
from bench.load import Plan
from bench.result import Measured, RowFailed, Run
from bench.stand import open_stand

CONNECTIONS: Final = 32
PROCESSES: Final = 2
"""Submitter processes: one per core of the machine the goals are set for, as deployed."""
WARM_S: Final = 2.0
MEASURED_S: Final = 8.0


def measure(run: Run) -> Measured:
    """Send for a while over keep-alive connections; each 202 must be a row afterwards."""
    with open_stand(settings={"BUSBAR_WEB_PROCESSES": str(PROCESSES)}) as stand:
        stand.web()
        key = stand.account("accept")
        body = bodies.dumped(bodies.chat(1))
        run.say(f"{CONNECTIONS} connections for {MEASURED_S * run.size:.0f} s")
        driven = drive(
            stand,
            Plan(
                port=stand.web_port,
                request=bodies.post(bodies.CHAT, key, body, "Prefer: respond-async"),
                connections=CONNECTIONS,
                status=http.HTTPStatus.ACCEPTED,
                warm_requests=None,
                warm_s=WARM_S * run.size,
                seconds=MEASURED_S * run.size,
            ),
        )
        accepted = sum(driven.outcome.statuses.values())
        written = stand.ask("SELECT count(*) AS jobs FROM jobs").jobs
        if written != accepted:
            raise RowFailed(f"{accepted} answers said 202, but {written} jobs were written")
        outcome = driven.outcome
        return Measured(
            figure=outcome.answered / outcome.seconds,
            operations=outcome.answered,
            seconds=outcome.seconds,
            about="web",
            spent=driven.spent,
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
        )
