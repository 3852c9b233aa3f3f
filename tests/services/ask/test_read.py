"""Pages of jobs, balances, health: what callers and operators are shown."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.domain.job import Job, JobState, Lane
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import health, read
from app.services.cancel import cancel
from app.services.health import check
from tests.factories import (
    Customer,
    answer,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import COST_NANOS, HOLD_NANOS, change, let_pass, look, make_lot
from tests.services.faults import NOWHERE

Open = Callable[..., Gateway]
CLOSED = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


def test_pages_follow_each_other(gateway: Gateway, customer: Customer) -> None:
    """From page to page come all jobs of the account, newest first, each once."""
    ids = _jobs(gateway, customer, 25)
    found, after, more = [], None, True
    while more:
        page, more = _page(gateway, customer, after=after, limit=10)
        assert len(page) <= 10
        found += [job.id for job in page]
        after = found[-1]
    assert found == ids[::-1]


def test_the_last_page_says_so(gateway: Gateway, customer: Customer) -> None:
    """A page that holds exactly the rest has no more behind it."""
    _jobs(gateway, customer, 3)
    assert [_page(gateway, customer, limit=n)[1] for n in (2, 3, 4)] == [True, False, False]


def test_a_page_of_nothing(gateway: Gateway, customer: Customer) -> None:
    """An account without jobs has an empty page and no more."""
    assert _page(gateway, customer) == ([], False)


def test_a_page_can_be_of_one_state(gateway: Gateway, customer: Customer) -> None:
    """A filter by state shows those in it and no others."""
    ids = _jobs(gateway, customer, 6)
    for job_id in ids[:2]:
        cancel(gateway, customer.caller, job_id)
    start_one(gateway, ids[2])
    counts = {state: len(_page(gateway, customer, state=state)[0]) for state in JobState}
    assert {state: n for state, n in counts.items() if n} == {
        JobState.QUEUED: 3,
        JobState.CANCELLED: 2,
        JobState.RUNNING: 1,
    }


def test_a_page_can_be_of_one_custom_id(gateway: Gateway, customer: Customer) -> None:
    """A client finds its job by its own name for it, among all that it gave that name."""
    named = [replace(make_draft(gateway, customer), custom_id="line-7") for _ in range(2)]
    ids = submit(gateway, customer, named).job_ids
    _jobs(gateway, customer, 2)
    page, _ = _page(gateway, customer, custom_id="line-7")
    assert sorted(job.id for job in page) == sorted(ids)
    assert _page(gateway, customer, custom_id="line-8") == ([], False)


@pytest.mark.parametrize("filters", [{}, {"custom_id": "c"}, {"state": JobState.QUEUED}])
def test_nobody_sees_another_accounts_jobs(
    gateway: Gateway, customer: Customer, filters: dict[str, Any]
) -> None:
    """Whatever is asked for, only the account's own jobs are shown."""
    other = make_customer(gateway)
    mine, theirs = (replace(make_draft(gateway, o), custom_id="c") for o in (customer, other))
    submit(gateway, customer, [mine])
    submit(gateway, other, [theirs])
    page, _ = _page(gateway, customer, **filters)
    assert [job.id for job in page] == [mine.id]
    assert _page(gateway, customer, after=mine.id, **filters) == ([], False)


def test_jobs_by_their_ids(gateway: Gateway, customer: Customer) -> None:
    """They come in the order asked for, with answers; strange and foreign ids are left out."""
    first, second = _jobs(gateway, customer, 2)
    settle_one(gateway, start_one(gateway, first), answer())
    foreign = make_job(gateway, make_customer(gateway))
    asked = [second, "job_none", foreign, first]
    found = read.by_ids(gateway, customer.account_id, asked)
    assert [job.id for job in found] == [second, first]
    assert found[1].response == answer().body


def test_a_balance_follows_the_walk(gateway: Gateway, customer: Customer) -> None:
    """What is there, what is set aside and what was spent, before, in and after a job."""
    whole = 10 * NANOS_PER_DOLLAR
    assert _balance(gateway, customer) == (whole, 0, 0)
    started = start_one(gateway, make_job(gateway, customer))
    assert _balance(gateway, customer) == (whole - HOLD_NANOS, HOLD_NANOS, 0)
    settle_one(gateway, started, answer())
    assert _balance(gateway, customer) == (whole - COST_NANOS, 0, COST_NANOS)


def test_what_has_ended_is_not_available(gateway: Gateway) -> None:
    """An expired lot cannot be spent, though it is still shown while it holds something."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 2 * HOLD_NANOS, ends_in_s=60)
    start_one(gateway, make_job(gateway, owner))
    assert _balance(gateway, owner) == (HOLD_NANOS, HOLD_NANOS, 0)
    change(gateway, "UPDATE lots SET expires_at = now()")
    assert _balance(gateway, owner) == (0, HOLD_NANOS, 0)


def test_a_balance_is_the_accounts_own(gateway: Gateway, customer: Customer) -> None:
    """Another account's money is not in it."""
    assert _balance(gateway, make_customer(gateway, "0")) == (0, 0, 0)


def test_all_well(gateway: Gateway) -> None:
    """With everything there the report is ok."""
    report = check(gateway)
    assert (report.ready, report.status) == (True, "ok")


def test_no_bus_is_no_disaster(open_another: Open) -> None:
    """Without Redis requests can be served, and the report says what is late."""
    report = check(open_another(redis_url=NOWHERE))
    assert (report.ready, report.status) == (True, "degraded")
    assert "nothing is lost" in report.checks["redis"]


def test_no_database_is_unready(open_another: Open) -> None:
    """Without Postgres nothing can be served."""
    report = check(open_another(database_url=CLOSED))
    assert (report.ready, report.status) == (False, "unready")


def test_an_old_schema_is_unready(gateway: Gateway) -> None:
    """A database that was not migrated is named, with the command that does it."""
    (head,) = look(gateway, "SELECT version_num FROM alembic_version")
    change(gateway, "UPDATE alembic_version SET version_num = '0000'")
    report = check(gateway)
    change(gateway, "UPDATE alembic_version SET version_num = :head", head=head.version_num)
    assert not report.ready
    assert "at 0000" in report.checks["schema"]
    assert "busbar migrate" in report.checks["schema"]


def test_the_gauges_show_the_backlog(gateway: Gateway, customer: Customer) -> None:
    """How many jobs are due and running, and how old the oldest is, by lane."""
    ids = _jobs(gateway, customer, 3)
    make_job(gateway, customer, lane=Lane.BATCH)
    let_pass(gateway, ids[0], "run_at", 100)
    start_one(gateway, ids[2])
    health.observe(gateway)
    assert _gauge("busbar_jobs_due", lane="interactive") == 2
    assert _gauge("busbar_jobs_due", lane="batch") == 1
    assert _gauge("busbar_jobs_running") == 1
    assert 100 <= _gauge("busbar_oldest_due_seconds", lane="interactive") < 110
    assert _gauge("busbar_queue_messages", lane="interactive") == 1


def _jobs(gateway: Gateway, owner: Customer, count: int) -> Sequence[str]:
    """Submit jobs and return their ids, oldest first."""
    return sorted(
        submit(gateway, owner, [make_draft(gateway, owner) for _ in range(count)]).job_ids
    )


def _page(
    gateway: Gateway, owner: Customer, *, limit: int = 100, **filters: Any
) -> tuple[list[Job], bool]:
    asked = {"state": None, "custom_id": None, "after": None, **filters}
    return read.page(gateway, owner.account_id, limit=limit, **asked)


def _balance(gateway: Gateway, owner: Customer) -> tuple[int, int, int]:
    found = read.balance(gateway, owner.account_id)
    return found.available_nanos, found.held_nanos, found.spent_nanos


def _gauge(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(name, labels)
    assert value is not None
    return value
