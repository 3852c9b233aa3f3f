"""Refunds: what a job cost comes back once, in one piece or in several."""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound, OutOfRange
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.operate.refund import refund
from tests.factories import Customer, make_customer, make_job
from tests.services.book import COST_NANOS, look
from tests.services.faults import at_once
from tests.services.operate.conftest import ANN


def test_a_refund_gives_back_the_cost(
    gateway: Gateway, customer: Customer, paid: str, available: Callable[[Customer], int]
) -> None:
    """The balance is what it was before the job, by a lot that says where it is from."""
    done = refund(gateway, customer.account_id, paid, None, actor=ANN)
    assert (done.nanos, done.left_nanos) == (COST_NANOS, 0)
    assert available(customer) == 10 * NANOS_PER_DOLLAR
    (row,) = look(gateway, "SELECT * FROM lots WHERE id = :id", id=done.lot_id)
    assert (row.source, row.expires_at) == ("refund", None)


def test_a_refund_goes_by_the_request_too(gateway: Gateway, customer: Customer, paid: str) -> None:
    """The name on an answer's header is one the operator is told."""
    name = paid.replace("job_", "req_")
    assert refund(gateway, customer.account_id, name, None, actor=ANN).job_id == paid


def test_refunds_never_exceed_the_cost(gateway: Gateway, customer: Customer, paid: str) -> None:
    """Parts add up to it; a part too much is refused with what is left."""
    part = refund(gateway, customer.account_id, paid, COST_NANOS - 10, actor=ANN)
    assert part.left_nanos == 10
    with pytest.raises(
        OutOfRange, match=r"cost 0.000045, of which 0.00004499 was given back: at mo"
    ):
        refund(gateway, customer.account_id, paid, 11, actor=ANN)
    assert refund(gateway, customer.account_id, paid, None, actor=ANN).nanos == 10
    with pytest.raises(OutOfRange, match="was given back already"):
        refund(gateway, customer.account_id, paid, None, actor=ANN)


def test_refunds_at_once_give_back_once(
    gateway: Gateway,
    open_another: Callable[..., Gateway],
    customer: Customer,
    paid: str,
    audited: Callable[[Customer], list[str]],
) -> None:
    """Operators who press at the same moment do not give a job's cost twice."""
    tellers = [gateway, open_another()]

    def give(number: int) -> int:
        try:
            return refund(tellers[number % 2], customer.account_id, paid, None, actor=ANN).nanos
        except OutOfRange:
            return 0

    assert sum(at_once(give, range(8))) == COST_NANOS
    assert audited(customer) == ["refund"]


def test_what_cost_nothing_is_not_given_back(gateway: Gateway, customer: Customer) -> None:
    """A job on its way has cost nothing yet."""
    with pytest.raises(OutOfRange, match="cost nothing"):
        refund(gateway, customer.account_id, make_job(gateway, customer), None, actor=ANN)


def test_a_job_of_others_is_not_refunded(gateway: Gateway, customer: Customer, paid: str) -> None:
    """The account must be the one that paid."""
    other = make_customer(gateway)
    for name in (paid, "job_none", "nothing"):
        with pytest.raises(NotFound, match="has no job"):
            refund(gateway, other.account_id, name, None, actor=ANN)
