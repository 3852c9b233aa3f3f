"""Calibrated holds: by what an instrument's prompts really had, for accounts that want it."""

from dataclasses import replace

import pytest

from app.domain.pricing import hold_amount
from app.gateway import Gateway
from app.services.keeping.calibrate import EVERY, calibrate
from app.services.keeping.rounds import rounds
from app.store.keeping import calibrating
from tests.factories import Customer, answer, make_job, read_job, settle_one, start_one
from tests.services.book import HOLD_NANOS, change, look

BOUND = 109


@pytest.fixture(autouse=True)
def _never_looked(gateway: Gateway) -> None:
    """Each test is the first to look."""
    rounds(gateway).calibrated_at = None


def with_ratio(gateway: Gateway, ppm: int, instrument: str = "text-prime") -> None:
    """Write a calibration, and let every account hold by it."""
    change(gateway, "INSERT INTO calibrations VALUES (:it, :ppm, 10000)", it=instrument, ppm=ppm)
    change(gateway, "UPDATE accounts SET hold_mode = 'calibrated'")


def test_a_calibrated_hold_is_smaller(gateway: Gateway, customer: Customer) -> None:
    """Input is held at its ratio of the bound, rounded up; output in full."""
    with_ratio(gateway, 500_000)
    hold = start_one(gateway, make_job(gateway, customer)).hold
    assert hold.nanos == hold_amount(55, 100, hold.price) == HOLD_NANOS - 54 * 500


def test_others_hold_the_true_bound(gateway: Gateway, customer: Customer) -> None:
    """A ratio changes nothing for accounts that did not ask for it, nor for other instruments."""
    with_ratio(gateway, 500_000)
    change(gateway, "UPDATE accounts SET hold_mode = 'bound'")
    assert start_one(gateway, make_job(gateway, customer)).hold.nanos == HOLD_NANOS
    change(gateway, "UPDATE accounts SET hold_mode = 'calibrated'")
    change(gateway, "UPDATE calibrations SET instrument = 'text-max'")
    assert start_one(gateway, make_job(gateway, customer)).hold.nanos == HOLD_NANOS


def test_a_prompt_above_its_ratio_is_an_overrun(gateway: Gateway, customer: Customer) -> None:
    """What was not held is drawn from what the account has besides."""
    with_ratio(gateway, 250_000)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer(BOUND, 100))
    assert read_job(gateway, customer, job_id).cost_nanos == HOLD_NANOS
    (row,) = look(gateway, "SELECT * FROM holds")
    assert (row.captured_nanos + row.overrun_nanos, row.overrun_nanos > 0) == (HOLD_NANOS, True)


def test_prompts_are_looked_at_once_an_hour(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep comes by each second; a look reads many jobs, so it is taken now and then."""
    looks: list[object] = []
    monkeypatch.setattr(calibrating, "calibrate", looks.append)
    later = replace(gateway, now=lambda: gateway.now() + EVERY)
    for each in (gateway, gateway, later, later):
        assert calibrate(each) == 0
    assert len(looks) == 2
