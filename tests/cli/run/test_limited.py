"""A run under a limit on its key: smaller calls, a pause between them, and one word about it."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_up import fresh, plain, running

from .bucket import Bucket
from .running import Place, eventually, line, started

WAITING = "busbar: waiting for the rate limit of this key (20 requests a minute)\n"


def custom_ids(place: Place) -> list[str]:
    """Return what was made of which line, in order."""
    return [job["custom_id"] for job in place.gateway.made]


def test_a_run_larger_than_the_limit_works(place: Place) -> None:
    """29 lines go out in calls that the limit lets in, each once and in order."""
    place.write(29)
    place.gateway.bucket = bucket = Bucket(20, minute_s=4)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert custom_ids(place) == [f"c{number}" for number in range(29)]
    assert [result["index"] for result in place.results()] == list(range(29))
    assert bucket.calls[0] == (29, 422)
    assert [jobs for jobs, status in bucket.calls if status == 422] == [29]


def test_waiting_for_the_limit_is_said_once(place: Place) -> None:
    """Which limit it is, one time, and the progress after it."""
    place.write(29)
    place.gateway.bucket = bucket = Bucket(20, minute_s=4)
    ended = place.run()
    assert [status for _, status in bucket.calls].count(429) > 1
    assert ended.err.startswith(WAITING)
    assert ended.err.count("waiting for the rate limit") == 1
    assert ended.err.splitlines()[-1].startswith("29/29 done")


def test_what_is_left_of_the_limit_is_used_at_once(place: Place) -> None:
    """A second run finds the limit half used: the first lines go out before any pause."""
    place.write(15)
    place.gateway.bucket = bucket = Bucket(20, minute_s=4, left=7)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert bucket.calls[:2] == [(15, 429), (7, 202)]
    assert WAITING in ended.err


def test_a_limit_that_tells_nothing_is_met_with_smaller_calls(place: Place) -> None:
    """Where no answer says how much would fit, it is tried with half as much each time."""
    place.write(9)
    place.gateway.bucket = bucket = Bucket(20, minute_s=1, share=3)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert [jobs for jobs, _ in bucket.calls] == [9, 4, 2, 2, 2, 2, 1]
    assert ended.err.startswith("busbar: waiting for the rate limit of this key\n")


def test_results_come_in_while_the_limit_is_waited_for(place: Place) -> None:
    """A pause of the submissions is none of the answers: they are kept as they come."""
    place.write(29)
    place.gateway.bucket = Bucket(20, minute_s=10_000)
    with started(place.arguments()) as process:
        assert eventually(lambda: place.progress() == 20)
        place.gateway.bucket = None
        assert process.wait(20) == 0
    assert len(place.gateway.made) == 29


def test_a_run_killed_while_it_waits_resumes(place: Place) -> None:
    """What the limit had no room for is in no doubt: it is sent once, and may change until then."""
    place.write(29)
    place.gateway.bucket = Bucket(20, minute_s=10_000)
    with started(place.arguments()) as process:
        assert eventually(lambda: place.progress() == 20)
        process.kill()
    place.gateway.bucket = None
    place.write(28)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert "resuming: 20 of 28 are submitted already" in ended.err
    assert custom_ids(place) == [f"c{number}" for number in range(28)]


def test_a_full_limit_leaves_no_run_behind(place: Place) -> None:
    """Interrupted before anything was let in, nothing was submitted and nothing is kept."""
    place.write(3)
    place.gateway.bucket = bucket = Bucket(20, minute_s=10_000, left=0)
    with started(place.arguments()) as process:
        assert eventually(lambda: bool(bucket.calls))
        process.terminate()
        process.wait(20)
    place.gateway.bucket = None
    assert place.run().code == 0
    assert len(place.gateway.made) == 3


def test_an_answer_that_was_lost_is_asked_for_again_under_a_limit(place: Place) -> None:
    """A chunk the gateway may have is sent again whole, however small the room is."""
    place.write(9)
    place.gateway.hold_answer = threading.Event()
    with started(place.arguments()) as process:
        assert eventually(lambda: len(place.gateway.made) == 9)
        process.kill()
    place.gateway.hold_answer.set()
    place.gateway.bucket = bucket = Bucket(20, minute_s=10, left=4)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert {jobs for jobs, _ in bucket.calls} == {9}
    assert len(place.gateway.made) == 9


def test_a_lost_answer_past_a_new_limit_pays_nothing_twice(place: Place) -> None:
    """What the gateway has cannot be cut: that is said, and with the old limit it goes on."""
    place.write(9)
    place.gateway.hold_answer = threading.Event()
    with started(place.arguments()) as process:
        assert eventually(lambda: len(place.gateway.made) == 9)
        process.kill()
    place.gateway.hold_answer.set()
    place.gateway.bucket = Bucket(5, minute_s=60)
    ended = place.run()
    assert ended.code == 1
    assert "requests 1 to 9 were sent before, and are too many for one call" in ended.err
    place.gateway.bucket = None
    assert place.run().code == 0
    assert len(place.gateway.made) == 9


def test_refused_lines_do_not_hide_the_limit(place: Place) -> None:
    """The gateway looks at every line before it counts: both refusals of one call are heeded."""
    place.write(29)
    place.gateway.bucket = Bucket(20, minute_s=4)
    bad = {"Prompt 3", "Prompt 25"}
    place.gateway.refuse_lines(
        lambda body: "No." if body["messages"][0]["content"] in bad else None
    )
    ended = place.run()
    assert ended.code == 5
    assert "lines 4, 26: model: No." in ended.err
    assert len(place.gateway.made) == len(set(custom_ids(place))) == 27


@pytest.mark.parametrize(("error", "code"), [("jobs", 0), ("model", 1)])
def test_only_what_is_about_all_jobs_cuts_a_call(place: Place, error: str, code: int) -> None:
    """Another value out of range is told as it is."""
    place.write(4)

    def refuse(jobs: list[dict[str, Any]]) -> dict[str, Any] | None:
        return {"message": "Out.", "code": "x", "param": error} if len(jobs) > 1 else None

    place.gateway.refuse, place.gateway.refuse_status = refuse, 422
    ended = place.run()
    assert ended.code == code, ended.err
    assert len(place.gateway.made) == (0 if code else 4)


def test_a_call_too_large_for_a_server_in_between_is_cut(place: Place) -> None:
    """A proxy that takes only short bodies answers 413, in words of its own."""
    place.write(4)
    place.gateway.refuse = lambda jobs: {"message": "Too large."} if len(jobs) > 1 else None
    place.gateway.refuse_status = 413
    ended = place.run()
    assert ended.code == 0, ended.err
    assert custom_ids(place) == ["c0", "c1", "c2", "c3"]


@pytest.mark.e2e
@pytest.mark.xdist_group("up")
def test_a_run_works_under_a_limit_of_a_real_gateway(tmp_path: Path) -> None:
    """A key with 120 requests a minute carries 125 lines, and the pause is told."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(f"{line(number)}\n" for number in range(125)))
    with fresh(tmp_path / "state") as state, running(state) as up:
        up.ready()
        key = json.loads(called(state, "keys", "create", "demo", "--requests-per-minute=120"))
        model = "--model=text-standard"
        ended = called(state, "run", str(prompts), model, f"--key={key['key']}", err=True)
    told = "waiting for the rate limit of this key (120 requests a minute)"
    assert ended.count(told) == 1, ended
    results = prompts.with_suffix(".results.jsonl").read_text().splitlines()
    assert [json.loads(each)["custom_id"] for each in results] == [f"c{n}" for n in range(125)]
    assert {json.loads(each)["status"] for each in results} == {"succeeded"}


def called(state: Path, *arguments: str, err: bool = False) -> str:
    """Run a command that ends well, and return what it shows."""
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=plain() | {"BUSBAR_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr if err else ended.stdout
