"""What root's folders outside the state directories leave behind, and when that is removed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import open_stack, reset
from app.embedded.place import Place, make, place_of
from app.embedded.programs.homes import DISCARDED, HOMES, ORIGIN, home_of, in_use, make_home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has such folders")


@pytest.fixture
def gone(tmp_path: Path) -> Iterator[Place]:
    """A place with a folder of root's, whose state directory will be deleted by the test."""
    place = made(tmp_path / "gone")
    (home_of(place) / "pg18").mkdir()
    yield place
    reset(place.state)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A state directory that does not exist yet, to start something in."""
    yield tmp_path / "other"
    reset(tmp_path / "other")


def made(state: Path) -> Place:
    """Make a state directory and its folder outside."""
    place = place_of(state)
    make(place)
    make_home(place)
    return place


def test_what_a_deleted_state_directory_left_is_removed(gone: Place, other: Path) -> None:
    """The next start, of whatever state directory, removes it."""
    shutil.rmtree(gone.state)
    assert home_of(gone).exists()
    made(other)
    assert not home_of(gone).exists()


def test_what_was_set_aside_is_removed(gone: Place, other: Path) -> None:
    """A state directory that was made again keeps nothing of its first life."""
    shutil.rmtree(gone.state)
    made(gone.state)
    made(other)
    assert [*HOMES.glob(f"{gone.key}*")] == [home_of(gone)]
    assert not (home_of(gone) / "pg18").exists()


def test_a_state_directory_that_stands_keeps_its_data(gone: Place, other: Path) -> None:
    """Nobody uses it now; somebody may tomorrow."""
    made(other)
    assert (home_of(gone) / "pg18").exists()


def test_data_of_a_lasting_place_is_kept(gone: Place, other: Path) -> None:
    """A disk that is not mounted at the moment is no deleted state directory."""
    (home_of(gone) / ORIGIN).write_text("/srv/busbar\n")
    shutil.rmtree(gone.state)
    made(other)
    assert (home_of(gone) / "pg18").exists()


def test_data_in_use_is_kept(gone: Place, other: Path) -> None:
    """As long as a supervisor lives, also one whose state directory only it can see."""
    shutil.rmtree(gone.state)
    with in_use(home_of(gone)) as lock:
        assert lock.attempt(shared=True)
        made(other)
        assert (home_of(gone) / "pg18").exists()


def test_a_server_that_outlived_its_supervisor_keeps_its_data(gone: Place, other: Path) -> None:
    """A living process that names the data is believed more than a missing directory."""
    # This process stands in for the server: its command line names what the test gives it.
    data = home_of(gone) / "pg18"
    code = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, "-D", str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        shutil.rmtree(gone.state)
        made(other)
        assert data.exists()


def test_a_supervisor_says_that_it_uses_the_data(other: Path) -> None:
    """A lock that the kernel drops with it, whatever kills it."""
    with open_stack(other, valkey=False, durable=False), in_use(home_of(place_of(other))) as lock:
        assert not lock.attempt()


def test_an_interrupted_removal_is_completed(other: Path) -> None:
    """What has been given up but not deleted goes with the next start."""
    left = HOMES / f"{DISCARDED}{other.parent.name}"
    left.mkdir(parents=True)
    made(other)
    assert not left.exists()


def test_a_folder_that_was_lost_is_made_again_whole(gone: Place) -> None:
    """It knows its state directory then too, so that it can be told what it belongs to."""
    shutil.rmtree(home_of(gone))
    make_home(gone)
    assert (home_of(gone) / ORIGIN).read_text() == f"{gone.state}\n"
