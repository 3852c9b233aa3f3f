"""A run that was interrupted, by a person or by force, goes on and submits nothing twice."""

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.running.chunks import RESEND_WITHIN, check_doubt, key_mark
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.plan import Plan
from app.cli.running.kept.sendings import Sending
from app.cli.running.stops import Doubtful
from app.domain.money import parse_dollars

from .gateway_stub import serving
from .running import Place, eventually, line, started

LINES = 1_200


@pytest.fixture(autouse=True)
def prompts(place: Place) -> None:
    """Prompts for a few chunks."""
    place.write(LINES)


def interrupt(place: Place, number: signal.Signals) -> tuple[int, str]:
    """Run until some lines are done, send the signal, and return how that ended."""
    place.gateway.finish_max = 600
    with started(place.arguments()) as process:
        assert eventually(lambda: place.progress() >= 600 and len(place.gateway.made) == LINES)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
    place.gateway.finish_max = LINES
    return process.returncode, err


def test_a_killed_run_resumes_without_submitting_twice(place: Place) -> None:
    """After kill -9 the same command ends with every line answered once, in order."""
    code, _ = interrupt(place, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not place.out.exists()
    ended = place.run()
    assert ended.code == 0, ended.err
    assert [result["custom_id"] for result in place.results()] == [f"c{n}" for n in range(LINES)]
    assert len({result["job_id"] for result in place.results()}) == LINES
    assert [job["custom_id"] for job in place.gateway.made] == [f"c{n}" for n in range(LINES)]


def test_a_run_killed_before_the_answer_sends_the_same_key_again(place: Place) -> None:
    """A chunk that was made but not answered is asked for under its own Idempotency-Key."""
    place.gateway.hold_answer = threading.Event()
    with started(place.arguments()) as process:
        assert eventually(lambda: len(place.gateway.made) == 500)
        process.kill()
        process.wait()
    place.gateway.hold_answer.set()
    ended = place.run()
    assert ended.code == 0, ended.err
    assert sorted(place.gateway.posts.values()) == [1, 1, 2]
    assert len(place.gateway.made) == len(place.results()) == LINES


def test_ctrl_c_says_how_to_resume(place: Place) -> None:
    """An interrupted run ends with 130 and the remedy, and the remedy works."""
    code, err = interrupt(place, signal.SIGINT)
    assert code == 130
    assert "interrupted with 600 of 1,200 done" in err
    assert "The same command resumes." in err
    assert place.run().code == 0
    assert len(place.gateway.made) == LINES


def test_what_this_session_did_is_told_apart(place: Place) -> None:
    """After a resume the summary names what the whole run cost and what this part of it did."""
    interrupt(place, signal.SIGKILL)
    place.gateway.looks_needed = lambda _: 3  # so that a first look finds nothing over
    summary = place.run().summary
    assert (summary["lines"], summary["cost"]) == (LINES, "1.20")
    assert (summary["session_ended"], summary["session_cost"]) == (600, "0.60")
    assert summary["session_seconds"] < 60


def test_what_was_only_collected_is_not_of_this_session(place: Place) -> None:
    """Jobs that ended while nobody looked are in the results, and in no rate and no cost of now."""
    interrupt(place, signal.SIGKILL)
    place.gateway.balance = parse_dollars("7")
    place.gateway.finish_all()
    ended = place.run()
    assert ended.code == 0, ended.err
    assert (ended.summary["succeeded"], ended.summary["cost"]) == (LINES, "1.20")
    assert (ended.summary["session_ended"], ended.summary["session_cost"]) == (0, "0.00")
    balances = [ended.summary[f"session_balance_{when}"] for when in ("before", "after")]
    assert balances[0] == balances[1]
    assert ended.err.splitlines()[-1].startswith(f"{LINES}/{LINES} done, 0 failed")


def test_results_cut_short_by_a_crash_are_fetched_again(place: Place) -> None:
    """Half a line at the end of the kept results costs a question, not an answer."""
    interrupt(place, signal.SIGKILL)
    kept = place.journal / "results.jsonl"
    kept.write_bytes(kept.read_bytes()[:-10])
    assert place.run().code == 0
    assert [result["index"] for result in place.results()] == list(range(LINES))


def test_a_journal_cut_short_by_a_crash_is_made_good(place: Place) -> None:
    """An acceptance half written is asked for again under the same key."""
    interrupt(place, signal.SIGKILL)
    chunks = place.journal / "sendings.jsonl"
    chunks.write_bytes(chunks.read_bytes()[:-10])
    assert place.run().code == 0
    assert len(place.gateway.made) == len(place.results()) == LINES


def test_changed_input_is_refused(place: Place) -> None:
    """An unfinished run does not go on with other prompts; --fresh starts over with them."""
    interrupt(place, signal.SIGKILL)
    place.prompts.write_text(f"{line(7)}\n")
    posts = place.gateway.posts.copy()
    ended = place.run()
    assert ended.code == 2
    assert "an unfinished run of something else" in ended.err
    assert f"{place.prompts} had other contents" in ended.err
    assert "--fresh" in ended.err
    assert place.gateway.posts == posts
    fresh = place.run("--fresh")
    assert fresh.code == 0, fresh.err
    assert "requests submitted before still go on" in fresh.err
    assert [result["custom_id"] for result in place.results()] == ["c7"]


def test_changed_options_are_refused_by_name(place: Place) -> None:
    """The refusal says which option was what."""
    interrupt(place, signal.SIGKILL)
    ended = place.run("--model", "agent-max", "--max-tokens", "5")
    assert ended.code == 2
    assert "--model was 'text-standard', not 'agent-max'" in ended.err
    assert "--max-tokens was not given, not 5" in ended.err


def test_a_complete_run_is_not_run_again(place: Place) -> None:
    """The same command says so, ends as before, and asks the gateway nothing.

    What it tells of is the whole run: in this call nothing happened.
    """
    place.write(20)
    place.prompts.write_text(place.prompts.read_text() + '{"messages":[{"role":"user"}]}\n')
    place.gateway.fails = lambda body: None if "content" in body["messages"][0] else "empty"
    first = place.run()
    asked = place.gateway.asked.copy()
    again = place.run()
    assert (first.code, again.code) == (5, 5)
    assert again.summary == {
        name: value for name, value in first.summary.items() if not name.startswith("session_")
    }
    assert "already complete" in again.err
    assert place.gateway.asked == asked
    assert sorted(path.name for path in place.journal.iterdir()) == ["lock", "plan.json"]


def test_a_complete_run_whose_results_are_gone_is_not_paid_for_again(place: Place) -> None:
    """Only --fresh sends everything once more."""
    place.write(2)
    place.run()
    place.out.unlink()
    ended = place.run()
    assert ended.code == 2
    assert "--fresh sends everything again" in ended.err
    assert len(place.gateway.made) == 2


def test_two_runs_cannot_share_a_journal(place: Place) -> None:
    """The second one says that the first one is at work."""
    place.gateway.finish_max = 600
    with started(place.arguments()):
        assert eventually(lambda: place.progress() >= 600)
        ended = place.run()
    assert ended.code == 1
    assert "another `busbar run` is at work" in ended.err


def test_a_run_goes_on_where_its_gateway_answers_now(place: Place) -> None:
    """The same gateway under another URL knows the jobs; another gateway is refused."""
    interrupt(place, signal.SIGKILL)
    with serving() as other:
        ended = place.run("--base-url", other.base_url)
        assert ended.code == 2
        assert f"{other.base_url} does not know it" in ended.err
        assert not other.made
    moved = place.gateway.base_url.replace(
        "127.0.0.1", "0.0.0.0"
    )  # the same place, by no name server
    ended = place.run("--base-url", moved)
    assert ended.code == 0, ended.err
    assert len(place.gateway.made) == LINES


def test_another_accounts_key_cannot_take_a_run_over(place: Place) -> None:
    """Jobs that the gateway does not show are not waited for."""
    interrupt(place, signal.SIGKILL)
    place.gateway.forget()
    ended = place.run()
    assert ended.code == 1
    assert "the gateway does not know job_" in ended.err


@pytest.mark.parametrize(
    ("key", "later", "says"),
    [
        ("a", timedelta(0), None),
        ("a", RESEND_WITHIN + timedelta(minutes=1), "were sent on 2026-01-02 03:04 UTC"),
        ("b", timedelta(0), "were sent with another API key"),
    ],
)
def test_a_chunk_in_doubt_is_sent_again_only_while_that_is_safe(
    tmp_path: Path, key: str, later: timedelta, says: str | None
) -> None:
    """An Idempotency-Key means something to one API key, and for a day."""
    now = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    journal = Journal(tmp_path / "run")
    journal.start(
        Plan(
            run_id="run_1",
            sha256="",
            size=1,
            lines=9,
            options={},
            base_url="",
        )
    )
    journal.sending(Sending(number=0, spans=((0, 9),), marks="0" * 144, at=now, key=key_mark("a")))
    try:
        if says is None:
            check_doubt(journal, key=key, now=now + later)
        else:
            with pytest.raises(Doubtful, match=says):
                check_doubt(journal, key=key, now=now + later)
        assert len(journal.in_doubt()) == 1
    finally:
        journal.close()
