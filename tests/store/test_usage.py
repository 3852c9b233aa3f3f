"""Receipts and sums are read from indexes, and a receipt is whole where lots of tokens paid."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection

from app.domain.usage.summary import ONE_DAY, Days, Grouping
from app.store import money
from app.store.keeping import closing
from app.store.operating import overview
from app.store.usage import days, receipts
from tests.overheard import plans
from tests.store.conftest import Book

TODAY = datetime.now(UTC).date()
WEEK = Days(first=TODAY - 6 * ONE_DAY, last=TODAY)

Ask = Callable[[Connection, Book], object]

ASKED: dict[str, tuple[str, Ask]] = {
    "a receipt": (
        "Index Cond: ((account_id = ",
        lambda conn, book: receipts.find(conn, book.account, book.succeeded),
    ),
    "a page of receipts": (
        "ix_jobs_by_account",
        lambda conn, book: receipts.page(
            conn,
            book.account,
            since=None,
            before=None,
            states=None,
            instrument=None,
            key_id=None,
            limit=20,
        ),
    ),
    "sums of a week": (
        "ix_jobs_by_account",
        lambda conn, book: days.sums(conn, book.account, WEEK, Grouping.MODEL),
    ),
    "which day to close": (
        "usage_closed_days_have_one_row_per_key",
        lambda conn, _: closing.next_day(conn, None),
    ),
    "the jobs of a day": (
        "jobs_have_one_row_per_key",
        lambda conn, _: closing.look(conn, date(2026, 1, 1), None),
    ),
    "what operators took back": (
        "a_lot_pays_a_job_once",
        lambda conn, book: money.sums_of(conn, book.account),
    ),
    "what is held": ("ix_holds_open", lambda conn, _: overview.open_holds(conn, None)),
    "what was charged last": (
        "jobs_have_one_row_per_key",
        lambda conn, _: overview.last_prices(conn),
    ),
}
"""What is asked, which index must answer it, and the asking."""


@pytest.mark.parametrize("what", ASKED)
def test_an_index_answers(conn: Connection, book: Book, what: str) -> None:
    """Beside thousands of other jobs none is read that was not asked for."""
    index, ask = ASKED[what]
    found = plans(conn, lambda: ask(conn, book))
    assert any(index in plan for plan in found), found
    assert not any("Seq Scan on job" in plan for plan in found), found


def test_a_page_reads_no_more_than_it_shows(conn: Connection, book: Book) -> None:
    """The newest come out of the index in their order, so nothing is sorted."""
    ask = ASKED["a page of receipts"][1]
    (plan,) = plans(conn, lambda: ask(conn, book))
    assert "Sort" not in plan
    assert "Index Scan Backward using ix_jobs_by_account" in plan


def test_draws_on_tokens_say_how_many(conn: Connection, book: Book) -> None:
    """What a lot of tokens gave is told in tokens; the cost is what all lots gave together."""
    lot = conn.exec_driver_sql(
        "SELECT job_id, account_id FROM transfers WHERE kind = 'capture' AND lot_id = %s",
        (book.unit,),
    ).one()
    receipt = receipts.find(conn, lot.account_id, lot.job_id)
    assert receipt is not None
    assert receipt.usage is not None
    assert sum(draw.nanos for draw in receipt.draws) == receipt.cost_nanos
    (unit,) = [draw for draw in receipt.draws if draw.lot_id == book.unit]
    assert unit.tokens == receipt.usage.input_tokens + receipt.usage.output_tokens


def test_an_overrun_is_a_draw_of_its_own(conn: Connection, book: Book) -> None:
    """What a call cost above its hold stands beside what was captured; a shortfall is no draw."""
    account = conn.exec_driver_sql(
        "SELECT account_id FROM jobs WHERE id = %s", (book.overrun,)
    ).scalar_one()
    receipt = receipts.find(conn, account, book.overrun)
    assert receipt is not None
    assert {draw.kind for draw in receipt.draws} == {"capture", "overrun"}
    assert sum(draw.nanos for draw in receipt.draws) == receipt.cost_nanos
