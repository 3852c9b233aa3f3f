"""Limits as users of either SDK read them: through raw responses, in their vendor's names."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from app.domain.dialect import Dialect

from .scene import Scene
from .sdk import Sdk

ITEMS: Final = ("limit", "remaining", "reset")
DURATION: Final = re.compile(r"(\d+ms|(\d+m)?\d+s)")
NAMES: Final = {
    Dialect.CHAT: "x-ratelimit-{item}-{measure}",
    Dialect.MESSAGES: "anthropic-ratelimit-{measure}-{item}",
}

pytestmark = pytest.mark.parametrize("protocol", ["openai"])


def limits_in(headers: Any) -> dict[str, str]:
    """Return all headers that tell of limits."""
    return {name: value for name, value in headers.items() if "ratelimit" in name}


def raw(sdk: Sdk, **more: Any) -> Any:
    """Ask, and return the response with its headers."""
    return sdk.answers.with_raw_response.create(**sdk.question(), **more)


@pytest.mark.parametrize("stream", [False, True])
def test_headers_have_true_values(scene: Scene, *, stream: bool) -> None:
    """Limit, remaining and reset, of requests and tokens, with and without a stream."""
    customer = scene.customer()
    key = scene.limited(customer, requests_per_minute=60, tokens_per_minute=6_000)
    sdk = scene.sdk(key)
    for left in (59, 58):
        told = limits_in(raw(sdk, stream=stream).headers)
        name = NAMES[scene.dialect].format
        assert set(told) == {
            name(item=item, measure=measure) for item in ITEMS for measure in ("requests", "tokens")
        }
        assert told[name(item="limit", measure="requests")] == "60"
        assert left <= int(told[name(item="remaining", measure="requests")]) <= left + 1
        assert told[name(item="limit", measure="tokens")] == "6000"
        assert 5_000 < int(told[name(item="remaining", measure="tokens")]) < 6_000
        assert_near(told[name(item="reset", measure="requests")], scene.dialect)


def assert_near(reset: str, dialect: Dialect) -> None:
    """Check that a reset is in the vendor's form, and within seconds."""
    if dialect is Dialect.CHAT:
        assert DURATION.fullmatch(reset)
        return
    at, now = datetime.fromisoformat(reset), datetime.now(UTC)
    assert now - timedelta(seconds=5) < at < now + timedelta(seconds=10)


def test_no_limit_no_header(scene: Scene) -> None:
    """Where nothing is limited nothing is told: a made-up number breaks users' throttles."""
    assert limits_in(raw(scene.sdk()).headers) == {}


def test_a_minute_that_is_used_up(scene: Scene) -> None:
    """A 429 says when to come again, within the minute all clients heed, and what is left: 0."""
    sdk = scene.sdk(scene.limited(scene.customer(), requests_per_minute=1), retries=0)
    sdk.ask()
    with pytest.raises(Exception, match="1 requests a minute") as refused:
        sdk.ask()
    headers = refused.value.response.headers  # type: ignore[attr-defined]
    assert 50 <= int(headers["retry-after"]) <= 60
    assert 50_000 <= int(headers["retry-after-ms"]) <= 60_000
    assert headers["x-should-retry"] == "true"
    assert headers[NAMES[scene.dialect].format(item="remaining", measure="requests")] == "0"


def test_tokens_that_are_used_up(scene: Scene) -> None:
    """Tokens are limited as requests are; who waits out the Retry-After is let in."""
    sdk = scene.sdk(scene.limited(scene.customer(), tokens_per_minute=6_000), retries=2)
    first = raw(sdk, extra_body={"max_tokens": 4_000})
    tokens = NAMES[scene.dialect].format(item="remaining", measure="tokens")
    assert int(first.headers[tokens]) < 2_000
    sdk.ask(extra_body={"max_tokens": 2_050})
    assert sdk.sent == 3


def test_counting_and_models_are_not_limited(scene: Scene) -> None:
    """What coding agents ask for in bursts takes nothing from the minute."""
    sdk = scene.sdk(scene.limited(scene.customer(), requests_per_minute=1), retries=0)
    for _ in range(3):
        assert list(sdk.client.models.list())
        if scene.dialect is Dialect.MESSAGES:
            question = sdk.question()
            del question["max_tokens"]
            assert sdk.answers.count_tokens(**question).input_tokens > 0
    assert sdk.ask()
