"""Deposits and grants: credited once, on terms a lot can have, and written down."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import OutOfRange, ReferenceReused
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.keeping.sweep import sweep
from app.services.operate.credit import Credit, Expiry, Lasting, deposit, grant, keeps_expiry
from app.services.operate.trail import entries
from app.services.start import start
from tests.factories import WORKER, Customer, make_customer, make_job
from tests.services.book import HOLD_NANOS, look, states
from tests.services.faults import at_once
from tests.services.operate.conftest import ANN

FIVE = Credit(nanos=5, reference="r")


def test_a_grant_is_a_lot_of_its_own_kind(
    gateway: Gateway, customer: Customer, available: Callable[[Customer], int]
) -> None:
    """It is spent like money that was paid, and the book tells them apart."""
    given = grant(gateway, customer.account_id, Credit(nanos=7), actor=ANN)
    (row,) = look(gateway, "SELECT * FROM transfers WHERE lot_id = :id", id=given.lot_id)
    assert (row.kind, row.credit, row.amount_nanos) == ("grant", customer.account_id, 7)
    assert available(customer) == 10 * NANOS_PER_DOLLAR + 7


def test_a_credit_is_written_down_with_it(gateway: Gateway, customer: Customer) -> None:
    """The audit says who gave what, and why, once however often it is repeated."""
    wanted = Credit(nanos=12_500_000_000, reference="r", why="trial")
    given = grant(gateway, customer.account_id, wanted, actor=ANN)
    assert grant(gateway, customer.account_id, wanted, actor=ANN).is_new is False
    (entry,) = entries(gateway, customer.account_id, after=None, limit=9)
    assert (entry.actor, entry.action) == (ANN, "grant")
    assert entry.details == {
        "lot": given.lot_id,
        "amount": "12.50",
        "reference": "r",
        "why": "trial",
    }


def test_a_reference_credits_once(
    gateway: Gateway, open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """Ten tellers at the same moment make one lot, and one entry in the audit."""
    tellers = [gateway, open_another()]

    def pay(number: int) -> bool:
        return deposit(tellers[number % 2], customer.account_id, FIVE, actor=ANN).is_new

    assert sum(at_once(pay, range(10))) == 1
    assert len(entries(gateway, customer.account_id, after=None, limit=9)) == 1


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (Credit(nanos=6, reference="r"), "for another amount: a deposit of 0.000000005"),
        (Credit(nanos=5, reference="r", instrument="text-max"), "for another kind of lot"),
    ],
)
def test_a_reference_for_something_else_is_refused(
    gateway: Gateway, customer: Customer, second: Credit, says: str
) -> None:
    """The error names the reference and what it was used for; nothing is credited."""
    deposit(gateway, customer.account_id, FIVE, actor=ANN)
    with pytest.raises(ReferenceReused, match=f"'r' was used {says}"):
        deposit(gateway, customer.account_id, second, actor=ANN)
    assert len(look(gateway, "SELECT 1 FROM lots WHERE reference = 'r'")) == 1


def test_a_grant_does_not_repeat_a_deposit(gateway: Gateway, customer: Customer) -> None:
    """The same reference and amount is another credit all the same."""
    deposit(gateway, customer.account_id, FIVE, actor=ANN)
    with pytest.raises(ReferenceReused, match="a deposit of"):
        grant(gateway, customer.account_id, FIVE, actor=ANN)


def test_a_lot_may_expire(gateway: Gateway, customer: Customer) -> None:
    """After a period, by the database's clock, or at a moment."""
    soon = Credit(nanos=5, expires=timedelta(hours=4))
    given = deposit(gateway, customer.account_id, soon, actor=ANN)
    (row,) = look(
        gateway,
        "SELECT expires_at - created_at AS life FROM lots WHERE id = :id",
        id=given.lot_id,
    )
    assert row.life == timedelta(hours=4)
    moment = datetime(2099, 1, 1, tzinfo=UTC)
    later = deposit(gateway, customer.account_id, Credit(nanos=5, expires=moment), actor=ANN)
    assert later.expires_at == moment


def test_a_lot_lasts_as_the_settings_say(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """Where nothing is said; one that is to last for ever does."""
    gateway = open_another(lot_expires_s=14_400.0)
    usual = deposit(gateway, customer.account_id, Credit(nanos=5), actor=ANN)
    assert usual.expires_at is not None
    assert timedelta(hours=3) < usual.expires_at - gateway.now() < timedelta(hours=5)
    ever = Credit(nanos=5, expires=None)
    assert deposit(gateway, customer.account_id, ever, actor=ANN).expires_at is None


def test_a_lot_cannot_have_expired(gateway: Gateway, customer: Customer) -> None:
    """A moment that is over is refused, and nothing is credited or written down."""
    past = Credit(nanos=5, expires=datetime(2020, 1, 1, tzinfo=UTC), reference="late")
    with pytest.raises(OutOfRange, match="2020-01-01 00:00 UTC is over"):
        deposit(gateway, customer.account_id, past, actor=ANN)
    assert look(gateway, "SELECT 1 FROM lots WHERE reference = 'late'") == []
    assert entries(gateway, customer.account_id, after=None, limit=9) == []


def test_a_lot_of_tokens_belongs_to_an_instrument(gateway: Gateway, customer: Customer) -> None:
    """It says how many tokens of what its amount bought; in any letter case."""
    unit = Credit(nanos=2 * NANOS_PER_DOLLAR, tokens=1_000_000, instrument="Text-Prime")
    given = deposit(gateway, customer.account_id, unit, actor=ANN)
    assert (given.tokens, given.instrument) == (1_000_000, "text-prime")
    with pytest.raises(OutOfRange, match="needs the instrument"):
        deposit(gateway, customer.account_id, Credit(nanos=5, tokens=5), actor=ANN)
    with pytest.raises(OutOfRange, match=r"no instrument 'nothing'; it has .*text-prime"):
        deposit(gateway, customer.account_id, Credit(nanos=5, instrument="nothing"), actor=ANN)


def test_a_credit_wakes_who_waited(gateway: Gateway) -> None:
    """A grant lets jobs go on like a deposit does."""
    owner = make_customer(gateway, "0")
    start(gateway, [make_job(gateway, owner)], WORKER)
    assert states(gateway) == {"waiting balance": 1}
    grant(gateway, owner.account_id, Credit(nanos=HOLD_NANOS), actor=ANN)
    assert states(gateway) == {"queued": 1}
    assert sweep(gateway) == 0


@pytest.mark.parametrize("reference", ["rpl_01", "refund of job_1 #1"])
@pytest.mark.parametrize("give", [deposit, grant])
def test_the_gateways_own_references_are_not_to_be_had(
    gateway: Gateway, customer: Customer, give: Callable[..., object], reference: str
) -> None:
    """Under the name of a purchase or a refund an operator's credit would stand in its way."""
    with pytest.raises(OutOfRange, match="is one of the gateway's own; choose another"):
        give(gateway, customer.account_id, Credit(nanos=5, reference=reference), actor=ANN)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (timedelta(hours=4), timedelta(hours=4), True),
        (timedelta(hours=4), timedelta(hours=5), False),
        (timedelta(hours=4), None, False),
        (datetime(2099, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC), True),
        (datetime(2099, 1, 1, tzinfo=UTC), datetime(2099, 1, 2, tzinfo=UTC), False),
        (None, timedelta(hours=4), False),
        (timedelta(hours=4), Lasting.USUAL, True),
    ],
)
def test_a_repetition_tells_what_it_does_not_change(
    gateway: Gateway, customer: Customer, first: Expiry, second: Expiry, *, kept: bool
) -> None:
    """A credit keeps its expiry, whatever is asked for the second time."""
    deposit(gateway, customer.account_id, Credit(nanos=5, reference="r", expires=first), actor=ANN)
    again = Credit(nanos=5, reference="r", expires=second)
    given = deposit(gateway, customer.account_id, again, actor=ANN)
    assert keeps_expiry(given, second) is kept
