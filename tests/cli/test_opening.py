"""The account and the key that `busbar up` hands out."""

from app.cli.standing.account import open_account
from app.gateway import Gateway
from app.services.accounts import find_account
from app.services.operate.trail import entries


def test_what_is_done_for_an_account_is_in_the_audit(gateway: Gateway) -> None:
    """It is made, credited and given a key by whoever ran the command; once."""
    first = open_account(gateway, "demo", first_nanos=7, known_key=None)
    again = open_account(gateway, "demo", first_nanos=7, known_key=first.key)
    assert (again.key, again.available_nanos) == (first.key, 7)
    account_id = find_account(gateway, "demo").id
    found = entries(gateway, account_id, after=None, limit=100)
    assert [each.action for each in found] == ["keys create", "deposit", "accounts create"]
    assert all("@" in each.actor for each in found)
