"""The load generator: a process of its own, `python -m bench.load`, as cheap as Python can be.

It shares the machine with what it measures, so requests are ready-made bytes, answers are read
only for status and length, and nothing but the standard library is imported. It takes a plan as one
line on stdin, says `{"measuring": true}` when the warm-up is over and the outcome when all is
done, and stays until stdin ends, so that its own CPU time can still be read.
"""

import base64
import json
import math
import resource
import selectors
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Final

UNLIMITED: Final = sys.maxsize
SILENCE_S: Final = 20.0
"""Without any answer for this long the run has failed."""
CONNECT_S: Final = 10.0
SPARE_FILES: Final = 64  # beside the connections
READ_BYTES: Final = 65_536
SAMPLE_CHARS: Final = 400
LENGTH: Final = b"content-length:"
EVENT: Final = b"data: "
DONE: Final = b"data: [DONE]"
LAST_CHUNK: Final = b"\r\n0\r\n\r\n"


class LoadFailed(Exception):
    """The run cannot be finished; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send: `connections` keep-alive ones, each with one request under way at a time.

    The warm-up and the measured part each end after so many requests or so many seconds,
    whichever is first; None is no limit. The answers of a `stream` are chunked, and also timed to
    their first event.
    """

    port: int
    request: bytes
    connections: int
    status: int
    warm_requests: int | None = 0
    warm_s: float | None = None
    requests: int | None = None
    seconds: float | None = None
    stream: bool = False

    def line(self) -> str:
        """Return the plan as the line of JSON that the generator takes."""
        return json.dumps({**asdict(self), "request": base64.b64encode(self.request).decode()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back. Times and `answered` are of the measured part; `statuses` of everything."""

    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float
    first_p99_ms: float
    statuses: dict[str, int]
    sample: str
    """The beginning of the first answer that had another status than the plan wants."""


def plan_of(line: str) -> Plan:
    """Read a plan's line."""
    given: dict[str, Any] = json.loads(line)
    return Plan(**{**given, "request": base64.b64decode(given["request"])})


def main() -> int:
    """Run the plan on stdin."""
    plan = plan_of(sys.stdin.readline())
    try:
        outcome = run(plan)
    except (LoadFailed, OSError) as error:
        say({"error": str(error)})
        return 1
    say(asdict(outcome))
    sys.stdin.read()
    return 0


def say(told: dict[str, Any]) -> None:
    """Tell the parent one thing."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def run(plan: Plan) -> Outcome:
    """Warm up, measure, and wait for the answers still owed."""
    allow_files(plan.connections + SPARE_FILES)
    load = Load(plan)
    load.phase(plan.warm_requests, plan.warm_s)
    say({"measuring": True})
    began = perf_counter()
    load.firsts.clear()
    times = load.phase(plan.requests, plan.seconds)
    seconds = perf_counter() - began
    load.phase(0, SILENCE_S)
    if load.busy:
        raise LoadFailed(f"{load.busy} requests got no answer within {SILENCE_S:.0f} s")
    if not times:
        raise LoadFailed("not one request was answered in the measured time")
    return Outcome(
        answered=len(times),
        seconds=seconds,
        p50_ms=percentile(times, 50) * 1e3,
        p99_ms=percentile(times, 99) * 1e3,
        first_p50_ms=percentile(load.firsts, 50) * 1e3,
        first_p99_ms=percentile(load.firsts, 99) * 1e3,
        statuses=dict(load.statuses),
        sample=load.sample,
    )


def allow_files(wanted: int) -> None:
    """Raise the limit of open files where it is too low for that many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def percentile(times: Sequence[float], percent: int) -> float:
    """Return the smallest of `times` that at least that share does not exceed."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Load:
    """The connections of one plan, and what their answers were."""

    def __init__(self, plan: Plan) -> None:
        self.busy = 0
        self.statuses: Counter[str] = Counter()
        self.sample = ""
        self.firsts: list[float] = []
        """How long each answer took to its first event, or to its end where it has none."""
        self._wanted = str(plan.status)
        self._selector = selectors.DefaultSelector()
        kind = Streaming if plan.stream else Connection
        self._idle = [kind(plan.port, plan.request) for _ in range(plan.connections)]
        for connection in self._idle:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def phase(self, requests: int | None, seconds: float | None) -> list[float]:
        """Send until a limit is reached; return how long each answer that came took, in seconds.

        A phase that ends by time leaves requests under way to the next one.
        """
        left = UNLIMITED if requests is None else requests
        ends = perf_counter() + (math.inf if seconds is None else seconds)
        times: list[float] = []
        while self._idle and left:
            left -= 1
            self.busy += 1
            self._idle.pop().send()
        while self.busy and (now := perf_counter()) < ends:
            ready = self._selector.select(min(ends - now, SILENCE_S))
            if not ready and ends - now > SILENCE_S:
                raise LoadFailed(f"no answer for {SILENCE_S:.0f} s; {self.busy} are owed")
            for key, _ in ready:
                connection: Connection = key.data
                if not connection.receive():
                    continue
                times.append(connection.took)
                self.firsts.append(connection.first or connection.took)
                self._count(connection)
                if left:
                    left -= 1
                    connection.send()
                else:
                    self.busy -= 1
                    self._idle.append(connection)
        return times

    def _count(self, connection: "Connection") -> None:
        self.statuses[connection.status] += 1
        if connection.status != self._wanted and not self.sample:
            self.sample = connection.answer.decode("utf-8", "replace")[:SAMPLE_CHARS]


class Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("_began", "_received", "_request", "answer", "first", "socket", "status", "took")

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.status = ""
        self.answer = b""
        self.took = 0.0
        self.first = 0.0
        self._request = request
        self._received = b""
        self._began = 0.0

    def send(self) -> None:
        """Send the request."""
        self.first = 0.0
        self._began = perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Take what has arrived; True when that completes the answer. Raises LoadFailed."""
        data = self._read()
        if self._received:
            data = self._received + data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + length(data[:head]):
            self._received = data
            return False
        self.took = perf_counter() - self._began
        self.status = data[9:12].decode("ascii", "replace")
        self.answer = data
        self._received = b""
        return True

    def _read(self) -> bytes:
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise LoadFailed("the server closed a keep-alive connection")
        return data


class Streaming(Connection):
    """A connection whose answers come in chunks, each an event or more."""

    __slots__ = ()

    def receive(self) -> bool:
        """Take what has arrived; True when that completes the answer. Raises LoadFailed."""
        self._received += self._read()
        if not self.first and EVENT in self._received:
            self.first = perf_counter() - self._began
        if not self._received.endswith(LAST_CHUNK):
            return False
        self.took = perf_counter() - self._began
        self.status = self._received[9:12].decode("ascii", "replace")
        if DONE not in self._received:
            self.status = "cut"
        self.answer, self._received = self._received, b""
        return True


def length(head: bytes) -> int:
    """Return the length of the body that a head announces. Raises LoadFailed without one."""
    at = head.lower().find(LENGTH)
    if at < 0:
        raise LoadFailed(f"an answer has no Content-Length: {head[:SAMPLE_CHARS]!r}")
    return int(head[at + len(LENGTH) :].split(b"\r", 1)[0])


if __name__ == "__main__":
    sys.exit(main())
