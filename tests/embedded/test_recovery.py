"""What is killed comes back, with its data."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.embedded import EmbeddedError, Search, open_stack
from app.embedded.opener import server_plan
from app.embedded.place import place_of
from app.embedded.plan import Plan

from .users import LONG_S, alive, ask, eventually, kv, supervisor_of, user_of


def test_killed_servers_are_started_again(state: Path) -> None:
    """Servers killed with -9 come back under the same URLs in other processes."""
    with open_stack(state, durable=False) as stack:
        for pid in stack.pids.values():
            os.kill(pid, signal.SIGKILL)
        old = set(stack.pids.values())
        assert eventually(lambda: len(set(stack.current_pids().values()) - old) == 2, LONG_S)
        with open_stack(state, durable=False), kv(stack) as client:  # Waits until all is ready.
            assert client.ping()
            assert ask(stack, "SELECT 1") == 1


def test_after_the_end_of_the_supervisor_a_new_one_finds_all_data(state: Path) -> None:
    """A supervisor killed with -9 costs no row and no key; the next opening starts another."""
    with open_stack(state) as stack, kv(stack) as client:
        ask(stack, "CREATE TABLE t AS SELECT 42 AS x")
        client.set("x", "42")
        killed = supervisor_of(state)
        os.kill(killed, signal.SIGKILL)
        with open_stack(state) as again:
            assert ask(again, "SELECT x FROM t") == 42
            with kv(again) as fresh:
                assert fresh.get("x") == "42"
            assert supervisor_of(state) != killed
            assert alive(supervisor_of(state))
            assert set(again.pids.values()).isdisjoint(stack.pids.values())


def test_asking_for_pids_brings_a_killed_supervisor_back(state: Path) -> None:
    """A user who asks what runs gets servers that are supervised again."""
    with open_stack(state, postgres=False, durable=False) as stack, kv(stack) as client:
        killed = supervisor_of(state)
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: not alive(killed), LONG_S)
        assert stack.current_pids()["valkey"] != stack.pids["valkey"]
        assert supervisor_of(state) != killed
        assert client.ping()


def test_orphans_are_ended_before_their_data_is_opened_again(state: Path) -> None:
    """Servers that outlived their supervisor, deaf to its death, end at the next opening."""
    with user_of(state) as user:
        old = user.said()["pids"]
        for pid in old.values():  # Stopped processes do not act on their supervisor's death.
            os.kill(pid, signal.SIGSTOP)
        os.kill(supervisor_of(state), signal.SIGKILL)
        for pid in old.values():
            os.kill(pid, signal.SIGCONT)
        with open_stack(state, durable=False) as stack:
            assert ask(stack, "SELECT 1") == 1
            assert not any(alive(pid) for pid in old.values())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_nothing_stays_when_all_of_ours_is_killed(state: Path) -> None:
    """User and supervisor killed with -9 at once leave no server."""
    with user_of(state) as user:
        pids = user.said()["pids"].values()
        user.process.kill()
        os.kill(supervisor_of(state), signal.SIGKILL)
        assert eventually(lambda: not any(alive(pid) for pid in pids), LONG_S)


def test_a_pid_file_that_names_a_stranger_is_not_believed(state: Path) -> None:
    """After a reboot an old pid file may name any process: that one is left alone."""
    with open_stack(state, durable=False) as stack:
        supervisor, plan = supervisor_of(state), Plan.read(state / "plan.json")
        os.kill(supervisor, signal.SIGTERM)
        assert eventually(lambda: not alive(supervisor), LONG_S)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            pid_file = Path(plan.servers["postgres"].data) / "postmaster.pid"
            pid_file.write_text(f"{other.pid}\n")
            (state / "kv/kv.pid").write_text(f"{other.pid}\n")
            assert set(stack.current_pids()) == {"postgres", "valkey"}
            assert ask(stack, "SELECT 1") == 1
            assert alive(other.pid)


def test_an_interrupted_initdb_is_begun_anew(state: Path) -> None:
    """What a killed initdb left is thrown away, and the database is made."""
    with open_stack(state, postgres=False, durable=False):
        data = Path(server_plan(place_of(state), "postgres", Search()).data)
        half = data.with_name(f"{data.name}.new-half")
        half.mkdir()
        (half / "PG_VERSION").touch()
        with open_stack(state, durable=False) as stack:
            assert ask(stack, "SELECT current_database()") == "busbar"
        assert not half.exists()


def test_a_folder_that_is_no_database_is_refused_and_kept(state: Path) -> None:
    """A data directory without PG_VERSION is somebody's: an error names it and it stays."""
    with open_stack(state, postgres=False, durable=False):
        data = Path(server_plan(place_of(state), "postgres", Search()).data)
        data.mkdir()
        (data / "precious").touch()
        with pytest.raises(EmbeddedError, match=f"{data} is neither empty nor a PostgreSQL"):
            open_stack(state, durable=False)
        assert (data / "precious").exists()
