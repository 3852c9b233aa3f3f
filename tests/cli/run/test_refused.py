"""Lines that the gateway refuses: told, free, and sent again once they are mended."""

import json
import threading
from typing import Any

import pytest

from app.cli.running.reading.reasons import REASONS_MAX, Reasons
from app.cli.running.reading.records import LineFault

from .gateway_stub import COST
from .running import Place, eventually, line, started

LINES = 2_500
BAD = (1_800, 2_400)
"""The indexes of lines that name a model nobody has: lines 1801 and 2401 of the file."""


@pytest.fixture(autouse=True)
def refusals(place: Place) -> None:
    """Make the gateway know no model "nope"."""
    place.gateway.refuse_lines(lambda body: "model: No such model." if is_bad(body) else None)


def is_bad(body: dict[str, Any]) -> bool:
    """Return whether a request names the model nobody has."""
    return bool(body["model"] == "nope")


def write(place: Place, bad: tuple[int, ...] = BAD, count: int = LINES) -> None:
    """Write prompts of which some name the model nobody has."""
    lines = [json.loads(line(number)) for number in range(count)]
    for index in bad:
        lines[index]["model"] = "nope"
    place.prompts.write_text("".join(json.dumps(each) + "\n" for each in lines))


def asked(place: Place) -> list[int]:
    """Return which prompts became jobs, in the order they did."""
    return [int(job["custom_id"].removeprefix("c")) for job in place.gateway.made]


def test_refused_lines_do_not_stop_the_others(place: Place) -> None:
    """All others are answered, all refused ones are named at once, and the run ends with 5."""
    write(place)
    ended = place.run()
    assert ended.code == 5
    assert "the gateway refused 2 of 2,500 lines:\n  lines 1801, 2401: model: No such" in ended.err
    assert (ended.summary["succeeded"], ended.summary["refused"]) == (LINES - 2, 2)
    assert asked(place) == [number for number in range(LINES) if number not in BAD]


def test_every_refused_line_is_named_with_its_reason(place: Place) -> None:
    """However many there are, and however many reasons: no list is cut."""
    place.gateway.refuse_lines(
        lambda body: {"nope": "Unknown.", "text-prime": "Too dear."}.get(body["model"])
    )
    requests = [json.loads(line(number)) for number in range(600)]
    for request in requests[100:]:
        request["model"] = "nope"
    for request in requests[100::2]:
        request["model"] = "text-prime"
    place.prompts.write_text("".join(json.dumps(each) + "\n" for each in requests))
    told = place.run().err.split("refused 500 of 600 lines:\n")[1]
    for first, reason in ((101, "Too dear."), (102, "Unknown.")):
        numbers = ", ".join(str(number) for number in range(first, 601, 2))
        assert f"lines {numbers}: model: {reason}" in " ".join(told.split())


def test_reasons_past_the_limit_are_left_to_the_results() -> None:
    """The lines are named all the same."""
    refusals = Reasons()
    for number in range(1, REASONS_MAX + 3):
        refusals.add(LineFault(number=number, what=f"Reason {number}."))
    refusals.add(LineFault(number=9_000, what="Reason 1."))
    assert list(refusals.alike["Reason 1."]) == [1, 9_000]
    assert len(refusals.alike) == REASONS_MAX
    assert list(refusals.further) == [REASONS_MAX + 1, REASONS_MAX + 2]


def test_a_refused_line_has_a_result(place: Place) -> None:
    """It stands where its answer would, with its custom_id, and says why there is none."""
    write(place, bad=(1,), count=3)
    place.run()
    results = place.results()
    assert [result["status"] for result in results] == ["succeeded", "refused", "succeeded"]
    assert results[1] == {
        "index": 1,
        "custom_id": "c1",
        "job_id": None,
        "status": "refused",
        "response": None,
        "error": {"code": "invalid_request", "message": "model: No such model."},
        "usage": None,
        "cost": None,
    }


def test_a_fault_is_told_once(place: Place) -> None:
    """No place in a call, which nobody knows, and no field named twice."""
    write(place, bad=(1,), count=3)
    err = place.run().err
    assert err.count("No such model.") == 1
    assert "jobs[" not in err


def test_only_mended_lines_are_sent_then(place: Place) -> None:
    """The same command on the mended file pays for nothing twice and completes the results."""
    write(place)
    place.run()
    write(place, bad=())
    before = len(place.gateway.made)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert "resuming: 2,498 of 2,500 are submitted already" in ended.err
    assert asked(place)[before:] == list(BAD)
    assert [result["custom_id"] for result in place.results()] == [f"c{n}" for n in range(LINES)]
    assert ended.summary["session_cost"] == "0.002"
    assert ended.summary["cost"] == f"{float(COST) * LINES:.2f}"


def test_lines_that_are_still_refused_can_be_mended_later(place: Place) -> None:
    """A run stays open as long as a line is refused, however often it is tried."""
    write(place, bad=(3, 4), count=9)
    codes = [place.run().code, place.run().code]
    write(place, bad=(4,), count=9)
    codes.append(place.run().code)
    write(place, bad=(), count=9)
    codes.append(place.run().code)
    assert codes == [5, 5, 5, 0]
    assert sorted(asked(place)) == list(range(9))


def test_an_option_may_be_mended_too(place: Place) -> None:
    """What counts is the request that comes out: a line with its own model is the same."""
    own = json.loads(line(0)) | {"model": "text-prime"}
    place.prompts.write_text(f"{json.dumps(own)}\n{line(1)}\n")
    assert place.run("--model", "nope").code == 5
    ended = place.run("--model", "text-standard")
    assert ended.code == 0, ended.err
    assert [job["body"]["model"] for job in place.gateway.made] == ["text-prime", "text-standard"]


def test_a_submitted_line_cannot_change(place: Place) -> None:
    """A mended file that differs elsewhere too is refused, and the line is named."""
    write(place, bad=(3,), count=9)
    place.run()
    made = len(place.gateway.made)
    place.prompts.write_text(
        "".join(f"{line(number + 90 * (number == 5))}\n" for number in range(9))
    )
    ended = place.run()
    assert ended.code == 2
    assert "line 6 was submitted already and would be another request now" in ended.err
    assert len(place.gateway.made) == made


def test_a_submitted_line_cannot_be_dropped(place: Place) -> None:
    """Results are told apart by their place: the file must keep what was submitted."""
    write(place, bad=(3,), count=9)
    place.run()
    write(place, bad=(), count=8)
    ended = place.run()
    assert ended.code == 2
    assert "it has 8 requests now, and request 9 was submitted already" in ended.err


def test_a_broken_line_in_the_mended_file_submits_nothing_more(place: Place) -> None:
    """It is told like any other, and the run can still go on after that."""
    write(place, bad=(3,), count=9)
    place.run()
    place.prompts.write_text(place.prompts.read_text().replace('"Prompt 3"', '"Prompt 3'))
    ended = place.run()
    assert ended.code == 2
    assert "1 line cannot be used; nothing more was submitted" in ended.err
    write(place, bad=(), count=9)
    assert place.run().code == 0


def test_a_gateway_that_takes_no_line_is_not_asked_for_all(place: Place) -> None:
    """A model mistyped for the whole file ends with 2, nothing submitted, nothing left behind."""
    place.write(LINES)
    ended = place.run("--model", "nope")
    assert ended.code == 2
    assert "the gateway refuses all of the first 500 lines; nothing was submitted" in ended.err
    assert "  lines 1-500: model: No such model.\n" in ended.err
    assert not place.journal.exists()
    assert not place.out.exists()
    assert place.run().code == 0


def test_a_refusal_after_a_broken_connection_pays_nothing_twice(place: Place) -> None:
    """What is left of a chunk goes out under its own key: the gateway tells if it has it all."""
    write(place, bad=(), count=9)
    place.gateway.hold_answer = threading.Event()
    with started(place.arguments()) as process:
        assert eventually(lambda: len(place.gateway.made) == 9)
        process.kill()
        process.wait()
    place.gateway.hold_answer.set()
    place.gateway.refuse_lines(
        lambda body: "is gone" if body["messages"][0]["content"][-1] == "4" else None
    )
    ended = place.run()
    assert ended.code == 1
    assert "requests 1 to 9 were sent before, and some of them are refused now" in ended.err
    assert len(place.gateway.made) == 9
    place.gateway.refuse_lines(lambda _: None)
    assert place.run().code == 0
    assert len(place.gateway.made) == 9


def test_a_refusal_of_something_else_stops_the_run(place: Place) -> None:
    """A fault that belongs to no line is told as it is."""
    place.write(3)
    place.gateway.refuse = lambda _: {"message": "jobs: too many", "code": "invalid_request"}
    ended = place.run()
    assert (ended.code, ended.err) == (1, "busbar: the gateway refuses (400). jobs: too many\n")
    assert not place.journal.exists()
