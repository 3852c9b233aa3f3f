"""What one start reads: no more than a worker can bear, and nothing nobody pays for."""

from collections.abc import Sequence

import pytest

from app.domain.attempt import Interrupted
from app.domain.job import Lane
from app.gateway import Gateway
from app.services import fund
from app.services.start import start
from app.store.engine import transaction
from app.store.starting import claims
from app.store.starting.claims import CLAIM_BYTES_MAX, Claimed
from tests.factories import (
    WORKER,
    Customer,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import HOLD, HOLD_NANOS, change, job_row, rung, silence, states

HEAVY = CLAIM_BYTES_MAX // 3 + 1


@pytest.fixture
def poor(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def test_a_job_knows_what_its_request_weighs(gateway: Gateway, customer: Customer) -> None:
    """The size of the body, in bytes and not in characters, is kept in the row."""
    drafts = [make_draft(gateway, customer, text=text) for text in ("4?", "2 ÷ ½ = 四?")]
    submit(gateway, customer, drafts)
    for draft in drafts:
        assert job_row(gateway, draft.id).request_bytes == len(draft.request)


@pytest.mark.parametrize("lane", Lane)
def test_a_group_too_heavy_is_started_in_parts(
    gateway: Gateway, customer: Customer, lane: Lane
) -> None:
    """What is too much for one start is left as it was, rung for again, and starts in its turn."""
    ids = _heavy(gateway, customer, 8, lane=lane)
    silence(gateway)
    starts = start(gateway, ids, WORKER)
    assert [job.id for job in starts.started] == ids[:3]
    assert [job.id for job in starts.left] == ids[3:]
    assert rung(gateway, lane) == [ids[3:]]
    assert states(gateway) == {"running": 3, "queued": 5}
    assert [len(start(gateway, ids, WORKER).started) for _ in range(3)] == [3, 2, 0]
    assert all(job_row(gateway, job_id).attempt == 1 for job_id in ids)


@pytest.mark.parametrize("others", [0, 1])
def test_the_heaviest_job_is_started_too(gateway: Gateway, customer: Customer, others: int) -> None:
    """A job above the limit starts, by itself."""
    ids = _heavy(gateway, customer, 1 + others, weight=2 * CLAIM_BYTES_MAX)
    assert [job.id for job in start(gateway, ids, WORKER).started] == ids[:1]


def test_what_cannot_be_paid_is_not_read(
    gateway: Gateway, customer: Customer, poor: Customer
) -> None:
    """A claim brings the bodies of jobs whose account has something to draw, and no others."""
    ids = [make_job(gateway, owner) for owner in (customer, poor, customer, poor)]
    claimed = _claim(gateway, ids)
    assert [job.request is not None for job in claimed] == [True, False, True, False]
    assert [job.is_read for job in claimed] == [True, False, True, False]


def test_what_is_not_read_has_no_weight(gateway: Gateway, poor: Customer) -> None:
    """However heavy, jobs of an account without money are refused in one group."""
    ids = _heavy(gateway, poor, 20)
    starts = start(gateway, ids, WORKER)
    assert (starts.started, starts.left) == ((), ())
    assert states(gateway) == {"waiting balance": 20}


def test_a_job_with_a_hold_is_read(gateway: Gateway) -> None:
    """A second attempt is paid for already, though its account has nothing left to draw."""
    exact = make_customer(gateway, HOLD)
    ids = [make_job(gateway, exact) for _ in range(2)]
    settle_one(gateway, start_one(gateway, ids[0]), Interrupted(cancelled=False))
    (started,) = start(gateway, ids, WORKER).started
    assert (started.id, started.attempt) == (ids[0], 2)
    assert started.request


def test_a_free_job_is_read(gateway: Gateway, poor: Customer) -> None:
    """An instrument that costs nothing needs nothing to draw."""
    ids = [make_job(gateway, poor) for _ in range(2)]
    assert all(job.request for job in _claim(gateway, ids, free=["text-prime"]))
    assert not any(job.request for job in _claim(gateway, ids, free=["text-standard"]))


def test_spent_and_expired_lots_pay_for_nothing(gateway: Gateway, poor: Customer) -> None:
    """A lot that is all held, or past its time, does not make its account solvent."""
    fund.deposit(gateway, poor.account_id, HOLD_NANOS, reference=None)
    start_one(gateway, make_job(gateway, poor))
    ids = [make_job(gateway, poor) for _ in range(2)]
    assert not any(job.is_read for job in _claim(gateway, ids))
    fund.deposit(gateway, poor.account_id, HOLD_NANOS, reference="late")
    change(gateway, "UPDATE lots SET expires_at = now() WHERE reference = 'late'")
    assert not any(job.is_read for job in _claim(gateway, ids))


def _claim(gateway: Gateway, ids: Sequence[str], *, free: Sequence[str] = ()) -> list[Claimed]:
    """Claim jobs, and take it back."""
    with transaction(gateway.engine) as conn:
        claimed, left = claims.claim(conn, ids, WORKER, 30, free=free)
        conn.rollback()
    assert left == []
    return claimed


def _heavy(
    gateway: Gateway,
    owner: Customer,
    count: int,
    *,
    lane: Lane = Lane.INTERACTIVE,
    weight: int = HEAVY,
) -> list[str]:
    """Submit jobs that claim to be heavy; return their ids, oldest first."""
    new = [make_draft(gateway, owner, lane=lane) for _ in range(count)]
    ids = sorted(submit(gateway, owner, new).job_ids)
    change(gateway, "UPDATE jobs SET request_bytes = :n WHERE id = ANY(:ids)", n=weight, ids=ids)
    return ids
