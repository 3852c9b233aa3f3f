"""One database with one of everything; each test looks at it, or spoils it, and rolls back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, Engine, text

from app.domain.attempt import FailureKind
from app.embedded import Stack
from app.gateway import Gateway, open_gateway
from app.services.start import start
from app.settings import Settings
from tests.factories import (
    WORKER,
    answer,
    failure,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import HOLD, make_lot
from tests.services.databases import database_of
from tests.services.faults import NOWHERE
from tests.services.funds import make_cap, make_tokens

FINISHED_JOBS = 5_000
"""So many that a plan which reads them all costs more than one which uses an index."""

BACKLOG_JOBS = 500
"""Runnable jobs, few of them due, so that not every index of runnable jobs costs the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A database, and what is in it."""

    engine: Engine
    account: str
    other_account: str
    key: str
    lot: str
    queued: str
    waiting: str
    running: str
    succeeded: str
    failed: str
    unit: str
    unit_running: str
    overrun: str
    cap: str


@pytest.fixture(scope="package")
def book(stack: Stack, template: str) -> Iterator[Book]:
    """A migrated database with a job in each state, and many old ones."""
    with database_of(stack, template) as url:
        gateway = open_gateway(Settings(database_url=url, redis_url=NOWHERE), name="tests")
        yield _write(gateway)
        gateway.close()


@pytest.fixture
def conn(book: Book) -> Iterator[Connection]:
    """A transaction on the book that is rolled back."""
    with book.engine.connect() as opened:
        yield opened
        opened.rollback()


def _write(gateway: Gateway) -> Book:
    customer, poor = make_customer(gateway), make_customer(gateway, "0")
    succeeded, failed, running = (make_job(gateway, customer) for _ in range(3))
    settle_one(gateway, start_one(gateway, succeeded), failure())
    settle_one(gateway, start_one(gateway, succeeded), answer())
    settle_one(gateway, start_one(gateway, failed), failure(FailureKind.REJECTED, 400))
    start_one(gateway, running)
    waiting = make_job(gateway, poor)
    start(gateway, [waiting], WORKER)
    unit, cap, unit_running, overrun = _write_in_full(gateway)
    queued = make_draft(gateway, customer)
    submit(gateway, customer, [queued], idempotency_key="k")
    with gateway.engine.begin() as conn:
        lot = conn.execute(text("SELECT min(id) FROM lots")).scalar_one()
        conn.execute(_FILL, {"id": queued.id, "count": FINISHED_JOBS})
        conn.execute(_QUEUE, {"id": queued.id, "count": BACKLOG_JOBS})
    with gateway.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    return Book(
        engine=gateway.engine,
        account=customer.account_id,
        other_account=poor.account_id,
        key=customer.caller.key_id,
        lot=lot,
        queued=queued.id,
        waiting=waiting,
        running=running,
        succeeded=succeeded,
        failed=failed,
        unit=unit,
        unit_running=unit_running,
        overrun=overrun,
        cap=cap,
    )


def _write_in_full(gateway: Gateway) -> tuple[str, str, str, str]:
    """Write tokens and money, held and spent under a cap; an overrun, and what it lacked.

    Return the lot of tokens, the cap, a job that runs on both, and the job that cost too much.
    """
    owner, exact = make_customer(gateway), make_customer(gateway, HOLD)
    unit, cap = make_tokens(gateway, owner, 300, 1_000_003), make_cap(gateway, owner, 10**9)
    paid, unit_running, overrun = (make_job(gateway, each) for each in (owner, owner, exact))
    settle_one(gateway, start_one(gateway, paid), answer(100, 99))
    start_one(gateway, unit_running)
    costly = start_one(gateway, overrun)
    make_lot(gateway, exact, 100)
    settle_one(gateway, costly, answer(200, 200))
    return unit, cap, unit_running, overrun


_FILL = text(
    "INSERT INTO jobs (id, account_id, key_id, lane, endpoint, instrument, custom_id, fingerprint,"
    " on_empty, input_tokens_max, output_tokens_max, state, finished_at, deadline_at)"
    " SELECT 'job_00' || n, account_id, key_id, lane, endpoint, instrument, 'c' || n,"
    " sha256(n::text::bytea), on_empty, 1, 1, 'cancelled', now(), deadline_at"
    " FROM jobs, generate_series(1, :count) AS n WHERE id = :id"
)
_QUEUE = text(
    "INSERT INTO jobs (id, account_id, key_id, lane, endpoint, instrument, on_empty,"
    " input_tokens_max, output_tokens_max, deadline_at, run_at, nudged_at)"
    " SELECT 'job_000' || n, account_id, key_id, 'batch', endpoint, instrument, on_empty, 1, 1,"
    " deadline_at, now() + n % 10 * interval '1 h', CASE WHEN n % 2 = 0 THEN now() END"
    " FROM jobs, generate_series(1, :count) AS n WHERE id = :id"
)
