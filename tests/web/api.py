"""A customer who calls the application inside this process."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import falcon.testing
from falcon.testing import Result

from app.domain.errors import BusbarError
from app.gateway import Gateway
from app.web.urls import build
from tests.factories import Customer, chat_body, make_customer

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
JOBS = "/v1/jobs"
ASYNC = {"Prefer": "respond-async"}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
"""RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The application, called with a customer's key."""

    gateway: Gateway
    client: falcon.testing.TestClient
    customer: Customer

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Result:
        """Send a body, as JSON or byte for byte."""
        sent = json.dumps(body).encode() if raw is None else raw
        return self.ask("POST", path, headers=headers, body=sent)

    def get(self, path: str, query: str = "", headers: dict[str, str] | None = None) -> Result:
        """Ask for something."""
        return self.ask("GET", path, headers=headers, query_string=query)

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> Result:
        """Send a request with the customer's key; `headers` may replace it."""
        sent = {"Authorization": f"Bearer {self.customer.key}", **(headers or {})}
        return self.client.simulate_request(method, path, headers=sent, **more)

    def chat(
        self, text: str = "What is 2 + 2?", *, headers: dict[str, str] | None = None, **more: Any
    ) -> Result:
        """Ask for a completion."""
        return self.post(CHAT, chat_body(text, **more), headers=headers)

    def message(
        self, text: str = "What is 2 + 2?", *, headers: dict[str, str] | None = None, **more: Any
    ) -> Result:
        """Ask for a message."""
        return self.post(MESSAGES, message_body(text, **more), headers=ANTHROPIC | (headers or {}))

    def later(self, text: str = "What is 2 + 2?", **more: Any) -> str:
        """Ask for a completion asynchronously and return the job's id."""
        answered = self.chat(text, headers=ASYNC, **more)
        assert answered.status_code == 202, answered.text
        return str(answered.json["id"])

    def job(self, job_id: str, *, wait_s: int = 0) -> dict[str, Any]:
        """Return a job of the customer's."""
        answered = self.get(f"{JOBS}/{job_id}", f"wait={wait_s}")
        assert answered.status_code == 200, answered.text
        return dict(answered.json)

    def cancel(self, job_id: str, headers: dict[str, str] | None = None) -> Result:
        """Cancel a job."""
        return self.post(f"{JOBS}/{job_id}/cancel", raw=b"", headers=headers)

    def jobs(self, query: str = "limit=100") -> list[dict[str, Any]]:
        """Return a page of the customer's jobs."""
        answered = self.get(JOBS, query)
        assert answered.status_code == 200, answered.text
        return list(answered.json["data"])

    def balance(self) -> dict[str, Any]:
        """Return the customer's balance."""
        return dict(self.get("/v1/balance").json)

    def another(self, dollars: str = "10") -> "Api":
        """Return another customer of the same application."""
        return replace(self, customer=make_customer(self.gateway, dollars))

    def with_settings(self, **changes: object) -> "Api":
        """Return the customer at an application with other settings and the same connections."""
        settings = self.gateway.settings.model_copy(update=changes)
        gateway = replace(self.gateway, settings=settings)
        client = falcon.testing.TestClient(build(gateway))
        return replace(self, gateway=gateway, client=client)


def open_api(gateway: Gateway, dollars: str = "10") -> Api:
    """Build the application and give it a new customer."""
    client = falcon.testing.TestClient(build(gateway))
    return Api(gateway=gateway, client=client, customer=make_customer(gateway, dollars))


def entry(text: str = "What is 2 + 2?", **fields: Any) -> dict[str, Any]:
    """Return a job as the native API takes it."""
    return {"endpoint": CHAT, "body": chat_body(text), **fields}


def message_body(text: str = "What is 2 + 2?", **more: Any) -> dict[str, Any]:
    """Return a body of the messages surface."""
    return {
        "model": "text-prime",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 100,
    } | more


def assert_refused_as_anthropic(
    answered: Result, status: int, error: type[BusbarError], kind: str
) -> None:
    """Check that an answer is a whole error of the other vendor's: type, message, request id."""
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/json"
    assert answered.json["type"] == "error"
    assert answered.json["error"]["type"] == kind
    assert answered.json["error"]["message"]
    assert answered.json["error"]["details"]["error_code"] == error.code
    assert answered.json["request_id"] == answered.headers["request-id"]
    assert set(answered.json) == {"type", "error", "request_id"}
    assert_marked(answered)


def assert_refused(answered: Result, status: int, error: type[BusbarError]) -> None:
    """Check that an answer is a whole error: status, both envelopes, both request ids."""
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/json"
    told = answered.json["error"]
    assert told["code"] == error.code
    assert told["message"]
    assert {"message", "type", "param", "code"} <= set(told)
    assert answered.json["errors"] == {"detail": told["message"], "code": told["code"]}
    assert_marked(answered)


def assert_marked(answered: Result) -> None:
    """Check that an answer bears its request id under both vendors' names."""
    assert answered.headers["x-request-id"].startswith("req_")
    assert answered.headers["request-id"] == answered.headers["x-request-id"]
