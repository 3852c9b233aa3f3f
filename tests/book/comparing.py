"""The book beside the oracle: every lot, every job, every cap, every balance."""

from collections.abc import Sequence

from app.gateway import Gateway
from app.services import read
from tests.book.oracle import Oracle
from tests.factories import Customer
from tests.services.book import look

STATES = {
    "new": {"queued", "waiting"},
    "pending": {"queued", "waiting"},
}
"""How the oracle calls what has several names in the book."""


def compare(gateway: Gateway, owners: Sequence[Customer], oracle: Oracle) -> None:
    """Assert that the book says what the oracle says, and is right by itself."""
    _lots(gateway, oracle)
    _jobs(gateway, oracle)
    _caps(gateway, oracle)
    for owner in owners:
        seen = read.balance(gateway, owner.account_id)
        told = (seen.available_nanos, seen.held_nanos, seen.spent_nanos)
        assert told == oracle.balance(owner.account_id)
        assert min(told) >= 0
    (row,) = look(
        gateway,
        "SELECT coalesce(sum(amount_nanos), 0)::bigint AS nanos FROM transfers"
        " WHERE debit = 'platform:shortfall'",
    )
    assert row.nanos == oracle.shortfall
    assert read.examine(gateway) == []


def _lots(gateway: Gateway, oracle: Oracle) -> None:
    found = {
        row.id: (row.amount_nanos, row.used_nanos, row.held_nanos, row.tokens_used)
        for row in look(gateway, "SELECT * FROM lots")
    }
    assert found == {
        name: (lot["amount"], lot["used"], lot["held"], lot["tokens_used"])
        for name, lot in oracle.lots.items()
    }
    assert all(
        used >= 0 and held >= 0 and used + held <= amount
        for amount, used, held, _ in found.values()
    )


def _jobs(gateway: Gateway, oracle: Oracle) -> None:
    for row in look(gateway, "SELECT id, state, cost_nanos FROM jobs"):
        job = oracle.jobs[row.id]
        assert row.state in STATES.get(job["state"], {job["state"]}), row.id
        assert row.cost_nanos == job["cost"], row.id


def _caps(gateway: Gateway, oracle: Oracle) -> None:
    found = {
        row.cap_id: (row.held_nanos, row.spent_nanos)
        for row in look(gateway, "SELECT * FROM cap_windows")
    }
    for name, cap in oracle.caps.items():
        assert found.get(name, (0, 0)) == (cap["held"], cap["spent"])
