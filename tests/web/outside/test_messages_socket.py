"""The messages surface over a real socket, with the headers its clients send."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.web.api import Api, message_body

from .server import ANSWER_S, Server

pytestmark = pytest.mark.xdist_group("web server")

LIMIT = 10_000_000


def agent(api: Api, **more: str) -> dict[str, str]:
    """Return the headers of a coding agent."""
    return {
        "x-api-key": api.customer.key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
        "x-app": "cli",
        **more,
    }


def ask(server: Server, method: str, path: str, **more: Any) -> requests.Response:
    """Send a request and wait for its answer."""
    return requests.request(method, f"{server.url}{path}", timeout=ANSWER_S, **more)


def test_a_message(server: Server, api: Api, carry: Callable[..., None]) -> None:
    """A request on the beta path, with its key in the older header, gets a message."""
    carry(api)
    body = message_body("Hi.")
    answered = ask(server, "POST", "/v1/messages?beta=true", headers=agent(api), json=body)
    assert answered.status_code == 200
    assert answered.json()["content"][0]["text"] == "re: Hi."
    assert answered.headers["request-id"] == answered.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_a_connection_is_warmed_up(server: Server, path: str) -> None:
    """HEAD without a key is a 200 that ends with its headers."""
    answered = ask(server, "HEAD", path)
    assert (answered.status_code, answered.content) == (200, b"")


def test_models_are_discovered(server: Server, api: Api) -> None:
    """The agent's discovery reads its own vendor's shape."""
    page = ask(server, "GET", "/v1/models?limit=1000", headers=agent(api)).json()
    assert page["has_more"] is False
    assert {model["type"] for model in page["data"]} == {"model"}


def test_tokens_are_counted(server: Server, api: Api) -> None:
    """On the beta path too."""
    path = "/v1/messages/count_tokens?beta=true"
    answered = ask(server, "POST", path, headers=agent(api), json=message_body("foo"))
    assert answered.json() == {"input_tokens": 8}


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x-api-key": "sk-ant-none"}, 401, "authentication_error"),
        ({"Authorization": "Bearer sk-other"}, 401, "authentication_error"),
        ({"anthropic-version": "1999-01-01"}, 400, "invalid_request_error"),
        ({"Content-Length": str(LIMIT + 1)}, 413, "request_too_large"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_refusal_is_that_vendors(
    server: Server, api: Api, headers: dict[str, str], status: int, kind: str
) -> None:
    """Whatever is wrong, the envelope is the one the client reads, with the id of its headers."""
    sent = agent(api, **{"Connection": "close", "Host": "here", **headers})
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    received = server.talk(f"POST /v1/messages HTTP/1.1\r\n{lines}\r\n".encode())
    head, _, body = received.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert int(head.split()[1]) == status
    assert (told["type"], told["error"]["type"]) == ("error", kind)
    assert f"request-id: {told['request_id']}".encode() in head
