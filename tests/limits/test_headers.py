"""Limits on the wire: each vendor's headers with true values, on grants and on refusals."""

import gc
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import falcon
import pytest
from falcon.testing import Result, StartResponseMock, TestClient, create_environ

from app.domain.dialect import Dialect
from app.domain.errors import InvalidRequest
from app.domain.limits.limit import Limits as Amounts
from app.domain.limits.verdict import Verdict, judge
from app.gateway import open_gateway
from app.limiter.limiter import Limiter
from app.services.limiting.gate import Grant
from app.settings import Settings
from app.web import errors
from app.web.limits import During, Limits, headers
from app.web.marks import Marks
from app.wire.surface import SURFACES

from .ordering import CALLS, REQUESTS, TOKENS, demand, order
from .test_away import NOWHERE
from .test_gate import CALLER, job, submission

NOW: Final = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Serve = Callable[..., TestClient]


class Door:
    """A handler as the surfaces have it; `?async=N` brings N jobs nobody waits for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take what the limits grant, and answer nothing."""
        surface = SURFACES[req.path]
        count = req.get_param_as_int("async")
        if count is not None:
            jobs = [job(number) for number in range(count)]
            self._limits.submit(resp, surface, CALLER, submission(*jobs))
            return
        with self._limits.call(resp, surface, CALLER, submission()):
            if req.has_param("stream"):
                resp.stream = _frames(breaks=False)
            if req.has_param("fail"):
                raise InvalidRequest


@pytest.fixture
def serve(redis_url: str, tmp_path: Path) -> Serve:
    """Serve both surfaces under limits of the key."""

    def served(url: str = redis_url, **limits: int) -> TestClient:
        settings = Settings(
            database_url="postgresql+psycopg://nowhere/busbar",
            redis_url=url,
            redis_prefix=f"limits:{tmp_path}:",
        )
        gateway = open_gateway(settings, name="tests")
        catalog = replace(gateway.catalog, key_limits=Amounts(**limits))
        door = Door(Limits(replace(gateway, catalog=catalog)))
        app = falcon.App(middleware=[Marks(gateway)])
        for path in SURFACES:
            app.add_route(path, door)
        errors.add_to(app)
        return TestClient(app)

    return served


def limited(answered: Result) -> dict[str, str]:
    """Return the headers that tell of limits."""
    return {name: value for name, value in answered.headers.items() if "ratelimit" in name}


def test_chat_has_openais_headers(serve: Serve) -> None:
    """Limit, remaining and a duration, for requests and for tokens."""
    client = serve(requests_per_minute=60, tokens_per_minute=6_000)
    assert limited(client.simulate_post(CHAT)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5900",
        "x-ratelimit-reset-tokens": "1s",
    }


def test_messages_have_anthropics_headers(serve: Serve) -> None:
    """Limit, remaining and a moment, for requests and for tokens."""
    client = serve(requests_per_minute=60, tokens_per_minute=6_000)
    told = limited(client.simulate_post(MESSAGES))
    assert set(told) == {
        f"anthropic-ratelimit-{measure}-{item}"
        for measure in ("requests", "tokens")
        for item in ("limit", "remaining", "reset")
    }
    assert told["anthropic-ratelimit-requests-remaining"] == "59"
    assert told["anthropic-ratelimit-tokens-limit"] == "6000"
    assert MOMENT.fullmatch(told["anthropic-ratelimit-tokens-reset"])


@pytest.mark.parametrize("limits", [{}, {"concurrent_calls": 5}])
def test_what_is_not_limited_is_not_told(serve: Serve, limits: dict[str, int]) -> None:
    """No header is a guess: without a limit there is none."""
    assert limited(serve(**limits).simulate_post(CHAT)) == {}


@pytest.mark.parametrize(("path", "prefix"), [(CHAT, "x-"), (MESSAGES, "anthropic-")])
def test_a_refusal_tells_when_to_come_again(serve: Serve, path: str, prefix: str) -> None:
    """A 429 has a Retry-After of at most a minute, in milliseconds too, and the same headers."""
    client = serve(requests_per_minute=1)
    client.simulate_post(path)
    refused = client.simulate_post(path)
    assert refused.status_code == 429
    assert 59 <= int(refused.headers["retry-after"]) <= 60
    assert 58_000 < int(refused.headers["retry-after-ms"]) <= 60_000
    assert refused.json["error"]["type"] == "rate_limit_error"
    assert "this key may use 1 requests a minute" in refused.json["error"]["message"]
    told = limited(refused)
    assert len(told) == 3
    assert all(name.startswith(prefix) for name in told)
    assert "0" in told.values()


def test_a_full_house_is_a_429_that_is_free_soon(serve: Serve) -> None:
    """Too many open calls are refused alike; a seat may come free in a moment."""
    client = serve(concurrent_calls=1)
    stream = _open(client)
    refused = client.simulate_post(CHAT)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert client.simulate_post(CHAT, query_string="async=3").status_code == 200
    stream.close()
    assert client.simulate_post(CHAT).status_code == 200


@pytest.mark.parametrize("how", ["", "fail=1", "stream=1"])
def test_a_call_that_was_answered_is_not_open(serve: Serve, how: str) -> None:
    """Whether it was answered, refused or streamed to its end, the next one has its seat."""
    client = serve(concurrent_calls=1)
    answers = [client.simulate_post(CHAT, query_string=how).status_code for _ in range(3)]
    assert answers == [400 if how == "fail=1" else 200] * 3


def test_jobs_nobody_waits_for_are_told_their_limits(serve: Serve) -> None:
    """A submission has the same headers, a request for each of its jobs."""
    answered = serve(requests_per_minute=60).simulate_post(CHAT, query_string="async=10")
    assert limited(answered)["x-ratelimit-remaining-requests"] == "50"


def test_a_process_alone_tells_no_numbers(serve: Serve) -> None:
    """While Redis is away what is left is not known, so nothing is told; the limit holds."""
    client = serve(NOWHERE, requests_per_minute=1)
    granted, refused = client.simulate_post(CHAT), client.simulate_post(CHAT)
    assert (granted.status_code, refused.status_code) == (200, 429)
    assert limited(granted) == limited(refused) == {}
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_the_tighter_limit_is_told() -> None:
    """Of the key's limit and the account's, clients hear of the one they will meet first."""
    verdict = judge([demand(TOKENS, 1_000), demand(TOKENS, 5_000, account=True)], [100, 4_900])
    told = headers(Dialect.CHAT, verdict.readings, NOW)
    assert told["x-ratelimit-limit-tokens"] == "5000"
    assert told["x-ratelimit-remaining-tokens"] == "99"


@pytest.mark.parametrize(
    ("used", "duration", "moment"),
    [
        (0, "0s", "2026-11-23T12:00:01Z"),
        (0.2, "12ms", "2026-11-23T12:00:01Z"),
        (99, "6s", "2026-11-23T12:00:07Z"),
        (101, "7s", "2026-11-23T12:00:07Z"),
        (1_000, "1m0s", "2026-11-23T12:01:01Z"),
    ],
)
def test_the_same_reset_in_both_spellings(used: float, duration: str, moment: str) -> None:
    """OpenAI counts the time until all is back, Anthropic names the moment; never too early."""
    readings = judge([demand(REQUESTS, 1_000, 0)], [used]).readings
    chat = headers(Dialect.CHAT, readings, NOW)
    messages = headers(Dialect.MESSAGES, readings, NOW)
    assert chat["x-ratelimit-reset-requests"] == duration
    assert messages["anthropic-ratelimit-requests-reset"] == moment


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("end", ["exhausted", "closed", "dropped", "broken"])
def test_a_stream_is_open_until_it_is_over(limiter: Limiter, end: str, begun: bool) -> None:  # noqa: FBT001
    """However a stream ends, begun or not, its seat comes free, and not before."""
    asked = order(demand(CALLS, 1), seat="a")
    grant = Grant(verdict=limiter.take(asked), _order=asked, _limiter=limiter)
    during = During(grant, _frames(breaks=end == "broken"))
    if begun:
        assert next(during) == b"one"
    assert not _has_room(limiter)
    if end == "exhausted":
        list(during)
    elif end == "closed":
        during.close()
    elif end == "broken":
        with pytest.raises(OSError, match="broken"):
            list(during)
    del during
    gc.collect()
    assert _has_room(limiter)


def test_closing_a_stream_closes_what_makes_it() -> None:
    """The frames' own end is reached at once when the client leaves."""
    ended: list[bool] = []

    def frames() -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            ended.append(True)

    during = During(Grant(verdict=Verdict(granted=True)), frames())
    next(during)
    during.close()
    assert ended == [True]


def _open(client: TestClient) -> Any:
    """Begin a stream and leave it open; what is returned is what the server would close."""
    environ = create_environ(path=CHAT, query_string="stream=1", method="POST")
    body = client.app(environ, StartResponseMock())
    assert next(iter(body)) == b"one"
    return body


def _frames(*, breaks: bool) -> Iterator[bytes]:
    yield b"one"
    if breaks:
        raise OSError("broken")
    yield b"two"


def _has_room(limiter: Limiter) -> bool:
    verdict = limiter.take(order(demand(CALLS, 1), seat="b"))
    limiter.release(verdict.seat or "")
    return verdict.granted
