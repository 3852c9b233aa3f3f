"""Keys: either header on either surface, and what is said when none of them is good."""

from collections.abc import Callable
from typing import Any, Final

import pytest
import requests

from tests.conformance.house import House
from tests.factories import Customer

from .ways import UNKNOWN_KEY

SOON_S: Final = 20
PATHS: Final = ("/v1/chat/completions", "/v1/messages")
Headers = Callable[[str], dict[str, str]]


def bearer(key: str) -> dict[str, str]:
    """Send a key as OpenAI's clients and Anthropic's newer ones do."""
    return {"Authorization": f"Bearer {key}"}


def x_api_key(key: str) -> dict[str, str]:
    """Send a key as Anthropic's older clients and Claude Code do."""
    return {"x-api-key": key}


GOOD: Final[list[Headers]] = [bearer, x_api_key, lambda key: bearer(key) | x_api_key(key)]
BAD: Final[dict[str, Headers]] = {
    "none": lambda _key: {},
    "an unknown bearer": lambda _key: bearer(UNKNOWN_KEY),
    "an unknown x-api-key": lambda _key: x_api_key(UNKNOWN_KEY),
    "another vendor's": lambda _key: bearer("sk-not-ours"),
    "two that differ": lambda key: bearer(key) | x_api_key(UNKNOWN_KEY),
    "another scheme": lambda key: {"Authorization": f"Basic {key}"},
}


def post(house: House, path: str, headers: dict[str, str]) -> Any:
    """Ask a question outside of any SDK."""
    hello = [{"role": "user", "content": "Hello."}]
    body: Any = {"model": "openai-drain", "max_tokens": 9, "messages": hello}
    return requests.post(f"{house.server.url}{path}", json=body, headers=headers, timeout=SOON_S)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", GOOD, ids=["bearer", "x-api-key", "both"])
def test_a_good_key(house: House, customer: Customer, path: str, headers: Headers) -> None:
    """Either header is taken on either surface; so are both, if they hold the same key."""
    assert post(house, path, headers(customer.key)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", BAD)
def test_a_bad_key(house: House, customer: Customer, path: str, how: str) -> None:
    """Whatever is wrong with it, it is a 401 in the envelope of its surface."""
    answered = post(house, path, BAD[how](customer.key))
    assert answered.status_code == 401
    error = answered.json()["error"]
    assert error["type"] == "authentication_error"
    told = error["code"] if path == PATHS[0] else error["details"]["error_code"]
    assert told == "invalid_api_key"
    assert house.simulator.calls()["total"] == 0
