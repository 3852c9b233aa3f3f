"""How the tests run `busbar run`: inside this process, or as a real one that can be killed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli.run import app

from .gateway_stub import KEY, GatewayStub

BOUND_S = 20
COMMAND = "import sys; from app.cli.run import app; app(args=sys.argv[1:])"
COMMAND_ON_CALL = COMMAND.replace("app(", "print(flush=True); sys.stdin.readline(); app(")
"""The same, ready to go at once: it says when it is, and waits for a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The machine summary."""
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with a prompts file, and a gateway to send it to."""

    folder: Path
    gateway: GatewayStub

    @property
    def prompts(self) -> Path:
        """The prompts file."""
        return self.folder / "prompts.jsonl"

    @property
    def out(self) -> Path:
        """The results."""
        return self.folder / "results.jsonl"

    @property
    def journal(self) -> Path:
        """The folder of the journal."""
        return self.folder / "results.jsonl.run"

    def write(self, count: int) -> None:
        """Write that many prompts, each with its number."""
        self.prompts.write_text("".join(f"{line(number)}\n" for number in range(count)))

    def results(self) -> list[dict[str, Any]]:
        """Read the results."""
        return [json.loads(text) for text in self.out.read_text().splitlines()]

    def arguments(self, *more: str, prompts: Path | None = None) -> list[str]:
        """Return a whole command line; what is given last wins."""
        where = ["--out", str(self.out), "--base-url", self.gateway.base_url, "--key", KEY]
        return [str(prompts or self.prompts), "--model", "text-standard", *where, *more]

    def run(self, *more: str, prompts: Path | None = None) -> Ended:
        """Run the command to its end."""
        return invoke(self.arguments(*more, prompts=prompts))

    def progress(self) -> int:
        """Return how many results an unfinished run has kept."""
        kept = self.journal / "results.jsonl"
        return kept.read_bytes().count(b"\n") if kept.exists() else 0


def line(number: int) -> str:
    """Return a request of its own."""
    return json.dumps(
        {"custom_id": f"c{number}", "messages": [{"role": "user", "content": f"Prompt {number}"}]}
    )


def invoke(
    arguments: Sequence[str], *, given: str | None = None, **environment: str | None
) -> Ended:
    """Run `busbar run` in this process, to its end; `given` is its standard input."""
    ended = CliRunner().invoke(app, list(arguments), input=given, env=environment)
    return Ended(code=ended.exit_code, out=ended.stdout, err=ended.stderr)


@contextmanager
def started(arguments: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """Run `busbar run` as a process of its own, which does not outlive the test."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def started_together(
    arguments: Sequence[str], count: int
) -> "Iterator[list[subprocess.Popen[str]]]":
    """Run `busbar run` in several processes that begin within a moment."""
    with ExitStack() as stack:
        processes = []
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND_ON_CALL, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        yield processes


def eventually(is_so: Callable[[], bool]) -> bool:
    """Return whether something becomes true within a bound."""
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.02)
    return False
