"""A simulator in a process of its own, and the ways tests speak to it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import requests

TIMEOUT_S = 5.0
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"

T = TypeVar("T")


class Simulator:
    """A running simulator, spoken to over its socket."""

    def __init__(self, process: subprocess.Popen[str], said: dict[str, str]) -> None:
        self.process = process
        self.said = said
        self.url = said["url"]
        self.session = requests.Session()

    def chat(
        self,
        text: str = "Explain the tides.",
        *,
        job: str | None = None,
        attempt: int | None = None,
        **fields: Any,
    ) -> requests.Response:
        """Ask one question in the chat protocol."""
        headers = {"Authorization": "Bearer anything", **_named(job, attempt)}
        asked = {"model": "sim", "messages": [{"role": "user", "content": text}], **fields}
        return self.post(json.dumps(asked), headers=headers)

    def message(
        self,
        text: str = "Explain the tides.",
        *,
        job: str | None = None,
        attempt: int | None = None,
        path: str = MESSAGES,
        **fields: Any,
    ) -> requests.Response:
        """Ask one question in the messages protocol."""
        version = {"x-api-key": "anything", "anthropic-version": "2023-06-01"}
        turns = [{"role": "user", "content": text}]
        asked = {"model": "sim", "max_tokens": 4_000, "messages": turns, **fields}
        return self.post(json.dumps(asked), headers={**version, **_named(job, attempt)}, path=path)

    def ask(self, path: str, text: str = "Explain the tides.", **fields: Any) -> requests.Response:
        """Ask one question in the protocol of a path."""
        return self.chat(text, **fields) if path == CHAT else self.message(text, **fields)

    def post(
        self, body: str | bytes, *, headers: dict[str, str] | None = None, path: str = CHAT
    ) -> requests.Response:
        """Send a body as it is."""
        return self.session.post(f"{self.url}{path}", data=body, headers=headers, timeout=TIMEOUT_S)

    def set(self, *rules: dict[str, Any], **document: Any) -> None:
        """Put faults in force."""
        answered = self.put(json.dumps({"rules": list(rules), **document}))
        assert answered.status_code == 200, answered.text

    def put(self, document: str) -> requests.Response:
        """Offer a document of faults."""
        url = f"{self.url}/_simulator/faults"
        return self.session.put(url, data=document, timeout=TIMEOUT_S)

    def calls(self, **query: str) -> dict[str, Any]:
        """Return what was counted."""
        url = f"{self.url}/_simulator/calls"
        counted: dict[str, Any] = self.session.get(url, params=query, timeout=TIMEOUT_S).json()
        return counted

    def heard(self) -> list[dict[str, Any]]:
        """Return the latest requests as they came in."""
        shown = self.session.get(f"{self.url}/_simulator/requests", timeout=TIMEOUT_S).json()
        requests_heard: list[dict[str, Any]] = shown["requests"]
        return requests_heard

    def fresh(self) -> None:
        """Forget all calls and faults."""
        for what in ("calls", "faults"):
            self.session.delete(f"{self.url}/_simulator/{what}", timeout=TIMEOUT_S)


def _named(job: str | None, attempt: int | None) -> dict[str, str]:
    """Return the headers that say which job a call is for, and which attempt at it."""
    names = {"Idempotency-Key": job, "X-Busbar-Attempt": attempt}
    return {header: str(name) for header, name in names.items() if name is not None}


@contextmanager
def simulator_of(*arguments: str) -> Iterator[Simulator]:
    """Run a simulator until the block ends."""
    command = [sys.executable, "-m", "app.simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            running = Simulator(process, json.loads(process.stdout.readline()))
            try:
                yield running
            finally:
                running.session.close()
        finally:
            process.kill()


def frames(response: requests.Response) -> list[dict[str, Any]]:
    """Return the chunks of a stream, which must be framed as events and nothing else."""
    parts = response.content.decode().split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts if part != "data: [DONE]"]


def said(response: requests.Response) -> str:
    """Return the text of the first choice."""
    assert response.status_code == 200, response.text
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def eventually(look: Callable[[], T], *, within_s: float = TIMEOUT_S) -> T:
    """Look again and again until there is something to see."""
    end = time.monotonic() + within_s
    while not (seen := look()) and time.monotonic() < end:
        time.sleep(0.01)
    return seen
