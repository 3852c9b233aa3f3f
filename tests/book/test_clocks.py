"""Only the database's time decides: a worker whose clock is wrong changes nothing.

How it writes the cooldown of a purchase is in `services/replenish/test_buying.py`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.domain.attempt import FailureKind
from app.domain.errors import OutOfRange
from app.domain.job import OnEmpty
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import read
from app.services.keeping.sweep import sweep
from app.services.operate import caps, credit
from app.services.operate.credit import Credit
from app.services.replenish.ask import ask
from app.services.replenish.policy import set_policy
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    COST_NANOS,
    HOLD,
    HOLD_NANOS,
    change,
    drawing,
    job_row,
    let_pass,
    look,
    lot,
    make_lot,
    money,
    standing,
    with_routes,
)
from tests.services.funds import make_cap, window

ANN = "ann@bastion"
HOUR, MONTHS = timedelta(hours=1), timedelta(days=70)
SOON = timedelta(minutes=30)


@pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
def astray(gateway: Gateway, request: pytest.FixtureRequest) -> Gateway:
    """A worker whose clock is an hour behind, or ahead."""
    return off(gateway, request.param * HOUR)


@pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
def lost(gateway: Gateway, request: pytest.FixtureRequest) -> Gateway:
    """A worker whose clock stands in another month."""
    return off(gateway, request.param * MONTHS)


def off(gateway: Gateway, by: timedelta) -> Gateway:
    """Return the same worker with another clock."""
    return replace(gateway, now=lambda: gateway.now() + by)


def make_buyer(gateway: Gateway) -> Customer:
    """Create an account without a cent that replenishes itself."""
    poor = make_customer(gateway, "0")
    set_policy(
        gateway,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=NANOS_PER_DOLLAR,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor=ANN,
    )
    return poor


def waits_s(gateway: Gateway, job_id: str) -> float:
    """Return how long a job waits until it is due, by the database's clock."""
    query = "SELECT extract(epoch FROM run_at - now())::float AS s FROM jobs WHERE id = :id"
    (row,) = look(gateway, query, id=job_id)
    seconds: float = row.s
    return seconds


def test_a_wrong_clock_expires_nothing(gateway: Gateway, astray: Gateway) -> None:
    """A lot is drawn until the database says that its time is over, and not after."""
    owner = make_customer(astray, "0")
    ended = make_lot(astray, owner, HOLD_NANOS, ends_in_s=-600)
    living = make_lot(astray, owner, HOLD_NANOS, ends_in_s=600)
    ids = [make_job(astray, owner) for _ in range(2)]
    assert [job.id for job in start(astray, ids, WORKER).started] == ids[:1]
    assert (lot(gateway, ended)[0], lot(gateway, living)[0]) == (0, HOLD_NANOS)
    assert read.balance(astray, owner.account_id).available_nanos == 0


def test_a_wrong_clock_pays_an_overrun_from_what_lives(gateway: Gateway, astray: Gateway) -> None:
    """Of further lots only one whose time is not over by the database's clock is drawn from."""
    owner = make_customer(astray, HOLD)
    started = start_one(astray, make_job(astray, owner))
    ended = make_lot(astray, owner, HOLD_NANOS, ends_in_s=-600)
    living = make_lot(astray, owner, HOLD_NANOS, ends_in_s=600)
    settle_one(astray, started, answer(109, 150))
    assert (lot(gateway, ended), lot(gateway, living)) == ((0, 0), (0, 100_000))


def test_a_wrong_clock_gives_the_usual_life(
    gateway: Gateway, astray: Gateway, customer: Customer
) -> None:
    """A period begins when the database says it is now."""
    wanted = Credit(nanos=5, expires=HOUR)
    given = credit.deposit(astray, customer.account_id, wanted, actor=ANN)
    assert given.expires_at is not None
    assert abs(given.expires_at - gateway.now() - HOUR) < timedelta(minutes=5)
    assert not given.is_past


def test_a_wrong_clock_takes_no_moment_for_past(
    gateway: Gateway, astray: Gateway, customer: Customer
) -> None:
    """Whether the end of a lot is over already is asked of the database."""
    soon = Credit(nanos=5, expires=gateway.now() + SOON)
    assert not credit.grant(astray, customer.account_id, soon, actor=ANN).is_past
    over = Credit(nanos=5, expires=gateway.now() - SOON)
    with pytest.raises(OutOfRange, match="is over"):
        credit.grant(astray, customer.account_id, over, actor=ANN)


def test_a_wrong_clock_takes_no_lease(gateway: Gateway, astray: Gateway) -> None:
    """A keeper with a wrong clock leaves running jobs alone, and a worker with one ends them."""
    owner = make_customer(gateway, HOLD)
    job_id = make_job(astray, owner)
    started = start_one(astray, job_id)
    assert sweep(astray) == 0
    assert 23 * 3_600 < started.left_s <= 24 * 3_600
    settle_one(astray, started, answer())
    assert standing(gateway, job_id)[0] == "succeeded"
    assert money(gateway, owner) == (0, COST_NANOS)


def test_a_wrong_clock_keeps_a_hold_to_its_deadline(gateway: Gateway, astray: Gateway) -> None:
    """A hold between two attempts is given back when the database says that it is too late."""
    owner = make_customer(gateway, HOLD)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), failure())
    let_pass(gateway, job_id, "deadline_at", 86_400 - 1_800)
    sweep(astray)
    assert money(gateway, owner) == (HOLD_NANOS, 0)
    let_pass(gateway, job_id, "deadline_at", 3_600)
    sweep(astray)
    assert (standing(gateway, job_id)[0], money(gateway, owner)) == ("expired", (0, 0))


@pytest.mark.parametrize(("asked_s", "waits"), [(None, 1.0), (300, 300.0)])
def test_a_wrong_clock_waits_as_long_for_the_next_attempt(
    gateway: Gateway, astray: Gateway, customer: Customer, asked_s: float | None, waits: float
) -> None:
    """A backoff, and what a provider asks for, are counted from the database's now."""
    worker = replace(with_routes(astray, 1), entropy=drawing(0))
    job_id = make_job(gateway, customer)
    limited = failure(FailureKind.RATE_LIMITED, 429, retry_after_s=asked_s)
    settle_one(worker, start_one(worker, job_id), limited)
    assert waits_s(gateway, job_id) == pytest.approx(waits, abs=1)


def test_a_wrong_clock_makes_no_job_due(
    gateway: Gateway, astray: Gateway, customer: Customer
) -> None:
    """What waits for half an hour more is not started, and what has waited for that long is."""
    soon, due = make_job(gateway, customer), make_job(gateway, customer)
    let_pass(gateway, soon, "run_at", -1_800)
    let_pass(gateway, due, "run_at", 1_800)
    assert [job.id for job in start(astray, [soon, due], WORKER).started] == [due]


def test_a_wrong_clock_opens_no_other_window(
    gateway: Gateway, lost: Gateway, customer: Customer
) -> None:
    """However far off it is, what it starts counts in the window of the database's day."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    started = start_one(lost, make_job(gateway, customer))
    assert window(gateway, cap_id) == (HOLD_NANOS, 0)
    second = make_job(gateway, customer)
    assert start(gateway, [second], WORKER).started == ()
    assert standing(gateway, second)[:2] == ("waiting", "capacity")
    settle_one(lost, started, answer())
    assert window(gateway, cap_id) == (0, COST_NANOS)
    assert len(look(gateway, "SELECT 1 FROM cap_windows")) == 1


def test_a_wrong_clock_shows_the_same_window(
    gateway: Gateway, lost: Gateway, customer: Customer
) -> None:
    """An operator with a wrong clock sees what is held and spent now."""
    make_cap(gateway, customer, HOLD_NANOS)
    start_one(gateway, make_job(gateway, customer))
    shown = [caps.caps_of(each, customer.account_id) for each in (gateway, lost)]
    assert shown[0] == shown[1]
    assert shown[0][0].held_nanos == HOLD_NANOS


def test_a_wrong_clock_waits_as_long_for_the_next_window(
    gateway: Gateway, lost: Gateway, customer: Customer
) -> None:
    """A cap that was spent is looked at again when its window ends by the database's clock."""
    make_cap(gateway, customer, HOLD_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    found = []
    for worker in (gateway, lost):
        job_id = make_job(gateway, customer)
        start(replace(worker, entropy=drawing(0)), [job_id], WORKER)
        assert standing(gateway, job_id)[:2] == ("waiting", "capacity")
        found.append(waits_s(gateway, job_id))
    assert found[1] == pytest.approx(found[0], abs=5)


def test_a_wrong_clock_has_as_much_patience(gateway: Gateway, astray: Gateway) -> None:
    """A job without balance waits for its quarter of an hour, neither less nor an hour more."""
    poor = make_customer(gateway, "0")
    early, late = make_job(gateway, poor), make_job(gateway, poor)
    start(astray, [early, late], WORKER)
    for job_id, waited_s in ((early, 600), (late, 901)):
        let_pass(gateway, job_id, "short_since", waited_s)
    change(gateway, "UPDATE jobs SET run_at = now()")
    assert start(astray, [early, late], WORKER).ended == (late,)
    assert waits_s(gateway, early) == pytest.approx(300, abs=5)


def test_a_wrong_clock_does_not_shorten_a_cooldown(gateway: Gateway, astray: Gateway) -> None:
    """Nothing is bought before the database says that the cooldown is over, and then at once."""
    poor = make_buyer(gateway)
    cools = "UPDATE replenish_policies SET not_before = now() + :by"
    change(gateway, cools, by=SOON)
    assert not ask(astray, poor.account_id, callers_nanos=HOLD_NANOS)
    change(gateway, cools, by=-SOON)
    assert ask(astray, poor.account_id, callers_nanos=HOLD_NANOS)


def test_a_wrong_clock_tells_callers_the_same(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """How long a purchase has been under way, and so when to come back, is the database's."""
    told = []
    for by in (timedelta(), -HOUR, HOUR):
        buying = open_another(funding_url="http://127.0.0.1:9", funding_secret=SecretStr("tests"))
        worker = replace(off(buying, by), entropy=drawing(0))
        poor = make_buyer(gateway)
        assert ask(worker, poor.account_id, callers_nanos=HOLD_NANOS)
        change(gateway, "UPDATE replenishments SET created_at = now() - interval '10 s'")
        job_id = make_job(gateway, poor, on_empty=OnEmpty.FAIL)
        start(worker, [job_id], WORKER)
        row = job_row(gateway, job_id)
        told.append((row.status_code, row.error_code, (row.run_at - row.finished_at).seconds))
    assert told == [(503, "balance_replenishing", 10)] * 3


def test_a_wrong_clock_does_not_change_the_order_of_lots(gateway: Gateway, astray: Gateway) -> None:
    """What was credited first is drawn first, whoever credited it."""
    owner = make_customer(gateway, "0")
    first = make_lot(gateway, owner, HOLD_NANOS)
    second = make_lot(astray, owner, HOLD_NANOS)
    third = make_lot(gateway, owner, HOLD_NANOS)
    drawn = []
    for _ in range(3):
        (part,) = start_one(gateway, make_job(gateway, owner)).hold.parts
        drawn.append(part.lot_id)
    assert drawn == [first, second, third]
