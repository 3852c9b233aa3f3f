"""What every adapter makes of an upstream that gives no answer, or none that can be read."""

import errno
import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.domain.attempt import FailureKind
from app.providers import base
from tests.simulator.running import Simulator

from .calling import KEY, TIMEOUT_S, Asking
from .peer import Peer

PATIENCE_S = 0.3
MEGABYTE = 1_000_000


class NoNames(AbstractResolver):
    """A resolver that knows no name, as one is without a network."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        """Fail as getaddrinfo does."""
        raise OSError(errno.ENOENT, f"Name or service not known: {host}:{port}, {family!r}")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Return a port whose queue of connections is full, so that another one never gets through."""
    with ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("fault", "symbol"),
    [
        ("garbage", "garbage"),
        ("empty", "garbage"),
        ("truncated", "answer_cut_short"),
        ("reset", "connection_reset"),
    ],
)
def test_a_broken_answer_is_worth_another_try(
    adapter: Asking, simulator: Simulator, upstream: str, fault: str, symbol: str
) -> None:
    """Each way to break off has a symbol, and none of them is the caller's fault."""
    simulator.set({"fault": fault})
    failure = adapter.failed(upstream)
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, symbol)
    assert failure.message


@pytest.mark.parametrize(
    "rule", [{"fault": "hang"}, {"fault": "slow_drip", "every_ms": 20}], ids=str
)
def test_a_call_ends_within_its_time(
    adapter: Asking, simulator: Simulator, upstream: str, rule: dict[str, Any]
) -> None:
    """Neither silence nor a trickle holds a call longer than its timeout."""
    simulator.set(rule)
    begun = time.monotonic()
    failure = adapter.failed(upstream, timeout_s=PATIENCE_S)
    assert PATIENCE_S <= time.monotonic() - begun < TIMEOUT_S
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "timeout")


def test_a_huge_answer_is_refused(
    adapter: Asking, simulator: Simulator, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than RESPONSE_BYTES_MAX of an answer are kept."""
    monkeypatch.setattr(base, "RESPONSE_BYTES_MAX", MEGABYTE)
    simulator.set({"fault": "huge", "megabytes": 2})
    failure = adapter.failed(upstream)
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "answer_too_large")


def test_an_answer_that_announces_too_much_is_not_read(adapter: Asking, peer: Peer) -> None:
    """The length an upstream announces is enough to refuse it before the first byte."""
    peer.says = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"
    assert adapter.failed(peer.url).symbol == "answer_too_large"


def test_a_large_answer_is_read(
    adapter: Asking, simulator: Simulator, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just below RESPONSE_BYTES_MAX an answer is one."""
    monkeypatch.setattr(base, "RESPONSE_BYTES_MAX", 3 * MEGABYTE)
    simulator.set({"fault": "huge", "megabytes": 2})
    assert len(adapter.answered(upstream).body) > 2 * MEGABYTE


@pytest.mark.parametrize("how", ["without a length", "compressed"])
def test_no_answer_is_larger_than_it_looks(
    adapter: Asking, peer: Peer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What is read is counted, as it is when unpacked, whatever was announced."""
    monkeypatch.setattr(base, "RESPONSE_BYTES_MAX", MEGABYTE)
    large = json.dumps(adapter.dialect.answer(padding="x" * 2 * MEGABYTE)).encode()
    if how == "compressed":
        peer.answers(gzip.compress(large), Content_Encoding="gzip")
    else:
        peer.says = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + large
    assert adapter.failed(peer.url).symbol == "answer_too_large"


@pytest.mark.parametrize("at", [0, 17, -1])
def test_an_answer_cut_anywhere_is_no_answer(adapter: Asking, peer: Peer, at: int) -> None:
    """An answer without a length that ends too early is not taken for a whole one."""
    whole = json.dumps(adapter.dialect.answer()).encode()
    peer.says = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole[:at]
    assert adapter.failed(peer.url).kind is FailureKind.RETRYABLE


def test_json_of_another_shape_is_garbage(adapter: Asking, peer: Peer) -> None:
    """A 200 with any JSON that is no answer of the protocol is garbage, and keeps its status."""
    for body in (*adapter.dialect.misshapen, [], None, 7, "text", True):
        peer.answers(body)
        failure = adapter.failed(peer.url)
        assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "garbage"), body
        assert failure.status_code == 200


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000, "[" * 10**5]
)
def test_what_no_client_could_read_is_garbage(adapter: Asking, peer: Peer, value: str) -> None:
    """An answer with what is not JSON, or cannot be represented, is not sold to anybody."""
    head = json.dumps(adapter.dialect.answer())[:-1]
    peer.answers(f'{head}, "odd": {value}}}'.encode())
    assert adapter.failed(peer.url).symbol == "garbage"


def test_no_depth_breaks_an_adapter(adapter: Asking, peer: Peer) -> None:
    """However deep an answer is nested, it is an answer or garbage, and nothing is raised."""
    head = json.dumps(adapter.dialect.answer())[:-1]
    for depth in (64, *range(900, 1_001, 10), 100_000):
        peer.answers(f'{head}, "odd": {"[" * depth}{"]" * depth}}}'.encode())
        assert adapter.ask(peer.url).status_code == 200, depth


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200",
    ],
    ids=lambda says: says[:60].decode(),
)
def test_what_is_not_http_is_a_failed_call(adapter: Asking, peer: Peer, says: bytes) -> None:
    """However an upstream breaks the protocol, the call fails and nothing is raised."""
    peer.says = says
    failure = adapter.failed(peer.url)
    assert failure.kind is FailureKind.RETRYABLE
    assert failure.symbol
    assert failure.status_code is None


def test_a_refused_connection_is_told(adapter: Asking, closed_port: int) -> None:
    """Nobody listens there: another try may find someone."""
    failure = adapter.failed(f"http://127.0.0.1:{closed_port}/v1")
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "connect_failed")


def test_a_connection_has_a_time_of_its_own(adapter: Asking, deaf_port: int) -> None:
    """A connection that does not come about ends long before the call would."""
    begun = time.monotonic()
    failure = adapter.failed(f"http://127.0.0.1:{deaf_port}/v1", connect_timeout_s=PATIENCE_S)
    assert time.monotonic() - begun < TIMEOUT_S / 2
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "connect_timeout")


def test_an_unknown_name_is_told(adapter: Asking) -> None:
    """A host whose name cannot be resolved has a symbol of its own."""
    failure = adapter.failed("http://nowhere.invalid/v1", resolver=NoNames())
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "dns_failed")


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".test", "127.0.0.1:99999", "[::1"])
def test_an_impossible_address_is_a_failed_call(adapter: Asking, host: str) -> None:
    """An address the catalog lets through and no socket can reach fails and raises nothing."""
    assert adapter.failed(f"http://{host}/v1").symbol


def test_a_server_without_tls_is_told(adapter: Asking, peer: Peer) -> None:
    """A server that speaks plain HTTP fails as TLS where the catalog says https."""
    failure = adapter.failed(peer.url.replace("http:", "https:"))
    assert (failure.kind, failure.symbol) == (FailureKind.RETRYABLE, "tls_failed")


@pytest.mark.parametrize("fault", ["hang", "reset", "garbage", "truncated", "empty"])
def test_no_failure_tells_the_key(
    adapter: Asking, simulator: Simulator, upstream: str, fault: str
) -> None:
    """Whatever goes wrong, the text of a failure does not hold the provider's key."""
    simulator.set({"fault": fault})
    assert KEY not in repr(adapter.failed(upstream, timeout_s=PATIENCE_S))
