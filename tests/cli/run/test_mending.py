"""Lines that cannot be used, and files that are mended or added to between two calls."""

import pytest

from .running import Place, eventually, line, started
from .test_refused import asked, is_bad, write

REMEDY = "mend them, or leave them out with --skip-bad"
BROKEN = [line(0), "[]", line(2), "{", line(4), "[]"]


@pytest.fixture(autouse=True)
def refusals(place: Place) -> None:
    """Make the gateway know no model "nope"."""
    place.gateway.refuse_lines(lambda body: "model: No such model." if is_bad(body) else None)


def test_all_broken_lines_are_listed_and_nothing_is_submitted(place: Place) -> None:
    """One look at the errors is enough to mend the file."""
    place.prompts.write_text("\n".join([line(0), "{", line(1), '{"messages":[]}', "", "NaN"]))
    ended = place.run()
    assert ended.code == 2
    assert ended.err.splitlines() == [
        "  line 2 is not JSON: Expecting property name enclosed in double quotes at column 2",
        "  line 4 has no list of messages",
        "  line 6 is not JSON: NaN is no JSON number",
        f"busbar: {place.prompts}: 3 lines cannot be used; nothing was submitted; {REMEDY}",
    ]
    assert not place.gateway.asked
    assert not place.journal.exists()


def test_however_many_lines_are_broken_every_one_is_listed(place: Place) -> None:
    """Those alike stand together, as ranges: one look is still enough."""
    lines = ["[]" if number % 500 else line(number) for number in range(1, 1_700)]
    place.prompts.write_text("\n".join([*lines, "{}"]))
    ended = place.run()
    assert ended.err.splitlines()[:2] == [
        "  lines 1-499, 501-999, 1001-1499, 1501-1699: is not a JSON object",
        "  line 1700 has no list of messages; give --template to make prompts of rows",
    ]
    assert ": 1,697 lines cannot be used; nothing was submitted" in ended.err


def test_a_mistyped_field_is_one_complaint(place: Place) -> None:
    """One mistake in the template is told once, however many rows lack the field."""
    table = place.folder / "table.csv"
    table.write_text("question\n" + "What?\n" * 30)
    ended = place.run("--template", "{qestion}", prompts=table)
    assert ended.code == 2
    assert ended.err.splitlines()[0] == (
        "  lines 2-31: has no field 'qestion' (its fields: question)"
    )


def test_lines_may_be_mended_and_appended(place: Place) -> None:
    """Two refused lines are mended and one is new: those three are sent, nothing else."""
    write(place, bad=(1, 3), count=5)
    assert place.run().code == 5
    before = len(place.gateway.made)
    write(place, bad=(), count=6)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert asked(place)[before:] == [1, 3, 5]
    assert [result["custom_id"] for result in place.results()] == [f"c{n}" for n in range(6)]


def test_a_refused_line_at_the_end_may_be_dropped(place: Place) -> None:
    """It was not submitted; the results of the others stay where they are."""
    write(place, bad=(4,), count=5)
    assert place.run().code == 5
    asked_before = place.gateway.asked["/v1/jobs"]
    write(place, bad=(), count=4)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert len(place.results()) == len(place.gateway.made) == 4
    assert place.gateway.asked["/v1/jobs"] == asked_before


def test_an_appended_run_survives_being_killed(place: Place) -> None:
    """What was appended is in the journal before it is sent."""
    write(place, bad=(1,), count=5)
    place.run()
    write(place, bad=(), count=900)
    place.gateway.finish_max = 100
    with started(place.arguments()) as process:
        assert eventually(lambda: place.progress() >= 100)
        process.kill()
    place.gateway.finish_max = 10**9
    ended = place.run()
    assert ended.code == 0, ended.err
    assert sorted(asked(place)) == list(range(900))


def test_unusable_lines_can_be_left_out(place: Place) -> None:
    """The others are answered; those left out are listed with their numbers and reasons, for 5."""
    place.prompts.write_text("\n".join(BROKEN))
    ended = place.run("--skip-bad")
    assert ended.code == 5
    assert asked(place) == [0, 2, 4]
    assert ended.err.splitlines()[-4:] == [
        "busbar: left out 3 of 6 lines, which cannot be used:",
        "  lines 2, 6: is not a JSON object",
        "  line 4 is not JSON: Expecting property name enclosed in double quotes at column 2",
        "  Mend them in their place, and the same command sends only them.",
    ]
    told = {name: ended.summary[name] for name in ("lines", "succeeded", "refused", "unusable")}
    assert told == {"lines": 6, "succeeded": 3, "refused": 0, "unusable": 3}


def test_a_line_left_out_has_a_result(place: Place) -> None:
    """It stands where its answer would, and says why there is none."""
    place.prompts.write_text("\n".join(BROKEN))
    place.run("--skip-bad")
    results = place.results()
    assert [result["index"] for result in results] == list(range(6))
    assert results[1] == {
        "index": 1,
        "custom_id": None,
        "job_id": None,
        "status": "unusable",
        "response": None,
        "error": {"code": "unusable_line", "message": "is not a JSON object"},
        "usage": None,
        "cost": None,
    }


@pytest.mark.parametrize("again", [["--skip-bad"], []])
def test_lines_left_out_are_sent_once_mended(place: Place, again: list[str]) -> None:
    """They kept their places, so that the same command sends only them; the flag may go by then."""
    place.prompts.write_text("\n".join(BROKEN))
    assert place.run("--skip-bad").code == 5
    place.write(6)
    ended = place.run(*again)
    assert ended.code == 0, ended.err
    assert asked(place) == [0, 2, 4, 1, 3, 5]
    assert [result["custom_id"] for result in place.results()] == [f"c{n}" for n in range(6)]


def test_lines_left_out_must_be_mended_without_the_flag(place: Place) -> None:
    """A resumed run says again what it cannot use."""
    place.prompts.write_text("\n".join(BROKEN))
    place.run("--skip-bad")
    ended = place.run()
    assert ended.code == 2
    assert f"3 lines cannot be used; nothing more was submitted; {REMEDY}" in ended.err


def test_a_run_without_faults_is_the_same_with_the_flag(place: Place) -> None:
    """Once all is done it makes no difference that lines might have been left out."""
    place.write(3)
    assert place.run().code == 0
    ended = place.run("--skip-bad")
    assert ended.code == 0
    assert "already complete" in ended.err


def test_a_repeated_custom_id_is_left_out_too(place: Place) -> None:
    """The first line that has it is sent, the second is listed."""
    place.prompts.write_text("\n".join([line(0), line(0), line(1)]))
    ended = place.run("--skip-bad")
    assert ended.code == 5
    assert asked(place) == [0, 1]
    assert "left out 1 of 3 lines, which cannot be used:\n  line 2 has the custom" in ended.err


def test_a_file_without_a_usable_line_submits_nothing(place: Place) -> None:
    """Then there is nothing that leaving lines out would help."""
    place.prompts.write_text("[]\n[]\n")
    ended = place.run("--skip-bad")
    assert ended.code == 2
    assert ended.err.endswith(": 2 lines cannot be used; nothing was submitted\n")
    assert not place.gateway.asked
