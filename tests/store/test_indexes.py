"""What is asked every second is answered from an index of the few rows it is about."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from app.domain.job import Lane
from app.store import jobs, leases, queue, stored, submissions
from app.store.keeping import purge, unwanted, waking
from app.store.keeping.waking import Reach, Waiting
from app.store.replenishing import carrying
from app.store.starting import claiming, claims, funds
from tests.overheard import plans
from tests.store.conftest import Book

Ask = Callable[[Connection, Book], object]

ASKED: dict[str, tuple[str, Ask]] = {
    "whose turn it is": (
        "ix_jobs_to_nudge",
        lambda conn, _: queue.take_due(conn, Lane.BATCH, 10),
    ),
    "how many were rung for": (
        "ix_jobs_nudged",
        lambda conn, _: queue.outstanding(conn, Lane.BATCH, 100),
    ),
    "whose nudge was lost": (
        "ix_jobs_nudged",
        lambda conn, _: queue.forget_nudges(conn, Lane.BATCH, older_s=5, limit=100),
    ),
    "how long the oldest waits that was rung for": (
        "ix_jobs_rung",
        lambda conn, _: queue.oldest_due_s(conn, Lane.BATCH),
    ),
    "how long the oldest waits that was not": (
        "ix_jobs_to_nudge",
        lambda conn, _: queue.oldest_due_s(conn, Lane.BATCH),
    ),
    "how many run": ("ix_jobs_leased", lambda conn, _: queue.count_running(conn, 100)),
    "whose worker went quiet": ("ix_jobs_leased", lambda conn, _: queue.recover_lapsed(conn, 100)),
    "whose deadline passed": ("ix_jobs_by_deadline", lambda conn, _: queue.expire(conn, 100)),
    "whose lease to spare": ("ix_jobs_leased", lambda conn, _: leases.spare(conn, 15)),
    "who must stop": (
        "ix_jobs_to_cancel",
        lambda conn, _: leases.unwanted(conn, "worker_1", grace_s=5),
    ),
    "whose client left": (
        "ix_jobs_left",
        lambda conn, _: leases.unwanted(conn, "worker_1", grace_s=5),
    ),
    "who waits for nobody": (
        "ix_jobs_left_waiting",
        lambda conn, _: unwanted.end_left(conn, 100, grace_s=5),
    ),
    "which accounts lack balance": (
        "ix_jobs_short_of_balance",
        lambda conn, _: waking.waiting(conn, after=("", ""), limit=100),
    ),
    "which jobs go on after a deposit": (
        "ix_jobs_short_of_balance",
        lambda conn, book: waking.wake(
            conn, [(_able(book), Reach(nanos=10**9, tokens=0))], share=20
        ),
    ),
    "which jobs go on by lots of tokens": (
        "ix_jobs_short_of_balance",
        lambda conn, book: waking.wake(conn, [(_able(book), Reach(nanos=9, tokens=9))], share=20),
    ),
    "which bodies are old": (
        "job_payloads_have_one_row_per_key",
        lambda conn, _: purge.bodies(conn, after="", before="job_01", older_s=1),
    ),
    "which keys are old": (
        "ix_idempotency_keys_by_age",
        lambda conn, _: purge.keys(conn, older_s=86_400),
    ),
    "which job a retry started": (
        "ix_jobs_by_fingerprint",
        lambda conn, book: submissions.attach(conn, book.key, b"\0" * 32),
    ),
    "what became of open purchases": (
        "ix_replenishments_timed_out",
        lambda conn, _: carrying.silent(conn, lease_s=45, limit=4),
    ),
    "a page of jobs": (
        "ix_jobs_by_account",
        lambda conn, book: jobs.page(
            conn, book.account, state=None, custom_id=None, after=None, limit=20
        ),
    ),
    "a job by its client's name": (
        "ix_jobs_by_custom_id",
        lambda conn, book: jobs.page(
            conn, book.account, state=None, custom_id="c7", after=None, limit=20
        ),
    ),
    "a page of stored completions": (
        "ix_jobs_stored",
        lambda conn, book: stored.page(
            conn,
            book.account,
            since="job_",
            after=None,
            limit=20,
            is_newest_first=True,
            instrument=None,
            metadata={},
        ),
    ),
    "whether a job may start": (
        "jobs_have_one_row_per_key",
        lambda conn, book: claiming.claim(conn, book.queued, "worker_1", 30),
    ),
    "which jobs may start": (
        "jobs_have_one_row_per_key",
        lambda conn, book: claims.claim(conn, [book.queued, book.waiting], "worker_1", 30, free=[]),
    ),
    "whose money pays for them": (
        "ix_lots_open",
        lambda conn, book: claims.claim(conn, [book.queued, book.waiting], "worker_1", 30, free=[]),
    ),
}
"""What is asked, which index must answer it, and the asking."""


@pytest.mark.parametrize("what", ASKED)
def test_an_index_answers(conn: Connection, book: Book, what: str) -> None:
    """Beside thousands of finished jobs the plan uses the index made for the question."""
    index, ask = ASKED[what]
    found = plans(conn, lambda: ask(conn, book))
    assert any(index in plan for plan in found), found
    assert not any("Seq Scan on job" in plan for plan in found), found


@pytest.mark.parametrize("ask", [queue.oldest_due_s, queue.due, queue.count_due])
def test_no_backlog_need_be_sorted(conn: Connection, ask: Callable[..., object]) -> None:
    """What is due comes out of two indexes in its order: no more is read than is asked for."""
    conn.execute(text("SET LOCAL enable_sort = off"))  # it is cheaper while there are only hundreds
    limits = [] if ask is queue.oldest_due_s else [20]
    (plan,) = plans(conn, lambda: ask(conn, Lane.BATCH, *limits))
    assert "->  Sort" not in plan
    assert "ix_jobs_rung" in plan
    assert "ix_jobs_to_nudge" in plan


def test_other_accounts_lots_are_not_looked_at(conn: Connection, book: Book) -> None:
    """However many lots others have, a hold reads those of its own account."""
    conn.execute(text("SET LOCAL session_replication_role = replica"))
    conn.execute(_OTHERS, {"account": book.other_account})
    conn.execute(text("ANALYZE lots"))
    claimed, _ = claims.claim(conn, [book.queued], "worker_1", 30, free=[])
    (plan,) = plans(conn, lambda: funds.lock(conn, claimed))
    assert "ix_lots_open" in plan


def test_other_jobs_are_not_gone_through_for_one(conn: Connection, book: Book) -> None:
    """A job that starts alone is looked up by its id, its lots by their account."""
    found = plans(conn, lambda: claiming.claim(conn, book.queued, "worker_1", 30))
    assert any("jobs_have_one_row_per_key" in plan and "ix_lots" in plan for plan in found)


def _able(book: Book) -> Waiting:
    return Waiting(
        account_id=book.other_account,
        instrument="text-prime",
        least_nanos=1,
        drawable_nanos=10**9,
        drawable_tokens=0,
        fewest_tokens=None,
        ratio_ppm=1_000_000,
    )


_OTHERS = text(
    "INSERT INTO lots (id, account_id, source, amount_nanos)"
    " SELECT 'lot_' || n, :account, 'deposit', 1 FROM generate_series(1, 3000) AS n"
)
