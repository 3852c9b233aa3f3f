"""`busbar demo` from outside: a play of its own, whatever surrounds it, and nothing left of it."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app import catalog
from app.cli.demo import PROMPTS
from app.cli.demonstration.purse import purse
from app.cli.demonstration.scratch import PREFIX, scratch
from app.domain.money import parse_dollars
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


def test_a_balance_runs_dry_midway_and_no_line_fails(tmp_path: Path) -> None:
    """One account waits, its purchase is declined once, and the next one is the book's only one."""
    with playing(tmp_path) as demo:
        assert demo.process.wait(DEMO_S) == 0, demo.said()
        said = demo.said()
        told = ("grace has run dry: ", "says no (charge_declined)", "$1.00 bought", "24 succeeded")
        assert [each for each in told if each not in said] == [], said
        dry, declined, bought, answered = (said.index(each) for each in told)
        assert dry < declined < bought < answered
        waiting = re.search(r"grace has run dry: (\d+) prompts wait, none fails", said)
        assert waiting is not None
        assert int(waiting[1]) > 0
        (_, _, *money) = row_of("grace", said)
        deposited, replenished, left = money
        assert replenished == "$1.00"
        assert parse_dollars(left.strip("$")) < parse_dollars(deposited.strip("$")) + parse_dollars(
            "1.00"
        )
        assert row_of("ada", said)[3] == "-"


def row_of(account: str, said: str) -> list[str]:
    """Return the cells of an account's line in the demo's ledger."""
    ledger = said.partition(" deposited ")[2].splitlines()
    return next(line.split() for line in ledger if line.strip().startswith(f"{account} "))


def test_a_first_deposit_covers_a_part_of_the_prompts() -> None:
    """It pays for the dearest hold at once, and is far from what all prompts may cost."""
    instrument = catalog.load(catalog.EXAMPLE).instruments["text-prime"]
    prompts = PROMPTS.read_text("utf-8").splitlines()
    few = purse(prompts, instrument)
    assert 0 < few.threshold_nanos < few.deposit_nanos < parse_dollars("0.02")
    assert purse(["not JSON"], instrument).deposit_nanos > 0


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
