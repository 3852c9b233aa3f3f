"""The HTTP funding source against a real payment service: what each answer is taken to mean."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from app.domain.replenishing.purchase import Absent, Bought, Declined, FailureReason, Unknown
from app.funding import PaymentService
from tests.simulator.funding.running import SECRET, FundingServer, funding_of

NANOS = 20_000_000_000
TIMEOUT_S = 0.5
NAME, ACCOUNT = "rpl_1", "acct_1"


@pytest.fixture(scope="module")
def running() -> Iterator[FundingServer]:
    """A payment service that asks for a signature."""
    with funding_of("--secret", SECRET) as server:
        yield server


@pytest.fixture
def server(running: FundingServer) -> FundingServer:
    """A payment service that has sold nothing and has no faults."""
    running.fresh()
    return running


@pytest.fixture
def dead_proxy() -> Iterator[str]:
    """The address of a proxy that nobody runs."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


def source_of(url: str, secret: str = SECRET, now: datetime | None = None) -> PaymentService:
    """Return the source at a URL."""
    return PaymentService(url, secret, timeout_s=TIMEOUT_S, now=lambda: now or datetime.now(UTC))


def test_a_purchase_is_bought(server: FundingServer) -> None:
    """The signature fits, and the amount is charged."""
    source = source_of(server.url)
    bought = Bought(reference="ch_rpl_1")
    assert source.buy(NAME, ACCOUNT, NANOS) == bought
    assert source.lookup(NAME, NANOS) == bought
    expected = {"account": ACCOUNT, "amount": "20.00", "status": "bought", "asked": 1, "lookups": 1}
    assert server.truth()["purchases"] == {NAME: expected}


def test_a_decline_is_final(server: FundingServer) -> None:
    """A 402 and a look-up of it say the same."""
    server.set({"fault": "decline"})
    declined = Declined(reason=FailureReason.CHARGE_DECLINED)
    source = source_of(server.url)
    assert (source.buy(NAME, ACCOUNT, NANOS), source.lookup(NAME, NANOS)) == (declined, declined)


@pytest.mark.parametrize(
    ("fault", "why", "found"),
    [
        ({"fault": "lost"}, "ConnectionError", Bought(reference="ch_rpl_1")),
        ({"fault": "silent"}, "ReadTimeout", Bought(reference="ch_rpl_1")),
        ({"fault": "stuck"}, "ReadTimeout", Absent()),
        ({"fault": "status"}, "status_500", Absent()),
        ({"fault": "status", "status": 429}, "status_429", Absent()),
    ],
)
def test_what_stays_open_is_unknown_and_looked_up(
    server: FundingServer, fault: dict[str, Any], why: str, found: object
) -> None:
    """No answer, or an error of theirs, says nothing of the charge; the look-up does."""
    server.set(fault)
    source = source_of(server.url)
    assert source.buy(NAME, ACCOUNT, NANOS) == Unknown(why=why)
    assert source.lookup(NAME, NANOS) == found


def test_what_is_being_charged_is_unknown(server: FundingServer) -> None:
    """A time-out in the middle of a charge, and the look-up during it, leave it open."""
    server.set(latency_ms=1_500)
    source = source_of(server.url)
    assert source.buy(NAME, ACCOUNT, NANOS) == Unknown(why="ReadTimeout")
    assert source.lookup(NAME, NANOS) == Unknown(why="pending")


@pytest.mark.parametrize("fault", ["status", "lost", "stuck"])
def test_a_look_up_that_fails_is_unknown(server: FundingServer, fault: str) -> None:
    """It never counts as a purchase that is not there."""
    source = source_of(server.url)
    source.buy(NAME, ACCOUNT, NANOS)
    server.set({"fault": fault, "on": "lookup"})
    assert isinstance(source.lookup(NAME, NANOS), Unknown)


def test_a_wrong_secret_is_refused(server: FundingServer) -> None:
    """Nothing is charged, and it is no time-out either."""
    refused = Declined(reason=FailureReason.REFUSED)
    assert source_of(server.url, "another").buy(NAME, ACCOUNT, NANOS) == refused


def test_a_clock_that_is_wrong_is_refused(server: FundingServer) -> None:
    """A signature of an hour ago is not believed; nothing is charged."""
    past = datetime.now(UTC) - timedelta(hours=1)
    refused = Declined(reason=FailureReason.REFUSED)
    assert source_of(server.url, now=past).buy(NAME, ACCOUNT, NANOS) == refused
    assert server.truth()["purchases"] == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_nobody_there_is_no_charge(host: str) -> None:
    """Where no connection could be made nothing was asked; a look-up still knows nothing."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://{host}:{probe.getsockname()[1]}"
        source = source_of(url)
        unreachable = Declined(reason=FailureReason.UNREACHABLE)
        assert source.buy(NAME, ACCOUNT, NANOS) == unreachable
        assert isinstance(source.lookup(NAME, NANOS), Unknown)


def test_no_proxy_stands_before_this_machine(
    server: FundingServer, dead_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is for the network: a service beside us is asked straight away."""
    monkeypatch.setenv("http_proxy", dead_proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert source_of(server.url).buy(NAME, ACCOUNT, NANOS) == Bought(reference="ch_rpl_1")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_reached_is_no_charge(
    dead_proxy: str, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Nothing was sent to anybody; a look-up still knows nothing."""
    monkeypatch.setenv(f"{scheme}_proxy", dead_proxy)
    source = source_of(f"{scheme}://nowhere.invalid")
    assert source.buy(NAME, ACCOUNT, NANOS) == Declined(reason=FailureReason.UNREACHABLE)
    assert source.lookup(NAME, NANOS) == Unknown(why="_NotSent")


Answering = Callable[[int, bytes], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Serve the same answer to every call, however wrong it is."""
    servers: list[HTTPServer] = []

    def serve(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815  the names are the library's

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>", "another_purchase"),
        (200, b"[]", "another_purchase"),
        (200, b'{"id": "rpl_2", "status": "bought", "amount": "20.00"}', "another_purchase"),
        (200, b'{"id": "rpl_1", "status": "bought", "amount": "2.00"}', "another_amount"),
        (200, b'{"id": "rpl_1", "status": "bought", "amount": 20.0}', "another_amount"),
        (200, b'{"id": "rpl_1", "status": "fine"}', "no_status"),
        (200, b'{"id": "rpl_1", "status": "bought", "pad": "' + b"x" * 70_000 + b'"}', None),
        (302, b"", "status_302"),
        (404, b'{"status": "absent"}', None),
    ],
)
def test_an_answer_that_cannot_be_believed_buys_nothing(
    answering: Answering, status: int, body: bytes, why: str | None
) -> None:
    """Garbage, another purchase, another amount, too much of it, a redirect: nothing is bought."""
    outcome = source_of(answering(status, body)).buy(NAME, ACCOUNT, NANOS)
    assert not isinstance(outcome, Bought)
    if why is not None:
        assert outcome == Unknown(why=why)


def test_a_404_of_somebody_else_is_not_the_sources(answering: Answering) -> None:
    """A proxy that lost its way must not make a purchase look as if it had never come."""
    source = source_of(answering(404, b"<html>Not Found</html>"))
    assert source.lookup(NAME, NANOS) == Unknown(why="status_404")


def test_a_look_up_of_another_amount_leaves_it_open(answering: Answering) -> None:
    """What was charged is not what was asked for: nothing is credited until a person looks."""
    source = source_of(answering(200, b'{"id": "rpl_1", "status": "bought", "amount": "2.00"}'))
    assert source.lookup(NAME, NANOS) == Unknown(why="another_amount")
