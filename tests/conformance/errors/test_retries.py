"""What the SDKs send again, when, and that nobody pays twice for it."""

import threading
import time
import uuid
from typing import Any

import pytest

from app.domain.dialect import Dialect
from tests.web.outside.server import ANSWER_S

from .scene import Scene
from .sdk import Sdk

SLOW: Any = {"kind": "fixed", "ms": 2_500}
GIVES_UP_S = 1.2


def ended(sdk: Sdk, answer: Any) -> bool:
    """True when an answer came to its proper end, whole or as the events of a stream."""
    if sdk.dialect is Dialect.MESSAGES:
        is_last = isinstance(answer, list) and answer[-1].type == "message_stop"
        return is_last or bool(answer.stop_reason)
    last = answer[-1] if isinstance(answer, list) else answer
    return bool(last.choices[0].finish_reason)


def ask(sdk: Sdk, *, stream: bool, **options: Any) -> Any:
    """Ask a question of this very call, and read the answer to its end."""
    asked = sdk.question(f"Slowly, {uuid.uuid4()}")
    answer = sdk.with_options(**options).create(**asked, stream=stream)
    return list(answer) if stream else answer


@pytest.mark.parametrize("stream", [False, True])
def test_who_gives_up_and_tries_again_attaches(scene: Scene, *, stream: bool) -> None:
    """An SDK that times out and asks again gets the answer of the job it began: one call."""
    scene.house.simulator.set(latency=SLOW)
    sdk = scene.sdk()
    answer = ask(sdk, stream=stream, timeout=GIVES_UP_S, max_retries=3)
    assert ended(sdk, answer)
    assert sdk.sent > 1
    assert scene.house.simulator.calls()["total"] == 1


def test_a_busy_upstream_is_waited_out(scene: Scene) -> None:
    """A 503 with Retry-After is the gateway's to wait out: the SDK asks once, and has an answer."""
    busy = {"fault": "status", "status": 503, "retry_after_s": 0, "times": 2}
    scene.house.simulator.set(busy)
    sdk = scene.sdk()
    assert ended(sdk, ask(sdk, stream=False))
    assert sdk.sent == 1
    assert scene.house.simulator.calls()["total"] == 3


@pytest.mark.parametrize("protocol", ["openai"])
def test_retry_after_is_waited_for(scene: Scene) -> None:
    """A 429 says in how long a seat may be free; the SDK comes again then, and has an answer."""
    key = scene.limited(scene.customer(), concurrent_calls=1)
    scene.house.simulator.set(latency={"kind": "fixed", "ms": 600})
    first, second = scene.sdk(key), scene.sdk(key, retries=3)
    beside = threading.Thread(target=lambda: ask(first, stream=False))
    beside.start()
    scene.running(key)
    began = time.monotonic()
    assert ended(second, ask(second, stream=False))
    assert time.monotonic() - began >= 1
    assert second.sent == 2
    beside.join(ANSWER_S)


@pytest.mark.parametrize("protocol", ["openai"])
def test_an_idempotency_key_is_honoured(scene: Scene) -> None:
    """The same key and body is the same answer, for one call; the header says it is told again."""
    sdk = scene.sdk()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    told = [
        sdk.answers.with_raw_response.create(**sdk.question("Hi."), extra_headers=headers)
        for _ in range(2)
    ]
    assert told[0].parse() == told[1].parse()
    assert [raw.headers.get("idempotent-replayed") for raw in told] == [None, "true"]
    assert scene.house.simulator.calls()["total"] == 1


@pytest.mark.parametrize("protocol", ["openai"])
def test_a_refusal_costs_nothing(scene: Scene) -> None:
    """Who has no money is refused before the upstream hears of it."""
    sdk = scene.sdk(scene.customer("0").key)
    with pytest.raises(Exception, match="balance"):
        sdk.ask()
    assert scene.house.simulator.calls()["total"] == 0


@pytest.mark.parametrize("protocol", ["openai"])
def test_faults_are_all_told(scene: Scene) -> None:
    """Several faults of one request come together, in the place each SDK shows."""
    sdk = scene.sdk()
    wrong = {"messages": [{"content": "no role"}], "temperature": "warm"}
    with pytest.raises(Exception, match="role") as raised:
        sdk.ask(extra_body=wrong)
    body: Any = raised.value.body  # type: ignore[attr-defined]
    holder = body if scene.dialect is Dialect.CHAT else body["error"]["details"]
    assert {"messages[0].role", "temperature"} <= {fault["where"] for fault in holder["faults"]}
