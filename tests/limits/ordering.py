"""Orders as the tests give them, a clock they turn, and a cable to Redis they can cut."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from app.domain.limits.limit import Limit, Measure, Scope
from app.domain.limits.verdict import Demand, Order, Seat

REQUESTS, TOKENS, CALLS = Measure.REQUESTS, Measure.TOKENS, Measure.CALLS
BOUND_S = 20.0
LOOK_S = 0.005
CHUNK_BYTES = 65_536

T = TypeVar("T")


def demand(measure: Measure, most: int, amount: int = 1, *, account: bool = False) -> Demand:
    """Return a demand on the key's limit, or on its account's."""
    scope, owner = (Scope.ACCOUNT, "acct_1") if account else (Scope.KEY, "key_1")
    return Demand(limit=Limit(scope=scope, owner=owner, measure=measure, most=most), amount=amount)


def order(*demands: Demand, seat: str | None = None, joins: bool = False) -> Order:
    """Return an order; `seat` is the name of the call, `joins` says that it is tried again."""
    wanted = Seat(name=seat, spare=f"{seat}:{time.monotonic_ns()}", joins=joins) if seat else None
    return Order(account_id="acct_1", demands=demands, seat=wanted)


def eventually(look: Callable[[], T]) -> T:
    """Return the first thing worth seeing; what is never seen fails the test."""
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        if seen := look():
            return seen
        time.sleep(LOOK_S)
    raise AssertionError("it did not happen in time")


class Clock:
    """A clock that goes only when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class Cable:
    """A socket in front of Redis's own: it counts what is sent, and can be cut or go dead."""

    def __init__(self, redis_url: str, path: Path) -> None:
        split = urlsplit(redis_url)
        self.url = f"unix://{path}?db={parse_qs(split.query)['db'][0]}"
        self.sent = 0
        self._target, self._path = split.path, path
        self._live: list[socket.socket] = []
        self._flowing = threading.Event()
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Let it be reached."""
        self._flowing.set()
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen(64)
            self._begin(self._accept, self._listener)

    def cut(self) -> None:
        """Break every connection, and take none."""
        if self._listener is not None:
            self._path.unlink()
            _shut(self._listener)
            self._listener = None
        while self._live:
            _shut(self._live.pop())
        self._flowing.set()

    def go_dead(self) -> None:
        """Take what is sent and answer nothing, until it is cut or mended."""
        self._flowing.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._live += [near, far]
                self._begin(self._pass, near, far, 1)
                self._begin(self._pass, far, near, 0)

    def _pass(self, source: socket.socket, target: socket.socket, counts: int) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                self._flowing.wait()
                self.sent += counts
                target.sendall(chunk)
        _shut(source)
        _shut(target)

    def _begin(self, work: Callable[..., None], *given: object) -> None:
        threading.Thread(target=work, args=given, daemon=True).start()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
