"""A payment service in a process of its own, and the ways tests speak to it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

TIMEOUT_S = 5.0
SECRET = "a secret of the tests"


class FundingServer:
    """A running payment service, spoken to over its socket."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def set(self, *rules: dict[str, Any], **document: Any) -> None:
        """Put faults in force."""
        answered = self.put({"rules": list(rules), **document})
        assert answered.status_code == 200, answered.text

    def put(self, document: Any) -> requests.Response:
        """Offer a document of faults."""
        return requests.put(f"{self.url}/_simulator/faults", json=document, timeout=TIMEOUT_S)

    def truth(self) -> dict[str, Any]:
        """Return what was charged."""
        answered = requests.get(f"{self.url}/_simulator/purchases", timeout=TIMEOUT_S)
        found: dict[str, Any] = answered.json()
        return found

    def fresh_faults(self) -> None:
        """Let nothing go wrong any more."""
        requests.delete(f"{self.url}/_simulator/faults", timeout=TIMEOUT_S)

    def fresh(self) -> None:
        """Forget all purchases and faults."""
        for what in ("purchases", "faults"):
            requests.delete(f"{self.url}/_simulator/{what}", timeout=TIMEOUT_S)


@contextmanager
def funding_of(*arguments: str) -> Iterator[FundingServer]:
    """Run a payment service until the block ends."""
    command = [sys.executable, "-m", "app.simulator.funding", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield FundingServer(process, json.loads(process.stdout.readline())["url"])
        finally:
            process.kill()
