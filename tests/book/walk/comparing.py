"""The book beside the oracle: every lot, every job, every cap, every balance."""

from collections.abc import Sequence

from app.gateway import Gateway
from app.services import read
from tests.book.walk.oracle import Oracle
from tests.factories import Customer
from tests.services.book import look

STATES = {
    "new": {"queued", "waiting"},
    "pending": {"queued", "waiting"},
    "late": {"expired", "failed"},
}
"""How the oracle calls what has several names in the book: who never had a hold has failed for the
lack of balance where that was what it waited for."""


BOOK = """
    SELECT coalesce((SELECT json_object_agg(id, json_build_array(amount_nanos, used_nanos,
                     held_nanos, tokens_used)) FROM lots), '{}') AS lots,
           coalesce((SELECT json_object_agg(id, json_build_array(state, cost_nanos))
                       FROM jobs), '{}') AS jobs,
           coalesce((SELECT json_object_agg(cap_id, json_build_array(held_nanos, spent_nanos))
                       FROM cap_windows), '{}') AS caps,
           (SELECT coalesce(sum(amount_nanos), 0)::bigint FROM transfers
             WHERE debit = 'platform:shortfall') AS shortfall
"""
"""All of the book that is compared, in one look: it is taken after every step."""


def compare(gateway: Gateway, owners: Sequence[Customer], oracle: Oracle) -> None:
    """Assert that the book says what the oracle says, and is right by itself."""
    (book,) = look(gateway, BOOK)
    assert book.lots == {
        name: [lot["amount"], lot["used"], lot["held"], lot["tokens_used"]]
        for name, lot in oracle.lots.items()
    }
    assert all(
        min(used, held, amount - used - held) >= 0 for amount, used, held, _ in book.lots.values()
    )
    assert set(book.jobs) == set(oracle.jobs)
    for name, (state, cost) in book.jobs.items():
        job = oracle.jobs[name]
        assert state in STATES.get(job["state"], {job["state"]}), name
        assert cost == job["cost"], name
    for name, cap in oracle.caps.items():
        assert book.caps.get(name, [0, 0]) == [cap["held"], cap["spent"]]
    assert book.shortfall == oracle.shortfall
    for owner in owners:
        seen = read.balance(gateway, owner.account_id)
        assert oracle.balance(owner.account_id) == (
            *(seen.available_nanos, seen.held_nanos, seen.spent_nanos),
            *(seen.adjusted_nanos, seen.expired_nanos),
        )
    assert read.examine(gateway) == []
