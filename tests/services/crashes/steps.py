"""Steps of the walk that several tests about crashes share."""

from app.gateway import Gateway
from app.services.keeping.dispatch import dispatch
from app.services.keeping.sweep import sweep
from tests.factories import (
    Customer,
    answer,
    failure,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    hold_of,
    lapse,
    let_pass,
    look,
    money,
    standing,
)

LONG_S = 3_600


def keep(gateway: Gateway, job_id: str) -> None:
    """What the keeper does about a job once its nudge has become old."""
    let_pass(gateway, job_id, "nudged_at", LONG_S)
    sweep(gateway)
    dispatch(gateway)


def carry(gateway: Gateway, customer: Customer, job_id: str) -> None:
    """Carry a job through an attempt that answers; it must then be paid once."""
    settle_one(gateway, start_one(gateway, job_id), answer())
    is_paid_once(gateway, customer, job_id)


def is_paid_once(gateway: Gateway, customer: Customer, job_id: str) -> None:
    """Assert that a job succeeded and that its one answer is all its account has paid for."""
    assert standing(gateway, job_id)[0] == "succeeded"
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, COST_NANOS)
    assert money(gateway, customer) == (0, COST_NANOS)


def left_behind(gateway: Gateway, customer: Customer) -> tuple[str, str]:
    """Return a job whose third worker has died, and one whose deadline passed with a hold kept."""
    dead, late = make_job(gateway, customer), make_job(gateway, customer)
    start_one(gateway, dead)
    look_back = "UPDATE jobs SET worker_deaths = 2 WHERE id = :id RETURNING id"
    assert look(gateway, look_back, id=dead)
    lapse(gateway, dead)
    settle_one(gateway, start_one(gateway, late), failure())
    let_pass(gateway, late, "deadline_at", 86_401)
    return dead, late
