"""The book is checked while it is written, and what is found can be watched."""

import math
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from app.gateway import Gateway
from app.services.keeping.reconcile import Reconciler, reconcile
from app.services.start import start
from app.store import doctor
from tests.factories import WORKER, Customer, make_job
from tests.services.book import HOLD_NANOS, change


def metric(name: str) -> float:
    """Return a gauge of this process."""
    value = REGISTRY.get_sample_value(name)
    assert value is not None
    return value


def test_a_clean_book_is_told(gateway: Gateway, customer: Customer) -> None:
    """No findings, when it was looked at, and what is held for jobs under way."""
    start(gateway, [make_job(gateway, customer)], WORKER)
    before = gateway.now().timestamp()
    assert reconcile(gateway) == []
    assert metric("busbar_book_findings") == 0
    assert metric("busbar_book_checked_timestamp") >= before
    assert metric("busbar_holds_open_usd") == pytest.approx(HOLD_NANOS / 10**9)


def test_what_is_wrong_is_counted_and_told(
    gateway: Gateway, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    """Each finding counts, and the log names the first ones."""
    change(gateway, "UPDATE lots SET used_nanos = 5")
    found = reconcile(gateway)
    change(gateway, "UPDATE lots SET used_nanos = 0")
    assert found
    assert metric("busbar_book_findings") == len(found)
    assert found[0].subject in caplog.text


def test_a_book_that_takes_too_long_is_not_called_clean(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit ends it; the metric says that nothing is known."""
    monkeypatch.setattr(doctor, "CHECKS", "SELECT pg_sleep(30)")
    monkeypatch.setattr("app.services.keeping.reconcile.BOUND_S", 1)
    assert reconcile(gateway) is None
    assert math.isnan(metric("busbar_book_findings"))


def test_it_runs_beside_the_keeper(
    open_another: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One check at a time, and none again before it is due."""
    ran = list[Gateway]()
    monkeypatch.setattr("app.services.keeping.reconcile.reconcile", ran.append)
    reconciler = Reconciler(open_another())
    for _ in range(3):
        reconciler.tick()
    reconciler.close()
    assert len(ran) == 1
