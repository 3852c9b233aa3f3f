"""Many waiters, slow and failing purchases, killed leaders: whole gateways of real processes."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from app.embedded import reset
from tests.e2e.standing import Standing, eventually, standing

QUEUED, CALLERS = 400, 100
BUY_MS = 5_000
SOON_S, PATIENCE_S = 60.0, 90.0
HOPELESS = {402}

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("storm")]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Standing]:
    """A gateway with two workers whose account has nothing, and hardly a cooldown."""
    state = tmp_path / "state"
    settings = {"lease_s": "3", "replenish_cooldown_s": "0.5", "funding_timeout_s": "8"}
    with standing(state, workers=2, **settings) as gateway:
        money = gateway.sql("SELECT id FROM lots")
        assert len(money) == 1
        spend_all(gateway)
        yield gateway
        assert gateway.doctor() == []
    reset(state)


def spend_all(gateway: Standing) -> None:
    """Let what the account has expire."""
    gateway.execute("UPDATE lots SET expires_at = now()")


def replenish(gateway: Standing, amount: str = "1") -> None:
    """Let the account buy credit by itself."""
    flags = ["--threshold", "0", "--amount", amount, "--monthly-cap", "200"]
    done = gateway.busbar("replenish", gateway.ready.account, *flags)
    assert done.returncode == 0, done.stderr


def fail(gateway: Standing, document: dict[str, Any]) -> None:
    """Put faults in force at the payment service."""
    url = f"{gateway.ready.funding_url}/_simulator/faults"
    assert requests.put(url, json=document, timeout=5).status_code == 200


def truth(gateway: Standing) -> dict[str, Any]:
    """Return what was charged, by the payment service's own count."""
    url = f"{gateway.ready.funding_url}/_simulator/purchases"
    found: dict[str, Any] = requests.get(url, timeout=5).json()
    return found


def body(number: int) -> dict[str, Any]:
    """Return a question of its own."""
    text = f"What is {number} + {number}?"
    messages = [{"role": "user", "content": text}]
    return {"model": "text-standard", "messages": messages, "max_tokens": 64}


def call(gateway: Standing, number: int) -> int:
    """Ask as a client does that comes back when it is told to; return the last status."""
    ends = time.monotonic() + PATIENCE_S
    path = ("/v1/chat/completions", "/v1/messages")[number % 2]
    while True:
        answered = gateway.post(path, body(number))
        told = answered.headers.get("x-should-retry")
        if answered.status_code != 503 or time.monotonic() > ends:
            return answered.status_code
        assert told == "true", answered.text
        wait_ms = int(answered.headers["retry-after-ms"])
        assert 2_000 <= wait_ms <= 30_000
        time.sleep(wait_ms / 1_000)


def queue(gateway: Standing, count: int) -> None:
    """Submit jobs nobody waits for."""
    jobs = [{"endpoint": "/v1/chat/completions", "body": body(n)} for n in range(count)]
    answered = gateway.post("/v1/jobs", {"jobs": jobs})
    assert answered.status_code == 202, answered.text


def states(gateway: Standing) -> dict[str, int]:
    """Return how many queued jobs are in each state."""
    rows = gateway.sql(
        "SELECT concat_ws(' ', state, reason), count(*) FROM jobs"
        " WHERE on_empty = 'wait' GROUP BY 1"
    )
    return dict(rows)


def test_a_storm_of_waiters_makes_one_purchase_at_a_time(gateway: Standing) -> None:
    """500 wait, each purchase takes 5 s and the first two fail: one in flight, and all served."""
    fail(gateway, {"latency_ms": BUY_MS, "rules": [{"fault": "decline", "times": 2}]})
    replenish(gateway)
    queue(gateway, QUEUED)
    with ThreadPoolExecutor(CALLERS) as pool:
        ended = Counter(pool.map(lambda n: call(gateway, n), range(CALLERS)))
    assert ended == {200: CALLERS}
    eventually(lambda: states(gateway) == {"succeeded": QUEUED}, SOON_S)
    told = truth(gateway)
    assert (told["in_flight_peak"], told["in_flight_peak_of_one"]) == (1, 1)
    declined = [each for each in told["purchases"].values() if each["status"] == "declined"]
    assert len(declined) == 2
    assert all(each["asked"] == 1 for each in told["purchases"].values())
    assert told["bought"] == len(gateway.sql("SELECT 1 FROM lots WHERE source = 'replenishment'"))


def test_a_storm_in_front_of_a_lock_ends_in_402(gateway: Standing) -> None:
    """Where every purchase is declined callers are sent away after the third, and none hangs."""
    fail(gateway, {"latency_ms": 200, "rules": [{"fault": "decline"}]})
    replenish(gateway)
    with ThreadPoolExecutor(CALLERS) as pool:
        ended = Counter(pool.map(lambda n: call(gateway, n), range(CALLERS)))
    assert ended == {402: CALLERS}
    assert truth(gateway)["asked"] == 3
    unlocked = gateway.busbar("replenish", gateway.ready.account, "--unlock", "--json")
    assert json.loads(unlocked.stdout)["state"] == "on"
    fail(gateway, {})
    assert call(gateway, 0) == 200


def test_a_leader_killed_in_the_middle_of_a_purchase_buys_once(gateway: Standing) -> None:
    """The next leader looks up what the dead one was buying, and credits it."""
    fail(gateway, {"latency_ms": 2_000})
    replenish(gateway)
    queue(gateway, 20)
    eventually(lambda: truth(gateway)["in_flight"] == 1, SOON_S)
    for name in ("worker-1", "worker-2"):
        gateway.kill(name, signal.SIGKILL)
    eventually(lambda: states(gateway) == {"succeeded": 20}, SOON_S)
    told = truth(gateway)
    assert (told["bought"], told["asked"], told["in_flight_peak_of_one"]) == (1, 1, 1)
    assert told["lookups"] >= 1
    assert len(gateway.sql("SELECT 1 FROM lots WHERE source = 'replenishment'")) == 1
