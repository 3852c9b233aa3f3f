"""Token counts, asked for alone."""

import json
import time
from typing import Any

import pytest

from tests.simulator.running import MESSAGES, Simulator

COUNT = f"{MESSAGES}/count_tokens"
TOOL = {"name": "weather", "input_schema": {"type": "object"}}
FIELDS: list[dict[str, Any]] = [{}, {"system": "Be brief."}, {"tools": [TOOL]}]


def counted(simulator: Simulator, **fields: Any) -> Any:
    """Return what a prompt weighs."""
    turns = [{"role": "user", "content": "Explain the tides."}]
    body = json.dumps({"model": "sim", "messages": turns, **fields})
    return simulator.post(body, path=f"{COUNT}?beta=true").json()


@pytest.mark.parametrize("fields", FIELDS)
def test_a_count_is_what_a_call_is_charged(simulator: Simulator, fields: dict[str, Any]) -> None:
    """The weight of a prompt is the input of the call that has it."""
    charged = simulator.message(**fields).json()["usage"]["input_tokens"]
    assert counted(simulator, **fields) == {"input_tokens": charged}


def test_a_count_is_no_call(simulator: Simulator) -> None:
    """Counts are counted apart, and no fault or delay befalls them."""
    simulator.set({"fault": "status", "status": 503}, latency={"ms": 2_000})
    begun = time.monotonic()
    assert counted(simulator)["input_tokens"] > 0
    assert time.monotonic() - begun < 1
    calls = simulator.calls()
    assert (calls["total"], calls["token_counts"]) == (0, 1)


def test_a_prompt_that_is_none_is_refused(simulator: Simulator) -> None:
    """What could not be answered cannot be weighed."""
    refused = counted(simulator, messages=[])
    assert refused["error"]["type"] == "invalid_request_error"
