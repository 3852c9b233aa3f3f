"""Days are closed once all their jobs are over, and come to the same sums before and after."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.ids import ENTROPY_BYTES, new_id
from app.domain.usage.summary import Days, Grouping, Summary, summed
from app.gateway import Gateway
from app.services.keeping.closing import REST_S, Closer
from app.services.lookup import usage
from app.store.engine import statement
from app.store.keeping import closing
from app.store.usage import days as by_days
from tests.factories import Customer, make_customer
from tests.services.book import change, look

TODAY = datetime.now(UTC).date()
A_DAY = timedelta(days=1)


def write(
    gateway: Gateway,
    owner: Customer,
    day: date,
    *,
    count: int = 1,
    state: str = "cancelled",
    instrument: str = "text-prime",
    tokens: int = 0,
    cost: int = 0,
) -> None:
    """Write jobs of a day that is over, straight into their rows."""
    columns = (
        "id, account_id, key_id, lane, endpoint, instrument, on_empty, input_tokens_max,"
        " output_tokens_max, state, deadline_at, created_at, finished_at, input_tokens,"
        " output_tokens, cached_tokens, reasoning_tokens, cost_nanos"
    )
    for _ in range(count):
        moment = datetime(day.year, day.month, day.day, random.randrange(24), tzinfo=UTC)
        job_id = new_id("job", moment, random.randbytes(ENTROPY_BYTES))
        change(
            gateway,
            f"INSERT INTO jobs ({columns}) VALUES (:id, :account, :key, 'batch', '/v1/messages',"
            " :instrument, 'wait', 1, 1, :state, :at, :at,"
            " CASE WHEN :state = 'queued' THEN NULL ELSE CAST(:at AS timestamptz) END,"
            " :tokens, :tokens, 0, 0, :cost)",
            id=job_id,
            account=owner.account_id,
            key=owner.caller.key_id,
            instrument=instrument,
            state=state,
            at=moment,
            tokens=tokens,
            cost=cost,
        )


def close_all(gateway: Gateway) -> None:
    """Look at every day."""
    closer = Closer(gateway)
    while closer.step():
        pass


def closed(gateway: Gateway) -> list[date]:
    """Return the days that are closed."""
    return [row.day for row in look(gateway, "SELECT day FROM usage_closed_days ORDER BY day")]


def told(gateway: Gateway, owner: Customer, grouping: Grouping) -> Summary:
    """Return the sums of the last 31 days."""
    days = Days(first=TODAY - 30 * A_DAY, last=TODAY)
    with statement(gateway.engine) as conn:
        return summed(days, grouping, by_days.sums(conn, owner.account_id, days, grouping))


@pytest.fixture(autouse=True)
def _the_book_is_right() -> None:
    """These tests write costs without a hold, which the doctor would find."""


def test_closing_changes_no_sum(gateway: Gateway) -> None:
    """Whatever was done on however many days, by whom: closed days say what open ones said."""
    owners = [make_customer(gateway, "0") for _ in range(3)]
    draw = random.Random(7)
    for _ in range(60):
        succeeds = draw.random() < 0.7
        write(
            gateway,
            draw.choice(owners),
            TODAY - A_DAY * draw.randrange(8),
            state="succeeded" if succeeds else "failed",
            instrument=draw.choice(["text-prime", "text-max"]),
            tokens=draw.randrange(10**12),
            cost=draw.randrange(10**15) if succeeds else 0,
        )
    before = [told(gateway, owner, each) for owner in owners for each in Grouping]
    close_all(gateway)
    assert len(closed(gateway)) >= 7
    assert TODAY not in closed(gateway)
    after = [told(gateway, owner, each) for owner in owners for each in Grouping]
    assert after == before
    assert sum(each.totals.jobs for each in after) == 60 * len(Grouping)


def test_closed_days_are_not_counted_again(gateway: Gateway, customer: Customer) -> None:
    """The sums of a closed day come from its own rows: jobs written behind its back do not."""
    write(gateway, customer, TODAY - 3 * A_DAY, count=2)
    close_all(gateway)
    write(gateway, customer, TODAY - 3 * A_DAY)
    assert told(gateway, customer, Grouping.DAY).totals.jobs == 2


def test_a_day_with_a_job_on_its_way_stays_open(gateway: Gateway, customer: Customer) -> None:
    """It is live until the job is over; days after it do not wait for it."""
    write(gateway, customer, TODAY - 3 * A_DAY, state="queued")
    write(gateway, customer, TODAY - 2 * A_DAY)
    close_all(gateway)
    assert TODAY - 3 * A_DAY not in closed(gateway)
    assert TODAY - 2 * A_DAY in closed(gateway)
    assert told(gateway, customer, Grouping.DAY).totals.jobs == 2
    change(gateway, "UPDATE jobs SET state = 'failed', finished_at = now() WHERE state = 'queued'")
    close_all(gateway)
    assert TODAY - 3 * A_DAY in closed(gateway)


def test_a_day_is_closed_in_steps(
    gateway: Gateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step looks at so many jobs and no more; their sums are added up."""
    monkeypatch.setattr(closing, "JOBS_MAX", 4)
    write(gateway, customer, TODAY - 2 * A_DAY, count=10, tokens=3)
    close_all(gateway)
    (row,) = look(gateway, "SELECT * FROM usage_days")
    assert (row.day, row.jobs, row.input_tokens) == (TODAY - 2 * A_DAY, 10, 30)


def test_two_who_close_a_day_close_it_once(
    gateway: Gateway, open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """A leader that was slow finds the day closed, and adds nothing."""
    write(gateway, customer, TODAY - 2 * A_DAY, count=2)
    slow, other = Closer(gateway), open_another()
    slow.step()
    close_all(other)
    while slow.step():
        pass
    assert told(gateway, customer, Grouping.DAY).totals.jobs == 2


def test_the_last_hours_are_left_open(gateway: Gateway, customer: Customer) -> None:
    """Yesterday is closed two hours after its end, so that a slow clock's jobs are in it."""
    write(gateway, customer, TODAY - A_DAY)
    close_all(gateway)
    hours = f"SELECT date(now() - interval '{closing.SETTLED_H} hours') > :day AS is_over"
    (row,) = look(gateway, hours, day=TODAY - A_DAY)
    assert (TODAY - A_DAY in closed(gateway)) is row.is_over


def test_a_house_without_jobs_has_nothing_to_close(gateway: Gateway) -> None:
    """No day is looked at, and a tick costs nothing for a while."""
    closer = Closer(gateway)
    assert closer.step() is False
    closer.tick()
    assert closer._rests_until > REST_S - 1
    assert closed(gateway) == []


def test_a_summary_counts_what_was_closed(gateway: Gateway, customer: Customer) -> None:
    """Asked for as its owner does, closed and open days stand side by side."""
    for day in (TODAY - 2 * A_DAY, TODAY):
        write(gateway, customer, day, state="succeeded", cost=5, tokens=1)
    close_all(gateway)
    found = usage.summary(
        gateway, customer.account_id, first=None, last=None, grouping=Grouping.DAY
    )
    assert [each.name for each in found.buckets] == [str(TODAY - 2 * A_DAY), str(TODAY)]
    assert found.totals.cost_nanos == 10
