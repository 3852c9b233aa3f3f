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
        """Ask one question."""
        headers = {"Authorization": "Bearer anything"}
        if job is not None:
            headers["Idempotency-Key"] = job
        if attempt is not None:
            headers["X-Busbar-Attempt"] = str(attempt)
        asked = {"model": "sim", "messages": [{"role": "user", "content": text}], **fields}
        return self.post(json.dumps(asked), headers=headers)

    def post(
        self, body: str | bytes, *, headers: dict[str, str] | None = None
    ) -> requests.Response:
        """Send a body as it is."""
        url = f"{self.url}/v1/chat/completions"
        return self.session.post(url, data=body, headers=headers, timeout=TIMEOUT_S)

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

    def fresh(self) -> None:
        """Forget all calls and faults."""
        for what in ("calls", "faults"):
            self.session.delete(f"{self.url}/_simulator/{what}", timeout=TIMEOUT_S)


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
