"""What clients look for around their calls: models in both shapes, preferences, warm-ups."""

from typing import Any, Final

import anthropic
import openai
import pytest
import requests

from tests.factories import Customer

from .house import SLASHED, House

SOON_S: Final = 20
VERSIONS: Final = ("2023-06-01", "2026-10-21")
HELLO: Any = [{"role": "user", "content": "Hello."}]


def call(house: House, customer: Customer, method: str, path: str, **options: Any) -> Any:
    """Make a request outside of any SDK."""
    headers = {"Authorization": f"Bearer {customer.key}", **options.pop("headers", {})}
    url = f"{house.server.url}{path}"
    return requests.request(method, url, headers=headers, timeout=SOON_S, **options)


def test_a_name_with_a_slash(
    house: House, customer: Customer, chat: openai.OpenAI, messages: anthropic.Anthropic
) -> None:
    """Escaped, as new SDKs send it, or as it is: the same instrument; and it can be asked."""
    assert chat.models.retrieve(SLASHED).id == SLASHED
    assert messages.models.retrieve(SLASHED).id == SLASHED
    for path in (SLASHED, SLASHED.replace("/", "%2F"), SLASHED.upper()):
        found = call(house, customer, "GET", f"/v1/models/{path}")
        assert (found.status_code, found.json()["id"]) == (200, SLASHED)
    assert chat.chat.completions.create(model=SLASHED, messages=HELLO).model == SLASHED


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_header_tells_the_shape(house: House, customer: Customer, version: str) -> None:
    """With `anthropic-version` a list is Anthropic's, a page; without it it is OpenAI's, whole."""
    plain = call(house, customer, "GET", "/v1/models").json()
    assert plain["object"] == "list"
    assert {each["object"] for each in plain["data"]} == {"model"}
    headers = {"anthropic-version": version}
    paged = call(house, customer, "GET", "/v1/models?limit=1000", headers=headers).json()
    assert {each["type"] for each in paged["data"]} == {"model"}
    assert paged["has_more"] is False
    assert {each["id"] for each in paged["data"]} == {each["id"] for each in plain["data"]}


@pytest.mark.parametrize(
    ("prefer", "status", "applied"),
    [
        (None, 200, None),
        ("respond-async", 202, "respond-async"),
        ("wait=10", 200, None),
        ("respond-async, wait=20", 200, None),
        ("respond-async;, wait=ten", 202, "respond-async"),
        ("return=minimal; foo", 200, None),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_202_only_for_who_prefers_it(
    house: House,
    customer: Customer,
    path: str,
    prefer: str | None,
    status: int,
    applied: str | None,
) -> None:
    """SDKs take a 202 for an answer without content, so nobody gets one unasked."""
    headers = {"Prefer": prefer} if prefer else {}
    body = {"model": "openai-drain", "max_tokens": 50, "messages": HELLO}
    told = call(house, customer, "POST", path, headers=headers, json=body)
    assert told.status_code == status
    assert told.headers.get("preference-applied") == applied
    assert told.headers["content-type"].startswith("application/json")
    assert ("location" in told.headers) == (status == 202)


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_a_warm_up_is_answered(house: House, path: str) -> None:
    """Coding agents warm their connection up without a key."""
    assert requests.head(f"{house.server.url}{path}", timeout=SOON_S).status_code == 200
