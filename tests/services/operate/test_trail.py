"""The audit: every action of an operator, in order, and never changed."""

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.errors import AccountExists, NotFound
from app.domain.limits.limit import Limits
from app.gateway import Gateway
from app.services import accounts
from app.services.operate.trail import entries
from tests.services.book import change
from tests.services.operate.conftest import ANN


def test_accounts_and_keys_are_written_down(gateway: Gateway) -> None:
    """From the first action to the last, each with what it did; no key can be read from it."""
    account_id = accounts.create_account(gateway, "acme", actor=ANN)
    limits = Limits(requests_per_minute=5)
    key = accounts.create_key(gateway, account_id, "k", limits=limits, actor=ANN)
    accounts.limit_key(gateway, key.id, {"requests_per_minute": None}, actor=ANN)
    accounts.revoke_key(gateway, key.id, actor=ANN)
    found = entries(gateway, account_id, after=None, limit=9)
    assert [(each.action, dict(each.details)) for each in reversed(found)] == [
        ("accounts create", {"name": "acme"}),
        ("keys create", {"key": key.id, "name": "k", "requests_per_minute": 5}),
        ("keys limit", {"key": key.id, "requests_per_minute": None}),
        ("keys revoke", {"key": key.id}),
    ]
    assert {each.actor for each in found} == {ANN}


def test_what_was_not_done_is_not_written_down(gateway: Gateway) -> None:
    """An action that is refused leaves no entry."""
    accounts.create_account(gateway, "acme", actor=ANN)
    with pytest.raises(AccountExists):
        accounts.create_account(gateway, "acme", actor=ANN)
    with pytest.raises(NotFound):
        accounts.revoke_key(gateway, "key_none", actor=ANN)
    with pytest.raises(NotFound):
        accounts.limit_key(gateway, "key_none", {"concurrent_calls": 1}, actor=ANN)
    assert len(entries(gateway, None, after=None, limit=9)) == 1


def test_the_audit_is_read_in_pages(gateway: Gateway) -> None:
    """Newest first, of everybody or of one account, after an entry."""
    first, second = (accounts.create_account(gateway, name, actor=ANN) for name in "ab")
    newest, oldest = entries(gateway, None, after=None, limit=9)
    assert (newest.account_id, oldest.account_id) == (second, first)
    assert entries(gateway, None, after=newest.id, limit=9) == [oldest]
    assert entries(gateway, first, after=None, limit=9) == [oldest]
    assert entries(gateway, None, after=None, limit=1) == [newest]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_the_audit_cannot_be_changed(gateway: Gateway, statement: str) -> None:
    """Whoever has the application's rights cannot make an entry say something else, or vanish."""
    accounts.create_account(gateway, "acme", actor=ANN)
    with pytest.raises(DBAPIError, match=r"append-only|refuse"):
        change(gateway, statement)
    assert len(entries(gateway, None, after=None, limit=9)) == 1
