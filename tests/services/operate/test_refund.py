"""Refunds: what a job cost comes back once, in one piece or in several."""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound, OutOfRange, ReferenceReused
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.operate.credit import Credit, deposit
from app.services.operate.refund import refund
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one
from tests.services.book import COST_NANOS, HOLD_NANOS, change, look, make_lot
from tests.services.faults import at_once
from tests.services.funds import make_tokens
from tests.services.operate.conftest import ANN


def test_a_refund_gives_back_the_cost(
    gateway: Gateway, customer: Customer, paid: str, available: Callable[[Customer], int]
) -> None:
    """The balance is what it was before the job, by a lot that says where it is from."""
    done = refund(gateway, customer.account_id, paid, None, actor=ANN)
    assert (done.nanos, done.left_nanos) == (COST_NANOS, 0)
    assert available(customer) == 10 * NANOS_PER_DOLLAR
    (row,) = look(gateway, "SELECT * FROM lots WHERE id = ANY(:ids)", ids=list(done.lot_ids))
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
        OutOfRange,
        match=r"cost \$0.000045, of which \$0.00004499 was given back: at most \$0.00000001 ",
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


def lots(gateway: Gateway, owner: Customer) -> list[tuple[int, str | None, bool]]:
    """Return the amount of each refund's lot, its instrument, and whether it expires."""
    rows = look(
        gateway,
        "SELECT * FROM lots WHERE account_id = :id AND source = 'refund' ORDER BY id",
        id=owner.account_id,
    )
    return [(row.amount_nanos, row.instrument, row.expires_at is not None) for row in rows]


def test_a_refund_has_the_terms_of_what_paid(gateway: Gateway) -> None:
    """What paid for one instrument, and for an hour, comes back so; what lasts longest is first."""
    owner = make_customer(gateway, "0")
    bound = make_lot(gateway, owner, 40_000, ends_in_s=3_600, instrument="text-prime")
    make_lot(gateway, owner, HOLD_NANOS)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer())
    done = refund(gateway, owner.account_id, job_id, 6_000, actor=ANN)
    assert (done.nanos, done.left_nanos) == (6_000, COST_NANOS - 6_000)
    refund(gateway, owner.account_id, job_id, None, actor=ANN)
    assert lots(gateway, owner) == [
        (5_000, None, False),
        (1_000, "text-prime", True),
        (39_000, "text-prime", True),
    ]
    ends = look(
        gateway,
        "SELECT DISTINCT expires_at FROM lots WHERE instrument IS NOT NULL AND account_id = :id",
        id=owner.account_id,
    )
    assert len(ends) == 1, bound


def test_a_refund_of_tokens_is_money_for_their_instrument(gateway: Gateway) -> None:
    """What a token cost comes back; which tokens those were nobody could tell."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer())
    refund(gateway, owner.account_id, job_id, None, actor=ANN)
    assert lots(gateway, owner) == [(30 * 2_000, "text-prime", False)]


def test_what_has_expired_is_not_given_back(gateway: Gateway) -> None:
    """It would be lost again at once, so the refusal says what to do instead."""
    owner = make_customer(gateway, "0")
    lot_id = make_lot(gateway, owner, ends_in_s=60)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer())
    change(gateway, "UPDATE lots SET expires_at = now() WHERE id = :id", id=lot_id)
    with pytest.raises(OutOfRange, match=r"paid by credit that has expired since; `busbar grant`"):
        refund(gateway, owner.account_id, job_id, None, actor=ANN)
    assert lots(gateway, owner) == []


def test_a_reference_refunds_once(
    gateway: Gateway,
    open_another: Callable[..., Gateway],
    customer: Customer,
    paid: str,
    audited: Callable[[Customer], list[str]],
) -> None:
    """A command that is run again after its connection broke gives nothing more."""
    tellers = [gateway, open_another()]

    def give(number: int) -> bool:
        return refund(
            tellers[number % 2], customer.account_id, paid, 10, actor=ANN, reference="case 7"
        ).is_new

    assert sum(at_once(give, range(8))) == 1
    again = refund(gateway, customer.account_id, paid, None, actor=ANN, reference="case 7")
    assert (again.nanos, again.left_nanos, again.is_new) == (10, COST_NANOS - 10, False)
    assert audited(customer) == ["refund"]


def test_a_reference_stands_for_one_thing(gateway: Gateway, customer: Customer, paid: str) -> None:
    """Another amount, another job, or a deposit under it is refused."""
    refund(gateway, customer.account_id, paid, 10, actor=ANN, reference="case 7")
    with pytest.raises(ReferenceReused, match=r"another amount: a refund of 0.00000001 dollars"):
        refund(gateway, customer.account_id, paid, 11, actor=ANN, reference="case 7")
    other = make_job(gateway, customer)
    with pytest.raises(ReferenceReused, match=f"was used to refund {paid}"):
        refund(gateway, customer.account_id, other, 10, actor=ANN, reference="case 7")
    with pytest.raises(ReferenceReused, match="a refund of"):
        deposit(gateway, customer.account_id, Credit(nanos=10, reference="case 7"), actor=ANN)


@pytest.mark.parametrize("number", [1, 2])
def test_a_refund_that_gives_nothing_is_no_success(
    gateway: Gateway,
    customer: Customer,
    paid: str,
    audited: Callable[[Customer], list[str]],
    number: int,
) -> None:
    """A lot that has the refund's reference already is passed by, or the refund is refused."""
    deposit(gateway, customer.account_id, Credit(nanos=5, reference="squatter"), actor=ANN)
    change(
        gateway,
        "UPDATE lots SET reference = :taken WHERE reference = 'squatter'",
        taken=f"refund of {paid} #{number}",
    )
    if number == 1:
        assert refund(gateway, customer.account_id, paid, None, actor=ANN).nanos == COST_NANOS
        return
    with pytest.raises(ReferenceReused, match="Nothing was given back"):
        refund(gateway, customer.account_id, paid, None, actor=ANN)
    assert audited(customer) == ["deposit"]
