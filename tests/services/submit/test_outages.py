"""Submitting while the bus or the database is away."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import DatabaseUnavailable
from app.domain.job import Lane
from app.gateway import Gateway
from tests.factories import Customer, make_draft, make_job, submit
from tests.services.book import look, rung, standing, states
from tests.services.faults import NOWHERE, away, terminate

CLOSED = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
HUNG_MAX_S = 5.0
"""What a Redis that takes connections and says nothing may cost a submission at most."""


def test_a_job_is_accepted_while_redis_is_down(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """The row is the truth: it is there, and its message is the sweeper's business later."""
    job_id = make_job(open_another(redis_url=NOWHERE), customer)
    assert standing(gateway, job_id) == ("queued", None, 0)
    assert rung(gateway) == []


def test_a_job_is_accepted_while_redis_hangs(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer, tmp_path: Path
) -> None:
    """A bus that takes connections and never answers costs a bounded wait and no job."""
    path = tmp_path / "hung"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        begun = time.monotonic()
        job_id = make_job(open_another(redis_url=f"unix://{path}?db=0"), customer)
        assert time.monotonic() - begun < HUNG_MAX_S
    assert standing(gateway, job_id) == ("queued", None, 0)


def test_nothing_is_written_while_the_database_is_down(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """The caller is told to send it again, and nobody is rung for."""
    down = open_another(database_url=CLOSED)
    with pytest.raises(DatabaseUnavailable):
        submit(down, customer, [make_draft(gateway, customer)], idempotency_key="k")
    assert states(gateway) == {}
    assert rung(gateway) == []


@pytest.mark.parametrize("count", [1, 3])
def test_a_database_that_goes_away_is_told_as_such(
    gateway: Gateway, database_url: str, customer: Customer, count: int
) -> None:
    """Connections that were open when it went away make the same error, for one job or many."""
    new = [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(count)]
    with away(database_url), pytest.raises(DatabaseUnavailable):
        submit(gateway, customer, new)
    assert states(gateway) == {}


def test_submitting_goes_on_when_the_database_is_back(
    gateway: Gateway, database_url: str, customer: Customer
) -> None:
    """The next submission after an outage finds new connections by itself."""
    new = [make_draft(gateway, customer)]
    with away(database_url), pytest.raises(DatabaseUnavailable):
        submit(gateway, customer, new)
    submit(gateway, customer, new)
    assert states(gateway) == {"queued": 1}


def test_one_dead_connection_is_an_outage_too(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """A connection that died in the pool gives one 503, and the next submission goes through."""
    killer = open_another()
    (row,) = look(gateway, "SELECT pg_backend_pid() AS pid")
    terminate(killer, row.pid)
    with pytest.raises(DatabaseUnavailable):
        make_job(gateway, customer)
    make_job(gateway, customer)
    assert states(gateway) == {"queued": 1}
