"""`busbar demo` from outside: a play of its own, whatever surrounds it, and nothing left of it."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.cli.demonstration.scratch import PREFIX, scratch
from app.embedded.programs.homes import HOMES, ORIGIN
from tests.cli.test_up import READY_S, eventually, plain

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("up")]

DEMO_S = 120.0
STOP_S = 60.0
NOWHERE = "127.0.0.1:1"
OPERATORS = {
    "BUSBAR_DATABASE_URL": f"postgresql+psycopg://operator@{NOWHERE}/production",
    "BUSBAR_REDIS_URL": f"redis://{NOWHERE}/0",
    "BUSBAR_CATALOG": "/nowhere/busbar.toml",
    "BUSBAR_HOST": "192.0.2.1",
    "busbar_slots": "none",
    "BUSBAR_REDIS_PREFIX": "production:",
    "BUSBAR_METRICS_PORT": "1",
    "http_proxy": f"http://{NOWHERE}",
}
"""What an operator may have exported; none of it works."""


class Demo:
    """A demo of a few prompts that plays, in a folder whose busbar.toml is the operator's own."""

    def __init__(self, folder: Path, *, prompts: int = 24) -> None:
        self.folder = folder
        self.output = folder / "output"
        (folder / "busbar.toml").write_text("[providers.expensive]\n")
        ask = {"messages": [{"role": "user", "content": "What is 2 + 2?"}]}
        (folder / "few.jsonl").write_text(f"{json.dumps(ask)}\n" * prompts)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "app.cli", "demo", "--prompts", "few.jsonl"],
                env=plain() | OPERATORS | {"TMPDIR": str(folder)},
                cwd=folder,
                stdout=output,
                stderr=output,
            )

    def said(self) -> str:
        """Return all that it said."""
        return self.output.read_text("utf-8")

    def left(self) -> list[str]:
        """Return what there still is of it: folders, databases of root's, processes."""
        scenes = [str(found) for found in self.folder.glob(f"{PREFIX}*")]
        origins = {home: home / ORIGIN for home in HOMES.glob("*")} if HOMES.is_dir() else {}
        homes = [
            str(home)
            for home, origin in origins.items()
            if origin.is_file() and str(self.folder) in origin.read_text()
        ]
        return [*scenes, *homes, *self.processes()]

    def processes(self) -> list[str]:
        """Return the command lines of processes that name the demo's folder."""
        lines = []
        for told in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended meanwhile
                lines.append(told.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return [line for line in lines if f"{self.folder}/{PREFIX}" in line]


@contextmanager
def playing(folder: Path) -> Iterator[Demo]:
    """Start a demo, and end it in the end."""
    demo = Demo(folder)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.wait(STOP_S)


def test_a_demo_touches_nothing_of_the_operator(tmp_path: Path) -> None:
    """No exported setting and no busbar.toml matters: it plays to its end, and clears up."""
    with playing(tmp_path) as demo:
        assert demo.process.wait(DEMO_S) == 0, demo.said()
        assert "24 jobs: 24 succeeded" in demo.said()
        assert "the book is clean" in demo.said()
        assert demo.left() == []
        assert not (tmp_path / ".busbar").exists()


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    """A Ctrl-C that reaches the demo alone ends all it has started, and removes its databases."""
    with playing(tmp_path) as demo:
        assert eventually(lambda: "24 prompts, two accounts" in demo.said(), READY_S), demo.said()
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(STOP_S) == 130, demo.said()
        assert demo.said().endswith("busbar: stopped, and nothing of the demo is left\n")
        assert demo.left() == []


def test_a_demo_interrupted_at_its_start_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM, and also while the servers are only starting."""
    with playing(tmp_path) as demo:
        assert eventually(lambda: any(tmp_path.glob(f"{PREFIX}*/state/postgres.log")), READY_S)
        demo.process.terminate()
        assert demo.process.wait(STOP_S) == 130, demo.said()
        assert demo.left() == []


def test_the_next_demo_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After kill -9 the gateway ends by itself, and its folder goes when another demo starts."""
    with playing(tmp_path) as demo:
        assert eventually(lambda: "24 prompts, two accounts" in demo.said(), READY_S), demo.said()
        demo.process.kill()
        demo.process.wait()
        assert eventually(lambda: not demo.processes(), STOP_S), demo.processes()
        assert demo.left()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with scratch() as folder:
            assert list(tmp_path.glob(f"{PREFIX}*")) == [folder]
        assert demo.left() == []


def test_what_others_put_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demo that plays keeps its folder, and a link of the same name is not followed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "precious").mkdir()
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(tmp_path / "precious")
    with scratch() as first:
        with scratch() as second:
            assert first != second
        assert first.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {link.name, "precious"}
    assert not any((tmp_path / "precious").iterdir())


def test_too_few_prompts_are_a_usage_error(tmp_path: Path) -> None:
    """Two accounts cannot share one prompt."""
    demo = Demo(tmp_path, prompts=1)
    assert demo.process.wait(STOP_S) == 2
    assert demo.said() == "busbar: few.jsonl: a demo needs 2 prompts or more\n"
