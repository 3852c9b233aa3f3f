"""Deposits: credited once, and felt at once."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.domain.errors import ReferenceReused
from app.domain.money import DOLLARS_MAX, NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import fund, read
from app.services.keeping.sweep import sweep
from app.services.keeping.wake import wake
from app.services.operate import credit
from app.services.operate.credit import Credit
from app.services.start import start
from tests.factories import WORKER, Customer, make_customer, make_draft, make_job, submit
from tests.services.book import HOLD_NANOS, look, make_lot, states
from tests.services.faults import at_once, counted, cut


def test_a_deposit_is_a_lot_and_a_transfer(gateway: Gateway, customer: Customer) -> None:
    """Money comes from the platform's funding book into the account's own, as one lot."""
    deposited = fund.deposit(gateway, customer.account_id, 7, reference="r")
    query = "SELECT * FROM transfers WHERE lot_id = :id"
    (row,) = look(gateway, query, id=deposited.lot_id)
    assert (row.kind, row.debit, row.credit) == ("deposit", "platform:funding", row.account_id)
    assert (row.account_id, row.amount_nanos, row.job_id) == (customer.account_id, 7, None)


def test_a_reference_credits_once(gateway: Gateway, customer: Customer) -> None:
    """The same reference with the same amount is the same lot, and told to be no new one."""
    first, second = (fund.deposit(gateway, customer.account_id, 5, reference="r") for _ in range(2))
    assert (first.is_new, second.is_new) == (True, False)
    assert first.lot_id == second.lot_id
    balance = read.balance(gateway, customer.account_id)
    assert balance.available_nanos == 10 * NANOS_PER_DOLLAR + 5


def test_a_reference_at_once_credits_once(
    gateway: Gateway, open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """Ten deposits with one reference, from two processes at the same moment, make one lot."""
    tellers = [gateway, open_another()]

    def pay(number: int) -> bool:
        teller = tellers[number % 2]
        return fund.deposit(teller, customer.account_id, 5, reference="r").is_new

    assert sum(at_once(pay, range(10))) == 1


def test_a_reference_for_another_amount_is_refused(gateway: Gateway, customer: Customer) -> None:
    """A reused reference names itself in the error, and credits nothing."""
    fund.deposit(gateway, customer.account_id, 5, reference="r")
    with pytest.raises(ReferenceReused, match="'r' was used for another amount"):
        fund.deposit(gateway, customer.account_id, 6, reference="r")
    assert len(look(gateway, "SELECT 1 FROM lots WHERE reference = 'r'")) == 1


def test_a_grant_is_not_taken_for_a_deposit(gateway: Gateway, customer: Customer) -> None:
    """The same amount under the same reference is another credit where it came another way."""
    credit.grant(gateway, customer.account_id, Credit(nanos=5, reference="r"), actor="ann")
    with pytest.raises(ReferenceReused, match="'r' was used for another amount: a grant"):
        fund.deposit(gateway, customer.account_id, 5, reference="r")


def test_two_accounts_may_use_one_reference(gateway: Gateway, customer: Customer) -> None:
    """A reference belongs to its account."""
    other = make_customer(gateway, "0")
    for owner in (customer, other):
        assert fund.deposit(gateway, owner.account_id, 5, reference="r").is_new


def test_deposits_without_a_reference_add_up(gateway: Gateway) -> None:
    """Each is a lot of its own."""
    owner = make_customer(gateway, "0")
    for _ in range(3):
        assert fund.deposit(gateway, owner.account_id, 5, reference=None).is_new
    balance = read.balance(gateway, owner.account_id)
    assert (balance.available_nanos, len(balance.lots)) == (15, 3)


@pytest.mark.parametrize("nanos", [0, -1])
def test_nothing_is_no_deposit(gateway: Gateway, customer: Customer, nanos: int) -> None:
    """The book itself refuses a credit of nothing or less."""
    with pytest.raises(IntegrityError, match="a_lot_credits_something"):
        fund.deposit(gateway, customer.account_id, nanos, reference=None)


def test_an_unknown_account_gets_nothing(gateway: Gateway) -> None:
    """Money for nobody is not taken."""
    with pytest.raises(IntegrityError, match="lots_account_id_exists"):
        fund.deposit(gateway, "acct_nobody", 5, reference=None)


def test_the_largest_sums_add_up(gateway: Gateway) -> None:
    """Several lots of the largest amount are one balance, beyond what one number column holds."""
    owner = make_customer(gateway, "0")
    for _ in range(3):
        make_lot(gateway, owner, (DOLLARS_MAX - 1) * NANOS_PER_DOLLAR)
    balance = read.balance(gateway, owner.account_id)
    assert balance.available_nanos == 3 * (DOLLARS_MAX - 1) * NANOS_PER_DOLLAR
    assert balance.spent_nanos == 0


def test_a_deposit_does_not_wait_for_the_jobs_it_wakes(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """Somebody who holds the rows of waiting jobs cannot keep money from arriving."""
    owner, other = make_customer(gateway, "0"), open_another()
    start(gateway, [make_job(gateway, owner)], WORKER)
    with other.engine.begin() as conn:
        conn.execute(text("SELECT 1 FROM jobs FOR UPDATE"))
        assert fund.deposit(gateway, owner.account_id, HOLD_NANOS, reference=None).is_new
        assert read.balance(other, owner.account_id).available_nanos == HOLD_NANOS
    assert states(gateway) == {"waiting balance": 1}
    assert sweep(gateway) == 1


def test_a_deposit_outlives_an_error_after_it(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """A teller whose connection dies while it wakes jobs still says that the money is there."""
    owner = make_customer(gateway, "0")
    start(gateway, [make_job(gateway, owner)], WORKER)
    with counted(gateway) as sent, cut(gateway, open_another(), before=3):
        deposited = fund.deposit(gateway, owner.account_id, HOLD_NANOS, reference=None)
    assert ["INSERT" in sql for sql in sent] == [True, True, False, False]
    assert deposited.is_new
    assert read.balance(gateway, owner.account_id).available_nanos == HOLD_NANOS
    assert sweep(gateway) == 1


def test_deposits_at_once_all_arrive(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """Tellers that pay in while 200 jobs wait for them do not fail each other."""
    owner = make_customer(gateway, "0")
    ids = submit(gateway, owner, [make_draft(gateway, owner) for _ in range(200)]).job_ids
    start(gateway, ids, WORKER)
    assert states(gateway) == {"waiting balance": 200}
    tellers = [gateway, open_another()]

    def pay(number: int) -> None:
        fund.deposit(tellers[number % 2], owner.account_id, HOLD_NANOS, reference=None)

    at_once(pay, range(24), threads=8)
    wake(gateway)  # as the keeper does: two tellers leave to it what both of them looked at
    assert len(start(gateway, ids, WORKER).started) == 24


def test_a_deposit_lasts_as_long_as_the_settings_say(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """For ever, unless an expiry is set for all credits that have none of their own."""
    for settings in ({}, {"lot_expires_s": 14_400.0}):
        gateway = open_another(**settings)
        lot_id = fund.deposit(gateway, customer.account_id, 5, reference=None).lot_id
        query = "SELECT extract(epoch FROM expires_at - created_at) AS s FROM lots WHERE id = :id"
        (row,) = look(gateway, query, id=lot_id)
        assert (None if row.s is None else int(row.s)) == (14_400 if settings else None)
