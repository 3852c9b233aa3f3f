"""One step of a sweep that fails spares the others."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.keeping.dispatch import dispatch
from app.services.keeping.rounds import rounds
from app.services.keeping.sweep import _STEPS, TIMEOUTS_MAX, sweep
from tests.factories import Customer, answer, make_job, settle_one, start_one
from tests.services.book import lapse, let_pass, rung, standing
from tests.services.faults import away, hurried, refused

Open = Callable[..., Gateway]


def test_what_cannot_be_deleted_stops_nothing(
    open_another: Open, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the purge fails, leases are recovered, and the lines that are due are rung for."""
    gateway = open_another(payload_days=1e-9)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    job_id = make_job(gateway, customer, lane=Lane.BATCH)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    with refused(gateway, "DELETE ON job_payloads"):
        assert (sweep(gateway), dispatch(gateway)) == (1, 1)
    assert rung(gateway, Lane.BATCH) == [[job_id]]
    assert "sweep.step_failed step=_tidy" in caplog.text


def test_what_cannot_be_recovered_spares_the_rest(gateway: Gateway, customer: Customer) -> None:
    """A first step that fails leaves the second one its turn."""
    lost, late = make_job(gateway, customer), make_job(gateway, customer)
    start_one(gateway, lost)
    lapse(gateway, lost)
    let_pass(gateway, late, "deadline_at", 86_401)
    with refused(gateway, "UPDATE ON attempts"):
        assert sweep(gateway) == 1
    assert (standing(gateway, lost)[0], standing(gateway, late)[0]) == ("running", "expired")
    assert sweep(gateway) == 1


def test_an_outage_is_told(gateway: Gateway, open_another: Open, database_url: str) -> None:
    """No step is tried after one that found the database away."""
    keeper = open_another()
    with away(database_url), pytest.raises(OperationalError):
        sweep(keeper)


def test_a_slow_database_gets_round_to_every_step(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Two time limits end a sweep, so that the keeper shows its heartbeat; the next goes on."""
    make_job(gateway, customer)
    keeper = open_another()
    with gateway.engine.begin() as conn, hurried(keeper, limit_ms=50):
        conn.exec_driver_sql("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        begins = []
        for _ in range(3):
            sweep(keeper)
            begins.append(rounds(keeper).step)
    count = len(_STEPS)
    assert begins == [n * TIMEOUTS_MAX % count for n in (1, 2, 3)]
