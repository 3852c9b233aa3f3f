"""The doctor: a clean book has no findings, and each way to spoil it is found by its name."""

import re
from dataclasses import fields

import pytest
from sqlalchemy import Connection, text

from app.store.doctor import CHECKS, examine
from tests.store.conftest import Book

CORRUPTED: dict[str, str] = {
    "lots never go below zero": """
        ALTER TABLE lots DROP CONSTRAINT a_lot_never_goes_below_zero;
        UPDATE lots SET held_nanos = amount_nanos + 1
    """,
    "what a lot holds is what open holds draw from it": "UPDATE lots SET held_nanos = 0",
    "what a lot has spent is what was captured from it": """
        UPDATE lots SET used_nanos = 0 WHERE id = :lot
    """,
    "tokens of a lot cost their share of it": """
        ALTER TABLE lots DROP CONSTRAINT tokens_of_a_lot_cost_their_share_of_it;
        UPDATE lots SET tokens_used = tokens_used + 1 WHERE id = :unit
    """,
    "a lot has the tokens that open holds draw from it": """
        UPDATE hold_lots SET tokens = 102 WHERE job_id = :unit_running AND lot_id = :unit
    """,
    "a hold sets aside what its tokens may cost": """
        UPDATE hold_lots SET tokens = tokens - 1 WHERE job_id = :unit_running AND lot_id = :unit
    """,
    "an overrun is what further lots paid": """
        UPDATE holds SET overrun_nanos = overrun_nanos + 1 WHERE job_id = :overrun
    """,
    "a window holds and has spent what its holds did": """
        UPDATE cap_windows SET held_nanos = held_nanos + 1
    """,
    "a hold counts under the caps of its own account and key": """
        UPDATE caps SET subject_id = 'key_of_somebody_else' WHERE id = :cap
    """,
    "every lot was credited by one transfer": "UPDATE lots SET amount_nanos = amount_nanos + 1",
    "a transfer moves between the books of its kind": """
        UPDATE transfers SET credit = 'platform:elsewhere' WHERE kind = 'capture'
    """,
    "an account's book is what its lots have left": """
        UPDATE transfers SET debit = 'platform:funding' WHERE kind = 'capture'
    """,
    "a hold is the sum of its lots' parts": "DELETE FROM hold_lots WHERE job_id = :failed",
    "a hold captured what was transferred": "DELETE FROM transfers WHERE job_id = :succeeded",
    "captures belong to the account that held": """
        UPDATE transfers SET account_id = :other_account WHERE job_id = :succeeded
    """,
    "a hold is open exactly while its job goes on": """
        UPDATE holds SET state = 'open', closed_at = NULL WHERE job_id = :failed
    """,
    "a hold draws on the account of its job": """
        UPDATE jobs SET account_id = :other_account WHERE id = :succeeded
    """,
    "what an answer used is paid for by somebody": """
        UPDATE jobs SET output_tokens = output_tokens + 1 WHERE id = :succeeded
    """,
    "refunds of a job are no more than it cost": """
        INSERT INTO lots (id, account_id, source, reference, amount_nanos)
        SELECT 'lot_refund', account_id, 'refund', 'refund of ' || id || ' #1', cost_nanos + 1
          FROM jobs WHERE id = :succeeded
    """,
    "a replenishment is a purchase that was done once": """
        UPDATE lots SET source = 'replenishment' WHERE id = :lot
    """,
    "an answer was settled once, at its cost": """
        UPDATE jobs SET cost_nanos = cost_nanos - 1 WHERE id = :succeeded
    """,
    "only answers cost money": """
        UPDATE jobs SET state = 'failed', cost_nanos = NULL WHERE id = :succeeded
    """,
    "a running job has a hold and an open attempt": """
        UPDATE attempts SET state = 'lost', finished_at = now() WHERE job_id = :running
    """,
    "a job that does not run has no open attempt": """
        UPDATE attempts SET state = 'open', finished_at = NULL WHERE job_id = :failed
    """,
    "a succeeded job has one winning attempt": """
        UPDATE attempts SET state = 'succeeded' WHERE job_id = :succeeded
    """,
}
"""For each check, by its name, one way to spoil the book behind the triggers' backs."""

WAYS: list[tuple[str, str]] = [
    *CORRUPTED.items(),
    (
        "a running job has a hold and an open attempt",
        "DELETE FROM attempts WHERE job_id = :running",
    ),
    ("a running job has a hold and an open attempt", "DELETE FROM holds WHERE job_id = :running"),
    ("a succeeded job has one winning attempt", "DELETE FROM attempts WHERE job_id = :succeeded"),
    (
        "an answer was settled once, at its cost",
        "DELETE FROM holds WHERE job_id = :succeeded",
    ),
    (
        "an answer was settled once, at its cost",
        """
        UPDATE jobs SET state = 'cancelled', partial = true, cost_nanos = cost_nanos - 1
        WHERE id = :succeeded
        """,
    ),
    (
        "a transfer moves between the books of its kind",
        "UPDATE transfers SET debit = 'platform:revenue' WHERE kind = 'deposit'",
    ),
    (
        "a hold is open exactly while its job goes on",
        """
        UPDATE jobs SET state = 'queued', leased_until = NULL, worker_id = NULL WHERE id = :running;
        UPDATE attempts SET state = 'lost', finished_at = now() WHERE job_id = :running;
        UPDATE lots SET held_nanos = 0;
        UPDATE holds SET state = 'released', closed_at = now() WHERE job_id = :running
        """,
    ),
    (
        "a hold draws on the account of its job",
        "UPDATE holds SET account_id = :other_account WHERE job_id = :running",
    ),
    (
        "a hold draws on the account of its job",
        "UPDATE lots SET account_id = :other_account WHERE id = :lot",
    ),
    (
        "every lot was credited by one transfer",
        """
        DELETE FROM transfers WHERE kind = 'deposit';
        INSERT INTO transfers SELECT 'tr_' || n, 'deposit', account_id, 'platform:funding',
        account_id, amount_nanos / 2, NULL, id FROM lots, generate_series(1, 2) AS n
        WHERE id = :lot
        """,
    ),
    ("every lot was credited by one transfer", "DELETE FROM transfers WHERE kind = 'deposit'"),
    (
        "an answer was settled once, at its cost",
        "UPDATE jobs SET cost_nanos = NULL WHERE id = :succeeded",
    ),
    (
        "what a lot has spent is what was captured from it",
        """
        INSERT INTO transfers SELECT 'tr_x', kind, account_id, debit, credit, amount_nanos,
        :failed, lot_id FROM transfers WHERE job_id = :succeeded
        """,
    ),
    (
        "a window holds and has spent what its holds did",
        "UPDATE cap_windows SET spent_nanos = spent_nanos - 1",
    ),
    ("a window holds and has spent what its holds did", "DELETE FROM hold_caps"),
    (
        "a hold counts under the caps of its own account and key",
        "UPDATE caps SET account_id = :other_account WHERE id = :cap",
    ),
    (
        "an overrun is what further lots paid",
        "UPDATE transfers SET kind = 'capture' WHERE kind = 'overrun'",
    ),
    (
        "a transfer moves between the books of its kind",
        "UPDATE transfers SET debit = account_id WHERE kind = 'shortfall'",
    ),
    (
        "a transfer moves between the books of its kind",
        "UPDATE transfers SET kind = 'grant' WHERE kind = 'deposit'",
    ),
    (
        "every lot was credited by one transfer",
        "UPDATE lots SET source = 'grant' WHERE id = :lot",
    ),
    (
        "captures belong to the account that held",
        "UPDATE transfers SET account_id = :other_account WHERE kind = 'shortfall'",
    ),
    (
        "an answer was settled once, at its cost",
        "UPDATE jobs SET cost_nanos = cost_nanos - 100 WHERE id = :overrun",
    ),
    (
        "tokens of a lot cost their share of it",
        """
        ALTER TABLE lots DROP CONSTRAINT tokens_of_a_lot_cost_their_share_of_it;
        UPDATE lots SET tokens_used = 1 WHERE id = :lot
        """,
    ),
    (
        "a hold sets aside what its tokens may cost",
        "UPDATE hold_lots SET tokens = NULL WHERE lot_id = :unit",
    ),
]
"""These, and further ways."""


def test_a_right_book_has_no_findings(conn: Connection) -> None:
    """With jobs in every state, retried, paid, released and running, nothing is wrong."""
    assert examine(conn) == []


@pytest.mark.parametrize(("check", "corruption"), WAYS, ids=[check for check, _ in WAYS])
def test_each_corruption_is_found(
    conn: Connection, book: Book, check: str, corruption: str
) -> None:
    """The finding carries the name of the rule, whose row it is, and what was seen."""
    conn.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in corruption.split(";"):
        assert conn.execute(text(statement), _ids(book)).rowcount != 0
    found = {finding.check: finding for finding in examine(conn)}
    assert check in found
    assert found[check].subject
    assert found[check].detail


def test_every_check_is_shown_to_find_something() -> None:
    """No check of the doctor goes without such a test."""
    names = re.findall(r"^SELECT '((?:[^']|'')+)'", CHECKS, re.MULTILINE)
    assert {name.replace("''", "'") for name in names} == set(CORRUPTED)


def test_a_large_book_takes_its_time(conn: Connection) -> None:
    """The limit on statements does not hold for the doctor, and holds again after it."""
    conn.execute(text("SET statement_timeout = 1"))
    assert examine(conn) == []
    assert conn.execute(text("SHOW statement_timeout")).scalar_one() == "10s"


def test_a_ruin_is_told_up_to_a_thousand_findings(conn: Connection, book: Book) -> None:
    """A book in which everything is wrong is still reported, and within bounds."""
    conn.execute(text("SET LOCAL session_replication_role = replica"))
    spoil = "UPDATE jobs SET state = 'succeeded', cost_nanos = 1 WHERE state = 'cancelled'"
    conn.execute(text(spoil))
    assert len(examine(conn)) == 1_000


def _ids(book: Book) -> dict[str, object]:
    return {each.name: getattr(book, each.name) for each in fields(book) if each.name != "engine"}
