"""Users in processes of their own, and what a test asks of a stack."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa

from app.embedded import Stack
from app.embedded.plan import Status
from app.embedded.programs.process import command_line

ONE_USER = Path(__file__).with_name("one_user.py")
SOON_S = 2.0
LONG_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A process that uses a stack, and what it got."""

    process: "subprocess.Popen[str]"

    def said(self) -> dict[str, Any]:
        """Wait until it has the stack."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the user ended before it had a stack"
        return dict(json.loads(line))

    def leave(self) -> None:
        """Let it end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def user_of(state: Path, *flags: str) -> Iterator[User]:
    """Start a user; it is killed at the end."""
    command = [sys.executable, str(ONE_USER), str(state), *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        try:
            yield User(process=process)
        finally:
            process.kill()
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]


def eventually(holds: Callable[[], bool], within_s: float) -> bool:
    """Ask until the answer is yes; False when that takes longer."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    """Return whether a process lives; a zombie does not."""
    return command_line(pid) is not None


def supervisor_of(state: Path) -> int:
    """Return the supervisor's process."""
    status = Status.read(state / "status.json")
    assert status is not None
    return status.supervisor


def ask(stack: Stack, query: str) -> Any:
    """Run one statement in its own connection and return the first value, if there is one."""
    assert stack.database_url is not None
    engine = sa.create_engine(stack.database_url, poolclass=sa.NullPool)
    with engine.begin() as conn:
        result = conn.execute(sa.text(query))
        return result.scalar() if result.returns_rows else None


@contextmanager
def kv(stack: Stack) -> "Iterator[redis.Redis]":
    """Open a connection to Valkey."""
    assert stack.redis_url is not None
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as client:
        yield client
