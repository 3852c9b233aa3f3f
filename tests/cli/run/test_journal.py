"""The journal of a run: one process at a time, and never a dead end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli.running.kept.lock import hold, let_go
from app.cli.running.stops import Busy

from .running import Place, eventually, started, started_together

TIMES = 5
LINES = 600
Damage = Callable[[Path], object]


@pytest.mark.parametrize("attempt", range(TIMES))
def test_of_two_runs_started_at_once_one_works(place: Place, attempt: int) -> None:
    """The other one touches nothing and says so; every line is paid for once and has its result."""
    place.write(20)
    place.gateway.finish_max = 0
    with started_together(place.arguments(), 2) as runs:
        assert eventually(lambda: any(run.poll() is not None for run in runs))
        place.gateway.finish_max = 20
        ended = [(run.wait(20), run.communicate()[1]) for run in runs]
    (won, _), (lost, why) = sorted(ended)
    assert (won, lost) == (0, 1), ended
    assert f"another `busbar run` is at work in {place.journal}" in why
    assert [result["custom_id"] for result in place.results()] == [f"c{n}" for n in range(20)]
    assert len(place.gateway.made) == 20
    assert place.run().code == 0


def cut_in_half(folder: Path) -> None:
    """Leave the first half of what was sent, and something after it."""
    path = folder / "sendings.jsonl"
    path.write_bytes(path.read_bytes()[:1_000] + b"\n{}\n")


def of_others(folder: Path) -> None:
    """Accept a chunk that was never sent."""
    with (folder / "sendings.jsonl").open("a") as file:
        file.write('{"accepted":7,"ids":["job_1"]}\n')


def rewrite(**changes: object) -> Damage:
    """Return what changes fields of the plan."""

    def change(folder: Path) -> None:
        plan = json.loads((folder / "plan.json").read_text())
        (folder / "plan.json").write_text(json.dumps(plan | changes))

    return change


DAMAGES: dict[str, Damage] = {
    "truncated sendings": cut_in_half,
    "foreign sendings": of_others,
    "no sendings": lambda folder: (folder / "sendings.jsonl").unlink(),
    "other ids": lambda folder: (folder / "sendings.jsonl").write_text(
        '{"sending":{"number":0,"spans":[[0,1]],"marks":"00","at":"2026-01-02","key":""}}\n\n'
    ),
    "truncated plan": lambda folder: (folder / "plan.json").write_text('{"run_id"'),
    "empty plan": lambda folder: (folder / "plan.json").write_text(""),
    "foreign plan": lambda folder: (folder / "plan.json").write_text("[1]"),
    "binary plan": lambda folder: (folder / "plan.json").write_bytes(b"\xff\x00"),
    "older plan": rewrite(version=1),
    "fields of no plan": rewrite(color="red"),
    "options of no plan": rewrite(options=[1]),
    "more lines than there are": rewrite(lines=10**15),
    "fewer lines than were sent": rewrite(lines=3),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_names_the_way_out_and_fresh_works(place: Place, damage: str) -> None:
    """Whatever is wrong with it, the message tells what to do, and that then helps."""
    place.write(LINES)
    place.gateway.finish_max = 100
    with started(place.arguments()):
        assert eventually(lambda: place.progress() >= 100)
    place.gateway.finish_max = 10**9
    DAMAGES[damage](place.journal)
    ended = place.run()
    assert ended.code == 1
    assert f"busbar: {place.journal} cannot be gone on with: " in ended.err
    assert "start over with --fresh, or choose another --out" in ended.err
    fresh = place.run("--fresh")
    assert fresh.code == 0, fresh.err
    assert len(place.results()) == LINES


def test_what_an_unfinished_removal_left_is_not_taken_up(place: Place) -> None:
    """Without its plan the rest of a journal means nothing, and a run begins anew."""
    place.write(3)
    place.journal.mkdir()
    (place.journal / "sendings.jsonl").write_text("who knows\n")
    (place.journal / "results.jsonl").write_text('{"index":0,"status":"succeeded"}\n')
    ended = place.run()
    assert ended.code == 0, ended.err
    assert len(place.gateway.made) == len(place.results()) == 3


def test_results_of_nobody_are_fetched_again(place: Place) -> None:
    """A kept result that cannot be one costs a question, not a crash."""
    place.write(LINES)
    place.gateway.finish_max = 100
    with started(place.arguments()):
        assert eventually(lambda: place.progress() >= 100)
    place.gateway.finish_max = 10**9
    kept = place.journal / "results.jsonl"
    kept.write_text('{"index":0,"status":"succeeded","error":null,"cost":"much"}\n')
    assert place.run().code == 0
    assert len(place.results()) == len(place.gateway.made) == LINES


def test_a_file_in_the_place_of_the_journal_is_kept(place: Place) -> None:
    """It is somebody's; the message names it."""
    place.write(1)
    place.journal.write_text("precious")
    ended = place.run()
    assert ended.code == 2
    assert f"{place.journal} is in the way" in ended.err
    assert place.journal.read_text() == "precious"


def test_a_folder_removed_with_its_lock_is_made_again(tmp_path: Path) -> None:
    """Whoever locks a folder has the one that is there, not one that was just removed."""
    folder = tmp_path / "run"
    let_go(folder, hold(folder), remove=True)
    handle = hold(folder)
    with pytest.raises(Busy):
        hold(folder)
    let_go(folder, handle, remove=True)
    assert not folder.exists()
