"""503 and 402 as callers of either surface meet them, with the headers their SDKs obey."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from falcon.testing import Result
from pydantic import SecretStr

from app.domain import errors
from app.domain.money import NANOS_PER_DOLLAR
from app.services.replenish.policy import set_policy
from app.services.start import start
from tests.factories import WORKER, make_job
from tests.web.api import ASYNC, Api, assert_refused, assert_refused_as_anthropic

Carry = Callable[..., None]
NOBODY = "http://127.0.0.1:9"
"""A funding source nobody asks in these tests: only a leading keeper would."""


@pytest.fixture
def buyer(poor: Api) -> Api:
    """A customer with nothing whose account replenishes itself."""
    set_policy(
        poor.gateway,
        poor.customer.account_id,
        threshold_nanos=0,
        amount_nanos=NANOS_PER_DOLLAR,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    api = poor.with_settings(funding_url=NOBODY, funding_secret=SecretStr("tests"))
    return replace(api, gateway=replace(api.gateway, entropy=lambda count: bytes([128]) * count))


def assert_come_back(answered: Result, least_s: float, most_s: float) -> None:
    """Check that an SDK comes back by itself, between these times."""
    assert answered.headers["x-should-retry"] == "true"
    wait_ms = int(answered.headers["retry-after-ms"])
    assert least_s * 1_000 <= wait_ms <= most_s * 1_000
    assert int(answered.headers["retry-after"]) == -(-wait_ms // 1_000)


def test_a_chat_caller_waits_for_a_replenishment(buyer: Api, carry: Carry) -> None:
    """503, and when to come back; the job's row remembers both."""
    carry(buyer)
    answered = buyer.chat()
    assert_refused(answered, 503, errors.BalanceReplenishing)
    assert answered.json["error"]["type"] == "server_error"
    assert_come_back(answered, 2, 30)
    assert answered.headers["retry-after-ms"] not in ("2000", "3000")


def test_a_messages_caller_waits_for_a_replenishment(buyer: Api, carry: Carry) -> None:
    """The same on the other surface, as overloaded_error."""
    carry(buyer)
    answered = buyer.message()
    assert_refused_as_anthropic(answered, 503, errors.BalanceReplenishing, "overloaded_error")
    assert_come_back(answered, 2, 30)


@pytest.mark.parametrize("path", ["chat", "message"])
def test_a_stream_is_refused_before_it_begins(buyer: Api, carry: Carry, path: str) -> None:
    """Nothing was sent yet, so it is an ordinary 503 with the same headers."""
    carry(buyer)
    answered = getattr(buyer, path)(stream=True)
    assert answered.status_code == 503
    assert_come_back(answered, 2, 30)


@pytest.mark.parametrize("path", ["chat", "message"])
def test_holds_of_others_are_waited_for(shared: Api, carry: Carry, path: str) -> None:
    """Where only other calls' holds are in the way a caller comes back within seconds."""
    busy = shared.another(dollars="0.0004")
    other = make_job(busy.gateway, busy.customer)
    assert len(start(busy.gateway, [other], WORKER).started) == 1
    carry(busy)
    answered = getattr(busy, path)()
    assert answered.status_code == 503
    assert b"holds_exhausted" in answered.content
    assert_come_back(answered, 1, 10)


@pytest.mark.parametrize("path", ["chat", "message"])
def test_nobody_is_told_to_come_back_in_vain(poor: Api, carry: Carry, path: str) -> None:
    """Without rules to buy by it is 402, and no Retry-After."""
    carry(poor)
    answered = getattr(poor, path)()
    assert answered.status_code == 402
    assert answered.headers["x-should-retry"] == "false"
    assert {"retry-after", "retry-after-ms"}.isdisjoint(answered.headers)


def test_the_same_key_is_a_new_try(buyer: Api, carry: Carry) -> None:
    """Who comes back with the same Idempotency-Key is tried anew, not told the old refusal."""
    carry(buyer)
    key = {"Idempotency-Key": f"again-{buyer.customer.account_id}"}
    tries = [buyer.chat(headers=key) for _ in range(2)]
    assert [answered.status_code for answered in tries] == [503, 503]
    assert tries[0].headers["x-busbar-job-id"] != tries[1].headers["x-busbar-job-id"]
    assert all("idempotent-replayed" not in answered.headers for answered in tries)


def test_a_job_nobody_waits_for_is_accepted(buyer: Api, carry: Carry) -> None:
    """It waits for its balance instead, and says so."""
    carry(buyer)
    answered = buyer.chat(headers=ASYNC)
    assert answered.status_code == 202
