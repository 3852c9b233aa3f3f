"""The settler's groups: how much goes together, what is taken apart, and when it is given up."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from app.domain.attempt import Outcome
from app.gateway import Gateway
from app.services.gather import GROUP_BYTES_MAX
from app.services.settle import Finished
from app.services.start import Started, start
from tests.factories import WORKER, Customer, answer, make_draft, submit
from tests.overheard import overheard
from tests.services.book import COST_NANOS, job_row, money, standing, states
from tests.services.faults import away, hurried, slow
from tests.simulator.running import eventually
from workers.settler import Settler

LARGE = 6_000_000
LIMIT_MS = 400
SOON_S = 15.0


def test_a_group_has_a_greatest_weight(gateway: Gateway, customer: Customer) -> None:
    """Large answers that came together are written in portions, each of them small enough."""
    jobs = _started(gateway, customer, 7)
    weights: list[int] = []
    with _weighed(gateway, weights):
        _settle(gateway, jobs, [_large(LARGE)] * 7)
    assert states(gateway) == {"succeeded": 7}
    assert sum(weights) == 7 * LARGE
    assert max(weights) <= GROUP_BYTES_MAX
    assert len(weights) == 4, "each portion is as large as it may be"


def test_one_that_is_too_large_goes_alone(gateway: Gateway, customer: Customer) -> None:
    """An answer beyond the greatest weight of a group is a group of its own."""
    jobs = _started(gateway, customer, 3)
    weights: list[int] = []
    heavy = _large(GROUP_BYTES_MAX + 1)
    with _weighed(gateway, weights):
        _settle(gateway, jobs, [answer(), heavy, answer()])
    assert states(gateway) == {"succeeded": 3}
    assert GROUP_BYTES_MAX + 1 in weights


def test_a_group_that_takes_too_long_is_taken_apart(
    gateway: Gateway, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """A group that runs into the time limit is settled in halves, none of it twice."""
    jobs = _started(gateway, customer, 20)
    with slow(gateway, "job_payloads", row_s=0.05), hurried(gateway, limit_ms=LIMIT_MS):
        _settle(gateway, jobs, [answer()] * 20)
    assert states(gateway) == {"succeeded": 20}
    assert money(gateway, customer) == (0, 20 * COST_NANOS)
    assert "settler.refused" not in caplog.text


def test_one_that_always_takes_too_long_spares_the_others(
    gateway: Gateway, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried a few times by itself, then left to its lease; all others are settled."""
    jobs = _started(gateway, customer, 6)
    outcomes = [answer(text="slow") if number == 2 else answer() for number in range(6)]
    stubborn = slow(
        gateway, "job_payloads", row_s=5, where="position('slow'::bytea IN new.body) > 0"
    )
    with stubborn, hurried(gateway, limit_ms=LIMIT_MS):
        settled = _settle(gateway, jobs, outcomes)
    assert len(settled) == 6
    assert states(gateway) == {"succeeded": 5, "running": 1}
    assert standing(gateway, jobs[2].id)[0] == "running"
    assert f"settler.refused job={jobs[2].id}" in caplog.text


def test_slots_come_back_part_by_part(gateway: Gateway, customer: Customer) -> None:
    """What is written is reported at once, also while the rest of its group is still tried."""
    jobs = _started(gateway, customer, 2)
    outcomes = [answer(), answer(text="slow")]
    stubborn = slow(
        gateway, "job_payloads", row_s=5, where="position('slow'::bytea IN new.body) > 0"
    )
    reports: list[int] = []
    with stubborn, hurried(gateway, limit_ms=LIMIT_MS):
        _settle(gateway, jobs, outcomes, report=lambda f: reports.append(len(f)))
    assert reports == [1, 1]


def test_closing_gives_up_while_postgres_is_away(
    gateway: Gateway, database_url: str, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """A settler that closes in an outage ends after its grace, and says what it leaves behind."""
    jobs = _started(gateway, customer, 5)
    settled: list[Finished] = []
    settler = Settler(gateway, settled.extend)
    settler.open()
    with away(database_url):
        for job in jobs:
            settler.put(Finished(job=job, outcome=answer()))
        assert eventually(lambda: "settler.waits" in caplog.text, within_s=SOON_S)
        begun = time.monotonic()
        settler.close(grace_s=1.0)
        assert 0.9 <= time.monotonic() - begun < SOON_S
    assert "settler.gave_up answers=5" in caplog.text
    assert len(settled) == 5
    assert states(gateway) == {"running": 5}
    assert job_row(gateway, jobs[0].id).leased_until is not None


def test_closing_uses_its_grace(
    gateway: Gateway, database_url: str, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """When Postgres comes back within the grace every answer is settled."""
    caplog.set_level(logging.WARNING)
    jobs = _started(gateway, customer, 3)
    settler = Settler(gateway, lambda _: None)
    with away(database_url):
        for job in jobs:
            settler.put(Finished(job=job, outcome=answer()))
        settler.open()
        assert eventually(lambda: "settler.waits" in caplog.text, within_s=SOON_S)
    settler.close(grace_s=SOON_S)
    assert states(gateway) == {"succeeded": 3}
    assert "gave_up" not in caplog.text


def _started(gateway: Gateway, customer: Customer, count: int) -> Sequence[Started]:
    new = [make_draft(gateway, customer) for _ in range(count)]
    return start(gateway, submit(gateway, customer, new).job_ids, WORKER).started


def _settle(
    gateway: Gateway,
    jobs: Sequence[Started],
    outcomes: Sequence[Outcome],
    *,
    report: Callable[[Sequence[Finished]], object] = lambda _: None,
) -> list[Finished]:
    """Let a settler find all of these at once; return what it reported, in the end."""
    settled: list[Finished] = []

    def hear(finished: Sequence[Finished]) -> None:
        settled.extend(finished)
        report(finished)

    settler = Settler(gateway, hear)
    for job, outcome in zip(jobs, outcomes, strict=True):
        settler.put(Finished(job=job, outcome=outcome))
    settler.open()
    settler.close(grace_s=SOON_S)
    return settled


def _large(size: int) -> Outcome:
    return replace(answer(), body=b'"' + b"x" * (size - 2) + b'"')


@contextmanager
def _weighed(gateway: Gateway, weights: list[int]) -> Iterator[None]:
    """Note how many bytes of answers each settlement carries."""

    def note(_conn: object, sql: str, values: Sequence[object]) -> None:
        if "UPDATE holds" in sql:
            weights.extend(len(blob) for blob in values if isinstance(blob, bytes))

    with overheard(gateway.engine, before=note):
        yield
