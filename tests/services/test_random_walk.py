"""Whatever order things happen in, the book is right, and every job comes to one end."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.domain.job import FINAL, JobState
from app.gateway import Gateway
from app.services import fund, read
from app.services.cancel import cancel
from app.services.keeping.dispatch import dispatch
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import Started, start
from app.services.streaming.leave import attach, leave
from tests.factories import Customer, answer, failure, make_customer, make_draft, submit
from tests.services.book import HOLD_NANOS, change, look, make_lot, states

STEPS = 150
OUTCOMES: list[Outcome] = [
    answer(),
    answer(output_tokens=99),
    answer(0, 0),
    replace(answer(output_tokens=7), partial=True),
    failure(),
    failure(FailureKind.RATE_LIMITED, 429, retry_after_s=3),
    failure(FailureKind.REJECTED, 400),
    Interrupted(cancelled=True),
    Interrupted(cancelled=False),
]


class Walk:
    """A gateway in the hands of chance: accounts, jobs, workers that answer, die, or come late."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self.gateway = gateway
        self.chance = random.Random(seed)
        self.owners = [make_customer(gateway, "0") for _ in range(3)]
        self.jobs: dict[str, Customer] = {}
        self.in_hand: list[Started] = []
        self.steps: list[Callable[[], object]] = [
            self.submit,
            self.start,
            self.start,
            self.settle,
            self.settle,
            self.fund,
            self.cancel,
            self.leave,
            self.come,
            self.die,
            self.pass_time,
            lambda: sweep(gateway),
            lambda: dispatch(gateway),
        ]

    def submit(self) -> None:
        """Submit a few jobs for one account."""
        owner = self.chance.choice(self.owners)
        stream = self.chance.random() < 0.5
        count = self.chance.randint(1, 5)
        new = [make_draft(self.gateway, owner, stream=stream) for _ in range(count)]
        self.jobs |= dict.fromkeys(submit(self.gateway, owner, new).job_ids, owner)

    def start(self) -> None:
        """Start some jobs, whatever state they are in."""
        some = self.chance.sample(sorted(self.jobs), min(6, len(self.jobs)))
        self.in_hand += start(self.gateway, some, "w:1:w").started

    def settle(self) -> None:
        """Settle some of what was ever started: in time, late, or for the second time."""
        some = self.chance.sample(self.in_hand, min(4, len(self.in_hand)))
        by_job = {job.id: job for job in some}
        finished = [
            Finished(job=job, outcome=self.chance.choice(OUTCOMES)) for job in by_job.values()
        ]
        settle(self.gateway, finished)

    def fund(self) -> None:
        """Credit an account with a little, in one of the ways a lot can be."""
        owner, nanos = self.chance.choice(self.owners), self.chance.randint(1, 3 * HOLD_NANOS)
        if self.chance.random() < 0.5:
            fund.deposit(self.gateway, owner.account_id, nanos, reference=None)
        else:
            make_lot(self.gateway, owner, nanos, ends_in_s=self.chance.choice([50.0, 5_000.0]))

    def cancel(self) -> None:
        """Cancel a job, whatever state it is in."""
        if self.jobs:
            job_id = self.chance.choice(sorted(self.jobs))
            cancel(self.gateway, self.jobs[job_id].caller, job_id)

    def leave(self) -> None:
        """Let a job's client go, whatever state the job is in."""
        if self.jobs:
            job_id = self.chance.choice(sorted(self.jobs))
            leave(self.gateway, self.jobs[job_id].account_id, job_id)

    def come(self) -> None:
        """Let a client come to a job."""
        if self.jobs:
            job_id = self.chance.choice(sorted(self.jobs))
            attach(self.gateway, self.jobs[job_id].account_id, job_id)

    def die(self) -> None:
        """Let a worker go quiet with some of its jobs."""
        lapsed = "UPDATE jobs SET leased_until = now() - interval '1 s' WHERE state = 'running'"
        change(self.gateway, f"{lapsed} AND right(id, 1) < :c", c=self.chance.choice("3dnz"))

    def pass_time(self) -> None:
        """Let back-offs and graces, and nearly deadlines, pass."""
        change(self.gateway, "UPDATE jobs SET client_left_at = client_left_at - interval '20 s'")
        change(self.gateway, "UPDATE jobs SET run_at = run_at - interval '20 s'")
        change(self.gateway, "UPDATE lots SET expires_at = expires_at - interval '20 s'")
        some = "UPDATE jobs SET deadline_at = deadline_at - interval '1 h' WHERE right(id, 1) < '5'"
        change(self.gateway, some)

    def finish(self) -> None:
        """Bring every job to its end."""
        for owner in self.owners:
            needed = (len(self.jobs) + 1) * HOLD_NANOS
            fund.deposit(self.gateway, owner.account_id, needed, reference=None)
        for _ in range(10):
            change(self.gateway, "UPDATE jobs SET leased_until = now() WHERE state = 'running'")
            change(self.gateway, "UPDATE jobs SET run_at = now(), worker_deaths = 0")
            sweep(self.gateway)
            started = start(self.gateway, sorted(self.jobs), "w:2:w").started
            settle(self.gateway, [Finished(job=job, outcome=answer()) for job in started])


@pytest.mark.parametrize("seed", range(3))
def test_a_random_walk_ends_well(gateway: Gateway, seed: int) -> None:
    """After each few steps the doctor is content; in the end all jobs are over, each paid once."""
    walk = Walk(gateway, seed)
    for number in range(STEPS):
        walk.chance.choice(walk.steps)()
        if number % 25 == 0:
            assert read.examine(gateway) == []
    walk.finish()
    assert set(states(gateway)) <= {state.value for state in FINAL}
    assert sum(states(gateway).values()) == len(walk.jobs)
    parts = look(gateway, "SELECT 1 FROM jobs WHERE partial")
    assert _paid(gateway) == states(gateway).get(JobState.SUCCEEDED, 0) + len(parts)


def _paid(gateway: Gateway) -> int:
    """Count answers, and parts of some, whose captures sum to their cost."""
    return len(
        look(
            gateway,
            "SELECT id FROM jobs JOIN holds ON job_id = id WHERE (jobs.state = 'succeeded'"
            " OR jobs.partial)"
            " AND cost_nanos = (SELECT coalesce(sum(amount_nanos), 0) FROM transfers"
            " WHERE transfers.job_id = jobs.id)",
        )
    )
