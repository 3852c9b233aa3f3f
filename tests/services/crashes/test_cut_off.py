"""Connections that die between any two statements, and commits whose answer is lost."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.errors import DatabaseUnavailable
from app.gateway import Gateway
from app.services import fund
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    attempts,
    hold_of,
    lapse,
    look,
    money,
    rung,
    silence,
    standing,
    states,
)
from tests.services.crashes.steps import carry, is_paid_once, keep, left_behind
from tests.services.faults import answer_lost, counted, cut

Open = Callable[..., Gateway]


def test_losing_the_answer_to_the_commit_of_a_settlement(
    gateway: Gateway, customer: Customer
) -> None:
    """T3 was committed and the worker does not know: settling again changes nothing."""
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=answer())
    with answer_lost(gateway.engine), pytest.raises(DBAPIError, match="connection is lost"):
        settle(gateway, [finished])
    settle(gateway, [finished])
    is_paid_once(gateway, customer, job_id)


def test_losing_the_answer_to_the_commit_of_a_retry(gateway: Gateway, customer: Customer) -> None:
    """A failure that was written and is written again counts once, and the job is not lost."""
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=failure())
    with answer_lost(gateway.engine), pytest.raises(DBAPIError, match="connection is lost"):
        settle(gateway, [finished])
    silence(gateway)
    settle(gateway, [finished])
    assert standing(gateway, job_id) == ("queued", None, 1)
    keep(gateway, job_id)
    assert rung(gateway) == [[job_id]]


def test_losing_the_answer_to_the_commit_of_a_start(gateway: Gateway, customer: Customer) -> None:
    """T2 was committed and no worker knows: the lease lapses, and the next attempt answers."""
    job_id = make_job(gateway, customer)
    with answer_lost(gateway.engine), pytest.raises(DBAPIError, match="connection is lost"):
        start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id)[0] == "running"
    lapse(gateway, job_id)
    keep(gateway, job_id)
    carry(gateway, customer, job_id)


def test_a_start_cut_off_anywhere_leaves_nothing(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Whichever statement of T2 a worker dies before: no lease, no hold, no attempt."""
    job_id = make_job(gateway, customer)
    for statement in range(_statements(gateway, customer, "start")):
        with cut(gateway, open_another(), before=statement), pytest.raises(DBAPIError):
            start(gateway, [job_id], WORKER)
        assert standing(gateway, job_id) == ("queued", None, 0)
        assert money(gateway, customer) == (0, COST_NANOS)
        assert attempts(gateway, job_id) == []
    start_one(gateway, job_id)


def test_a_settlement_cut_off_anywhere_leaves_nothing(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Whichever statement of T3 a worker dies before: nothing is captured, and it can be redone."""
    count = _statements(gateway, customer, "settle")
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=answer())
    for statement in range(count):
        with cut(gateway, open_another(), before=statement), pytest.raises(DBAPIError):
            settle(gateway, [finished])
        assert hold_of(gateway, job_id) == ("open", HOLD_NANOS, 0)
    settle(gateway, [finished])
    assert money(gateway, customer) == (0, 2 * COST_NANOS)


def test_a_submission_cut_off_is_sent_again(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """A client that heard of no job sends its request again, under its key, and has one job."""
    new = [make_draft(gateway, customer)]
    with cut(gateway, open_another(), before=0), pytest.raises(DatabaseUnavailable):
        submit(gateway, customer, new, idempotency_key="k")
    submitted = submit(gateway, customer, new, idempotency_key="k")
    assert states(gateway) == {"queued": 1}
    carry(gateway, customer, submitted.job_ids[0])


def test_losing_the_answer_to_a_submission(gateway: Gateway, customer: Customer) -> None:
    """T1 was committed unheard: the client's second try, under its key, finds the job."""
    new = [make_draft(gateway, customer)]
    with answer_lost(gateway.engine), pytest.raises(DatabaseUnavailable):
        submit(gateway, customer, new, idempotency_key="k")
    assert submit(gateway, customer, new, idempotency_key="k").replayed
    assert rung(gateway) == []
    keep(gateway, new[0].id)
    assert rung(gateway) == [[new[0].id]]


def test_a_sweeper_cut_off_anywhere_is_repeated(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Whichever statement a sweeper dies before, the next one brings the same to its end."""
    sweep(gateway)  # what is only done once an hour is done
    dead, late = left_behind(gateway, customer)
    with counted(gateway) as sent:
        sweep(gateway)
    for statement in range(len(sent)):
        dead, late = left_behind(gateway, customer)
        with cut(gateway, open_another(), before=statement), pytest.raises(DBAPIError):
            sweep(gateway)
        sweep(gateway)
        assert standing(gateway, dead)[0] == "failed"
        assert standing(gateway, late)[0] == "expired"
        assert money(gateway, customer) == (0, 0)


def test_a_deposit_cut_off_anywhere_is_sent_again(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """With its reference a deposit is repeated until it is there, and is there once."""
    with counted(gateway) as sent:
        _deposit(gateway, customer, "first")
    for statement in range(sum("INSERT" in sql for sql in sent)):
        with cut(gateway, open_another(), before=statement), pytest.raises(DBAPIError):
            _deposit(gateway, customer, "second")
        assert len(look(gateway, "SELECT 1 FROM lots")) == 2
    for _ in range(2):
        _deposit(gateway, customer, "second")
    assert len(look(gateway, "SELECT 1 FROM lots")) == 3


def test_losing_the_answer_to_the_commit_of_a_deposit(gateway: Gateway, customer: Customer) -> None:
    """A deposit that was committed unheard is found by its reference, not made again."""
    with answer_lost(gateway.engine), pytest.raises(DBAPIError, match="connection is lost"):
        _deposit(gateway, customer, "r")
    _deposit(gateway, customer, "r")
    assert len(look(gateway, "SELECT 1 FROM lots WHERE reference = 'r'")) == 1


def _statements(gateway: Gateway, customer: Customer, step: str) -> int:
    """Carry one job, and count the statements of one of its steps."""
    job_id = make_job(gateway, customer)
    with counted(gateway) as of_start:
        started = start_one(gateway, job_id)
    with counted(gateway) as of_settle:
        settle_one(gateway, started, answer())
    return len({"start": of_start, "settle": of_settle}[step])


def _deposit(gateway: Gateway, customer: Customer, reference: str) -> None:
    fund.deposit(gateway, customer.account_id, 1_000, reference=reference)
