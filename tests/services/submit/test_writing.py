"""T1: what a submission leaves in the database and on the bus."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from app.broker import NUDGE_IDS_MAX
from app.domain.errors import ModelNotFound, OutOfRange
from app.domain.job import JobState, Lane
from app.gateway import Gateway
from app.services.submit import SUBMIT_JOBS_MAX
from tests.factories import Customer, make_draft, make_job, read_job, submit
from tests.services.book import job_row, look, rung, states


def test_the_row_stands_as_it_was_asked_for(gateway: Gateway, customer: Customer) -> None:
    """A submitted job is queued, with its bounds, its owner and its deadline, and not begun."""
    new = make_draft(gateway, customer, deadline_s=60)
    submit(gateway, customer, [new])
    row = job_row(gateway, new.id)
    assert (row.account_id, row.key_id) == (customer.account_id, customer.caller.key_id)
    assert (row.state, row.attempt, row.attempts) == ("queued", 0, 0)
    assert (row.input_tokens_max, row.output_tokens_max) == (109, 100)
    assert row.deadline_at - row.created_at == timedelta(seconds=60)


def test_the_body_is_kept_byte_for_byte(gateway: Gateway, customer: Customer) -> None:
    """What goes to the provider later is what the client sent."""
    new = make_draft(gateway, customer, text="Grüße, 世界 🌍")
    submit(gateway, customer, [new])
    (payload,) = look(gateway, "SELECT * FROM job_payloads WHERE job_id = :id", id=new.id)
    assert (payload.kind, bytes(payload.body)) == ("request", new.request)


def test_what_is_told_is_what_is_read(gateway: Gateway, customer: Customer) -> None:
    """The job a submitter answers with, without reading it, equals the one a reader finds."""
    new = replace(make_draft(gateway, customer), custom_id="line-1", metadata={"a": "ö"})
    (told,) = submit(gateway, customer, [new]).jobs
    assert told == read_job(gateway, customer, new.id)


def test_an_interactive_job_is_rung_for_at_once(gateway: Gateway, customer: Customer) -> None:
    """Its message carries its id and nothing else, and the row knows that it was nudged."""
    job_id = make_job(gateway, customer)
    assert rung(gateway) == [[job_id]]
    assert job_row(gateway, job_id).nudged_at is not None


def test_a_batch_job_waits_for_its_turn(gateway: Gateway, customer: Customer) -> None:
    """Nobody rings for a line of a batch before the dispatcher does."""
    job_id = make_job(gateway, customer, lane=Lane.BATCH)
    assert rung(gateway, Lane.BATCH) == rung(gateway) == []
    assert job_row(gateway, job_id).nudged_at is None


def test_messages_carry_at_most_so_many_ids(gateway: Gateway, customer: Customer) -> None:
    """Many jobs of one submission are rung for in a few messages, in their order."""
    new = [make_draft(gateway, customer) for _ in range(NUDGE_IDS_MAX + 1)]
    ids = [job.id for job in new]
    submit(gateway, customer, new)
    assert rung(gateway) == [ids[:NUDGE_IDS_MAX], ids[NUDGE_IDS_MAX:]]


def test_a_thousand_jobs_are_written_together(gateway: Gateway, customer: Customer) -> None:
    """A list of the greatest length is written whole, and answered in its order."""
    new = [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(SUBMIT_JOBS_MAX)]
    submitted = submit(gateway, customer, new)
    assert submitted.job_ids == tuple(job.id for job in new)
    assert len({job.created_at for job in submitted.jobs}) == 1
    assert states(gateway) == {"queued": SUBMIT_JOBS_MAX}


def test_a_list_is_written_whole_or_not_at_all(gateway: Gateway, customer: Customer) -> None:
    """One id that is taken keeps all 1,000 out: no row, no body, no message, no key."""
    new = [make_draft(gateway, customer) for _ in range(SUBMIT_JOBS_MAX)]
    submit(gateway, customer, [new[500]])
    with pytest.raises(IntegrityError, match="jobs_have_one_row_per_key"):
        submit(gateway, customer, new, idempotency_key="k")
    assert states(gateway) == {"queued": 1}
    assert rung(gateway) == [[new[500].id]]
    assert len(look(gateway, "SELECT 1 FROM job_payloads")) == 1
    assert look(gateway, "SELECT 1 FROM idempotency_keys") == []


def test_ids_sort_as_they_were_made(gateway: Gateway, customer: Customer) -> None:
    """Jobs made a millisecond apart or more sort by their time, in the database too."""
    later = replace(gateway, now=lambda: gateway.now() + timedelta(milliseconds=2))
    first, second = make_job(gateway, customer), make_job(later, customer)
    assert [row.id for row in look(gateway, "SELECT id FROM jobs ORDER BY id")] == [first, second]


def test_an_unknown_instrument_is_refused(gateway: Gateway, customer: Customer) -> None:
    """A model that the catalog does not have is named in the error."""
    with pytest.raises(ModelNotFound, match="'gpt-9' does not exist"):
        make_draft(gateway, customer, model="gpt-9")


def test_an_instrument_is_found_in_any_case(gateway: Gateway, customer: Customer) -> None:
    """Letter case does not matter in a model's name."""
    assert make_draft(gateway, customer, model="Text-PRIME").instrument == "text-prime"


def test_more_output_than_the_instrument_gives_is_refused(
    gateway: Gateway, customer: Customer
) -> None:
    """The error says how much there is at most."""
    with pytest.raises(OutOfRange, match="at most 65536 tokens"):
        make_draft(gateway, customer, max_tokens=65_537)


def test_output_is_bounded_for_every_choice(gateway: Gateway, customer: Customer) -> None:
    """Three answers of at most 100 tokens are 300 tokens to hold for."""
    assert make_draft(gateway, customer, n=3).output_tokens_max == 300


def test_the_default_bounds_a_request_that_sets_no_limit(
    gateway: Gateway, customer: Customer
) -> None:
    """Without max_tokens the instrument's default counts."""
    assert make_draft(gateway, customer, max_tokens=None).output_tokens_max == 4096


def test_a_job_has_the_settings_deadline_unless_it_brings_its_own(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """The operator's deadline counts where the request says nothing."""
    hasty = open_another(deadline_s=7)
    assert make_draft(hasty, customer).deadline_s == 7
    assert make_draft(hasty, customer, deadline_s=9).deadline_s == 9
    assert submit(hasty, customer, [make_draft(hasty, customer)]).jobs[0].state is JobState.QUEUED
