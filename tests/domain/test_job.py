"""The states of a job and the legal moves between them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.job import FINAL, NEXT, RUNNABLE, JobState, Lane, NewJob, OnEmpty, written

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def test_every_state_has_its_moves() -> None:
    """The table knows each state, and only states."""
    assert set(NEXT) == set(JobState)
    assert all(following <= set(JobState) for following in NEXT.values())


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_is_never_left(state: JobState) -> None:
    """Nothing follows a final state."""
    assert NEXT[state] == frozenset()


@pytest.mark.parametrize("state", sorted(set(JobState) - FINAL))
def test_every_other_state_can_end(state: JobState) -> None:
    """A job that is not final can still succeed, be it after running, and can always be stopped."""
    assert {JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED} <= NEXT[state]
    assert JobState.SUCCEEDED in NEXT[state] | NEXT[JobState.RUNNING]


def test_every_state_is_reachable_from_queued() -> None:
    """No state is there for nothing."""
    reached, fresh = {JobState.QUEUED}, {JobState.QUEUED}
    while fresh:
        fresh = {after for before in fresh for after in NEXT[before]} - reached
        reached |= fresh
    assert reached == set(JobState)


def test_only_a_running_job_succeeds() -> None:
    """An answer comes out of an attempt and from nowhere else."""
    assert [state for state in JobState if JobState.SUCCEEDED in NEXT[state]] == [JobState.RUNNING]


def test_no_state_follows_itself() -> None:
    """A move always changes the state."""
    assert not [state for state in JobState if state in NEXT[state]]


def test_exactly_the_runnable_states_can_run() -> None:
    """A worker may claim what is queued or waiting, and nothing else."""
    assert {state for state in JobState if JobState.RUNNING in NEXT[state]} == RUNNABLE


def test_a_state_is_runnable_running_or_final() -> None:
    """The three kinds share no state and leave none out."""
    assert RUNNABLE | {JobState.RUNNING} | FINAL == set(JobState)
    assert len(RUNNABLE) + 1 + len(FINAL) == len(JobState)


def test_a_job_just_written_is_queued_until_its_deadline() -> None:
    """What T1 wrote is known without reading it again: queued now, due within its deadline."""
    new = NewJob(
        id="job_1",
        account_id="acct_1",
        key_id="key_1",
        lane=Lane.BATCH,
        endpoint="/v1/chat/completions",
        instrument="text-max",
        custom_id="line-1",
        metadata={"k": "v"},
        on_empty=OnEmpty.WAIT,
        deadline_s=90,
        input_tokens_max=1,
        output_tokens_max=1,
        fingerprint=None,
        request=b"{}",
    )
    job = written(new, NOW)
    assert (job.state, job.attempts, job.is_final) == (JobState.QUEUED, 0, False)
    assert (job.created_at, job.deadline_at) == (NOW, NOW + timedelta(seconds=90))
    assert (job.id, job.custom_id, job.metadata) == ("job_1", "line-1", {"k": "v"})
