"""Accounts, their keys, and who is let in."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError

from app.domain import apikey
from app.domain.errors import (
    AccountExists,
    DatabaseUnavailable,
    InvalidKey,
    NotFound,
    OutOfRange,
)
from app.gateway import Gateway
from app.services import accounts
from app.services.accounts import Caller, authenticator
from tests.factories import Customer
from tests.services.book import look
from tests.services.faults import away, counted

UNKNOWN = apikey.make_key(b"\x07" * apikey.ENTROPY_BYTES)


def test_a_key_lets_its_caller_in(gateway: Gateway, customer: Customer) -> None:
    """A key stands for its account and itself."""
    assert authenticator(gateway)(customer.key) == customer.caller


def test_keys_of_one_account_are_told_apart(gateway: Gateway, customer: Customer) -> None:
    """Each key is its own caller of the same account."""
    second = accounts.create_key(gateway, customer.account_id, "second")
    caller = authenticator(gateway)(second.key)
    assert caller == Caller(account_id=customer.account_id, key_id=second.id)


def test_a_key_is_not_stored(gateway: Gateway, customer: Customer) -> None:
    """The database holds its digest and a hint, from which nobody makes the key."""
    (row,) = look(gateway, "SELECT * FROM keys")
    assert bytes(row.digest) == apikey.digest(customer.key)
    stored = "".join(str(value) for value in row)
    assert customer.key[8:-4] not in stored


def test_an_unknown_key_is_refused(gateway: Gateway, customer: Customer) -> None:
    """A well-formed key that was never given out lets nobody in."""
    with pytest.raises(InvalidKey):
        authenticator(gateway)(UNKNOWN)


@pytest.mark.parametrize(
    "key", ["", "bb_live_", "sk-123", UNKNOWN[:-1], UNKNOWN + "x", UNKNOWN[:-1] + "é", "\0" * 44]
)
def test_a_malformed_key_is_refused_without_a_look(gateway: Gateway, key: str) -> None:
    """What cannot be a key does not reach the database."""
    with counted(gateway) as sent, pytest.raises(InvalidKey):
        authenticator(gateway)(key)
    assert sent == []


def test_a_key_that_is_known_costs_no_query(gateway: Gateway, customer: Customer) -> None:
    """A process asks for a key once and believes it for a while."""
    authenticate = authenticator(gateway)
    with counted(gateway) as sent:
        for _ in range(5):
            authenticate(customer.key)
    assert len(sent) == 1


def test_a_known_key_is_believed_through_an_outage(
    gateway: Gateway, database_url: str, customer: Customer
) -> None:
    """While the database is away, keys seen shortly before still let their callers in."""
    authenticate = authenticator(gateway)
    authenticate(customer.key)
    with away(database_url):
        assert authenticate(customer.key) == customer.caller


def test_an_unseen_key_in_an_outage_is_no_wrong_key(
    gateway: Gateway, database_url: str, customer: Customer
) -> None:
    """A key that cannot be looked up is a 503, and is let in when the database is back."""
    authenticate = authenticator(gateway)
    with away(database_url), pytest.raises(DatabaseUnavailable):
        authenticate(customer.key)
    assert authenticate(customer.key) == customer.caller


def test_a_revoked_key_is_refused(gateway: Gateway, customer: Customer) -> None:
    """A process that has not seen the key lets nobody in with it any more."""
    accounts.revoke_key(gateway, customer.caller.key_id)
    with pytest.raises(InvalidKey):
        authenticator(gateway)(customer.key)


def test_a_revoked_key_dies_within_the_cache_time(
    gateway: Gateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that knows the key believes it for so long, and not longer."""
    authenticate = authenticator(gateway)
    authenticate(customer.key)
    accounts.revoke_key(gateway, customer.caller.key_id)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + accounts.CACHE_S - 1)
    assert authenticate(customer.key) == customer.caller
    monkeypatch.setattr(time, "monotonic", lambda: now + accounts.CACHE_S + 1)
    with pytest.raises(InvalidKey):
        authenticate(customer.key)
    assert accounts.CACHE_S <= 30


def test_the_memory_for_keys_is_bounded(
    gateway: Gateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More keys than it may remember are all served; those it forgot it asks for again."""
    monkeypatch.setattr(accounts, "CACHE_KEYS_MAX", 2)
    keys = [accounts.create_key(gateway, customer.account_id, str(n)) for n in range(5)]
    authenticate = authenticator(gateway)
    for _ in range(2):
        assert [authenticate(key.key).key_id for key in keys] == [key.id for key in keys]


def test_revoking_twice_keeps_the_first_moment(gateway: Gateway, customer: Customer) -> None:
    """A key is revoked once, for good."""
    accounts.revoke_key(gateway, customer.caller.key_id)
    (first,) = accounts.list_keys(gateway, customer.account_id)
    accounts.revoke_key(gateway, customer.caller.key_id)
    (second,) = accounts.list_keys(gateway, customer.account_id)
    assert first.revoked_at is not None
    assert second == first


def test_an_unknown_key_cannot_be_revoked(gateway: Gateway) -> None:
    """The error says how to find the right one."""
    with pytest.raises(NotFound, match="busbar keys list"):
        accounts.revoke_key(gateway, "key_none")


def test_keys_are_listed_by_account(gateway: Gateway, customer: Customer) -> None:
    """A list for one account has its keys only, with their hints; one for all has all."""
    other = accounts.create_account(gateway, "other")
    theirs = accounts.create_key(gateway, other, "theirs")
    (listed,) = accounts.list_keys(gateway, other)
    assert (listed.id, listed.name, listed.hint) == (theirs.id, "theirs", apikey.hint(theirs.key))
    assert {key.account_id for key in accounts.list_keys(gateway, None)} == {
        customer.account_id,
        other,
    }


def test_an_account_is_found_by_name_and_by_id(gateway: Gateway) -> None:
    """Either is enough, and a name that nobody has is an error that says what to do."""
    made = accounts.create_account(gateway, "Acme & Söhne")
    assert accounts.find_account(gateway, "Acme & Söhne").id == made
    assert accounts.find_account(gateway, made).name == "Acme & Söhne"
    with pytest.raises(NotFound, match="busbar accounts list"):
        accounts.find_account(gateway, "nobody")


def test_a_name_is_taken_once(gateway: Gateway) -> None:
    """A second account of the same name is refused, and none is made."""
    accounts.create_account(gateway, "Acme")
    with pytest.raises(AccountExists, match="'Acme' exists already"):
        accounts.create_account(gateway, "Acme")
    assert [account.name for account in accounts.list_accounts(gateway)] == ["Acme"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "caf\udce9"])
def test_a_name_that_cannot_be_stored_is_refused(gateway: Gateway, name: str) -> None:
    """Before the database has to: the sentence says what a name may be."""
    with pytest.raises(OutOfRange, match=r"200 characters|NUL"):
        accounts.create_account(gateway, name)
    with pytest.raises(OutOfRange, match=r"200 characters|NUL"):
        accounts.create_key(gateway, "acct_none", name)
    assert accounts.list_accounts(gateway) == []


def test_the_longest_name_is_taken(gateway: Gateway) -> None:
    """200 characters, however many bytes they take."""
    made = accounts.create_account(gateway, "ü" * 200)
    assert accounts.find_account(gateway, "ü" * 200).id == made


@pytest.mark.parametrize("name", ["a\0b", "caf\udce9"])
def test_nobody_has_a_name_that_cannot_be_stored(gateway: Gateway, name: str) -> None:
    """Looking for one finds nothing, and is no fault of the database."""
    with pytest.raises(NotFound):
        accounts.find_account(gateway, name)


def test_accounts_are_listed_oldest_first(gateway: Gateway) -> None:
    """Their ids sort by the time they were made."""
    made = sorted(accounts.create_account(gateway, name) for name in ("b", "a", "c"))
    assert [account.id for account in accounts.list_accounts(gateway)] == made


def test_a_key_needs_an_account(gateway: Gateway, open_another: Callable[..., Gateway]) -> None:
    """There is no key without an owner."""
    with pytest.raises(IntegrityError, match="keys_account_id_exists"):
        accounts.create_key(open_another(), "acct_none", "x")
    assert accounts.list_keys(gateway, None) == []
