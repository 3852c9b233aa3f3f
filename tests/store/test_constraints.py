"""Every invariant the schema holds refuses what breaks it, and says which one it is."""

import pytest
from sqlalchemy import CheckConstraint, Connection, UniqueConstraint, text
from sqlalchemy.exc import IntegrityError

from app.store.tables import metadata
from tests.store.conftest import Book

_POLICY = (
    "INSERT INTO replenish_policies (account_id, threshold_nanos, amount_nanos, monthly_cap_nanos)"
    " VALUES"
)
_PURCHASE = (
    "INSERT INTO replenishments (id, account_id, state, amount_nanos, reason, lot_id, finished_at)"
    " VALUES"
)

BROKEN: dict[str, str] = {
    # Accounts and keys.
    "account_names_are_unique": "UPDATE accounts SET name = 'the same'",
    "account_names_have_1_to_200_characters": "UPDATE accounts SET name = ''",
    "holds_are_made_in_a_known_mode": "UPDATE accounts SET hold_mode = 'none'",
    "keys_are_stored_as_sha256": "UPDATE keys SET digest = 'the key itself'",
    "a_key_belongs_to_one_account": "UPDATE keys SET digest = sha256('')",
    "limits_of_keys_let_something_through": "UPDATE keys SET tokens_per_minute = 0",
    "idempotency_keys_have_1_to_255_characters": "UPDATE idempotency_keys SET idempotency_key = ''",
    # Lots.
    "a_lot_credits_something": "UPDATE lots SET amount_nanos = 0, used_nanos = 0, held_nanos = 0",
    "used_is_never_negative": "UPDATE lots SET used_nanos = -1",
    "held_is_never_negative": "UPDATE lots SET held_nanos = -1",
    "a_lot_never_goes_below_zero": "UPDATE lots SET held_nanos = amount_nanos - used_nanos + 1",
    "a_closed_lot_is_held_by_nobody": "UPDATE lots SET closed_at = now(), held_nanos = 1",
    "lots_have_a_known_source": "UPDATE lots SET source = 'theft'",
    "tokens_of_a_lot_cost_their_share_of_it": """
        UPDATE lots SET tokens_used = tokens_used + 1 WHERE id = :unit
    """,
    "a_reference_credits_an_account_once": """
        INSERT INTO lots (id, account_id, source, reference, amount_nanos)
        VALUES ('lot_1', :account, 'deposit', 'r', 1), ('lot_2', :account, 'deposit', 'r', 1)
    """,
    # Holds. A negative one breaks a second sentence too, which is taken away to hear the first.
    "holds_have_a_known_state": """
        UPDATE holds SET state = 'expired', closed_at = now() WHERE job_id = :running
    """,
    "a_hold_is_never_negative": """
        ALTER TABLE holds DROP CONSTRAINT a_capture_never_exceeds_its_hold;
        UPDATE holds SET amount_nanos = -1
    """,
    "a_capture_never_exceeds_its_hold": """
        UPDATE holds SET captured_nanos = amount_nanos + 1, state = 'captured', closed_at = now()
        WHERE job_id = :running
    """,
    "an_overrun_is_never_negative": "UPDATE holds SET overrun_nanos = -1 WHERE state = 'open'",
    "only_captured_holds_cost": """
        UPDATE holds SET captured_nanos = 1, state = 'released', closed_at = now()
        WHERE job_id = :running
    """,
    "closed_holds_say_when": "UPDATE holds SET closed_at = now() WHERE state = 'open'",
    "a_lot_gives_something_to_a_hold": "UPDATE hold_lots SET amount_nanos = 0",
    # Transfers.
    "a_transfer_moves_something": """
        INSERT INTO transfers VALUES ('tr_x', 'deposit', :account, 'a', 'b', 0, NULL, :lot)
    """,
    "a_transfer_has_two_sides": """
        INSERT INTO transfers VALUES ('tr_x', 'deposit', :account, 'a', 'a', 1, NULL, :lot)
    """,
    "transfers_have_a_known_kind": """
        INSERT INTO transfers VALUES ('tr_x', 'gift', :account, 'a', 'b', 1, NULL, :lot)
    """,
    "captures_name_their_job": """
        INSERT INTO transfers VALUES ('tr_x', 'capture', :account, 'a', 'b', 1, NULL, :lot)
    """,
    "all_but_shortfalls_move_a_lot": """
        INSERT INTO transfers VALUES ('tr_x', 'capture', :account, 'a', 'b', 1, :succeeded, NULL)
    """,
    "a_lot_pays_a_job_once": """
        INSERT INTO transfers VALUES ('tr_x', 'capture', :account, 'a', 'b', 1, :succeeded, :lot)
    """,
    # Jobs.
    "jobs_have_a_known_state": "UPDATE jobs SET state = 'lost' WHERE id = :queued",
    "jobs_wait_for_a_known_reason": "UPDATE jobs SET reason = 'mood' WHERE id = :waiting",
    "waiting_jobs_say_why": "UPDATE jobs SET state = 'waiting' WHERE id = :queued",
    "finished_jobs_say_when": "UPDATE jobs SET state = 'cancelled' WHERE id = :queued",
    "running_jobs_are_leased": "UPDATE jobs SET state = 'running' WHERE id = :queued",
    "a_lease_names_its_worker": "UPDATE jobs SET worker_id = NULL WHERE id = :running",
    "cost_is_never_negative": "UPDATE jobs SET cost_nanos = -1 WHERE id = :succeeded",
    "only_answers_cost_money": "UPDATE jobs SET cost_nanos = 1 WHERE id = :failed",
    "jobs_travel_in_a_known_lane": "UPDATE jobs SET lane = 'fast' WHERE id = :queued",
    "jobs_know_what_to_do_when_empty": "UPDATE jobs SET on_empty = 'borrow' WHERE id = :queued",
    "jobs_are_bounded_in_tokens": "UPDATE jobs SET input_tokens_max = 0 WHERE id = :queued",
    "payloads_are_requests_or_results": "UPDATE job_payloads SET kind = 'gossip'",
    # Attempts.
    "attempts_have_a_known_state": "UPDATE attempts SET state = 'asleep', finished_at = now()",
    "closed_attempts_say_when": "UPDATE attempts SET finished_at = now() WHERE state = 'open'",
    "providers_never_pay_us": "UPDATE attempts SET cost_nanos = -1",
    # Caps and calibrations.
    "caps_have_a_known_scope": "UPDATE caps SET scope = 'planet'",
    "caps_have_a_known_period": "UPDATE caps SET period = 'year'",
    "a_cap_is_never_negative": "UPDATE caps SET limit_nanos = -1",
    "windows_never_go_below_zero": "UPDATE cap_windows SET held_nanos = -1",
    "calibration_stays_a_bound": "INSERT INTO calibrations VALUES ('text-prime', 249999, 1)",
    # Replenishment.
    "a_threshold_is_never_negative": f"{_POLICY} (:account, -1, 1, 1)",
    "a_replenishment_buys_something": f"{_POLICY} (:account, 1, 0, 1)",
    "replenishment_is_capped_by_the_month": f"{_POLICY} (:account, 1, 1, 0)",
    "replenishments_have_a_known_state": f"{_POLICY} (:account, 1, 1, 1);"
    f"{_PURCHASE} ('rpl_1', :account, 'lost', 1, NULL, NULL, NULL)",
    "a_purchase_buys_something": f"{_POLICY} (:account, 1, 1, 1);"
    f"{_PURCHASE} ('rpl_1', :account, 'requested', 0, NULL, NULL, NULL)",
    "a_purchase_done_is_a_lot": f"{_POLICY} (:account, 1, 1, 1);"
    f"{_PURCHASE} ('rpl_1', :account, 'done', 1, NULL, NULL, now())",
    "failed_purchases_say_why": f"{_POLICY} (:account, 1, 1, 1);"
    f"{_PURCHASE} ('rpl_1', :account, 'failed', 1, NULL, NULL, now())",
    "finished_purchases_say_when": f"{_POLICY} (:account, 1, 1, 1);"
    f"{_PURCHASE} ('rpl_1', :account, 'buying', 1, NULL, NULL, now())",
    # Records.
    "types_of_events_are_two_words": "INSERT INTO events VALUES ('evt_1', :account, 'Low!', '{}')",
}
"""For each constraint, by its sentence, what it must refuse."""


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_breaks_an_invariant_is_refused(conn: Connection, book: Book, sentence: str) -> None:
    """The error names the constraint, so that whoever reads it knows what was wrong."""
    *before, breaks = BROKEN[sentence].split(";")
    values: dict[str, str] = {"account": book.account, "lot": book.lot, "unit": book.unit}
    for statement in before:
        conn.execute(text(statement), values)
    jobs = {state: getattr(book, state) for state in ("queued", "waiting", "running")}
    ended = {"succeeded": book.succeeded, "failed": book.failed}
    with pytest.raises(IntegrityError, match=f'"{sentence}"'):
        conn.execute(text(breaks), values | jobs | ended)


def test_every_invariant_is_broken_once() -> None:
    """No CHECK and no UNIQUE of the schema goes without such a test."""
    sentences = {
        constraint.name
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint | UniqueConstraint)
    }
    assert sentences == set(BROKEN)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount_nanos = amount_nanos + 1",
        "DELETE FROM transfers WHERE id = 'tr_none'",
        "TRUNCATE transfers",
        "INSERT INTO transfers SELECT * FROM transfers ON CONFLICT (id) DO UPDATE SET debit = ''",
    ],
)
def test_the_book_is_only_ever_added_to(conn: Connection, statement: str) -> None:
    """No way of changing or deleting transfers gets past the trigger."""
    with pytest.raises(IntegrityError, match="append-only: write a reversing row instead"):
        conn.execute(text(statement))


@pytest.mark.parametrize("state", ["open", "captured", "released"])
@pytest.mark.parametrize("job", ["succeeded", "failed"])
def test_a_closed_hold_never_changes(conn: Connection, book: Book, job: str, state: str) -> None:
    """What was captured or released is not captured, released or opened again."""
    reopened = text(
        "UPDATE holds SET state = :state, captured_nanos = 0,"
        " closed_at = CASE :state WHEN 'open' THEN NULL ELSE now() END WHERE job_id = :job"
    )
    with pytest.raises(IntegrityError, match=r"a closed hold never changes|as_their_hold_closes"):
        conn.execute(reopened, {"state": state, "job": getattr(book, job)})


def test_a_closed_hold_is_never_deleted(conn: Connection, book: Book) -> None:
    """Nobody makes room for a second hold of the same job."""
    conn.execute(text("DELETE FROM hold_lots WHERE job_id = :job"), {"job": book.failed})
    with pytest.raises(IntegrityError, match="a closed hold never changes"):
        conn.execute(text("DELETE FROM holds WHERE job_id = :job"), {"job": book.failed})


@pytest.mark.parametrize("job", ["succeeded", "failed", "running", "queued"])
def test_nothing_is_captured_past_its_settlement(conn: Connection, book: Book, job: str) -> None:
    """A capture is refused for a hold closed earlier, left open, or never made."""
    second_lot = "INSERT INTO lots (id, account_id, source, amount_nanos)"
    conn.execute(text(f"{second_lot} VALUES ('lot_x', :id, 'grant', 9)"), {"id": book.account})
    capture = text(
        "INSERT INTO transfers VALUES"
        " ('tr_x', 'capture', :account, :account, 'platform:revenue', 1, :job, 'lot_x')"
    )
    with pytest.raises(IntegrityError, match="captures_are_written_as_their_hold_closes"):
        conn.execute(capture, {"account": book.account, "job": getattr(book, job)})


def test_a_job_waits_for_a_known_amount(conn: Connection, book: Book) -> None:
    """A job that waits for its balance says what it needs: nobody could wake it otherwise."""
    forgotten = text("UPDATE jobs SET needed_nanos = 0 WHERE id = :id")
    with pytest.raises(IntegrityError, match="jobs_wait_for_a_known_reason"):
        conn.execute(forgotten, {"id": book.waiting})


def test_ids_sort_by_their_bytes(conn: Connection) -> None:
    """Whatever the database's language, ids order as their characters' codes do."""
    ids = ["job_0a", "job_0B", "job_00", "job_z", "Job_1", "job-1"]
    ordered = text('SELECT id FROM unnest(CAST(:ids AS text[])) AS t(id) ORDER BY id COLLATE "C"')
    assert conn.execute(ordered, {"ids": ids}).scalars().all() == sorted(ids)
    collations = text(
        "SELECT DISTINCT collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name IN ('id', 'job_id', 'lot_id', 'account_id')"
        " AND table_name <> 'alembic_version'"
    )
    assert conn.execute(collations).scalars().all() == ["C"]
