"""Clients that come again: to the job they began, while their first connection is found dead."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests

from app.domain.job import JobState
from app.domain.limits.limit import Limits
from app.services import accounts
from tests.factories import Customer
from tests.services.book import job_row
from tests.simulator.running import eventually

from .house import PROTOCOLS, House
from .test_streams import QUESTION, SLOWLY, SOON_S, begun, final

LATE: dict[str, Any] = {"kind": "fixed", "ms": 2_500, "chunk_ms": 200}
"""The first word comes when a client has given up and come again: only then its end is noticed."""
GIVES_UP_S = 1.2
CUTTING = ("estimate", "free")
CHAT = "/v1/chat/completions"
WHOLE = b'"finish_reason":"stop"'
DONE = b"data: [DONE]\n\n"


def left_at(house: House, job_id: str) -> Any:
    """Return when the last client of a job left, as its row says."""
    return job_row(house.gateway, job_id).client_left_at


def asked(text: str) -> Any:
    """Return messages nobody else asks with."""
    return [{"role": "user", "content": f"{text} {uuid.uuid4()}"}]


@pytest.mark.parametrize("policy", CUTTING)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_retry_gets_the_stream_its_first_try_began(
    house: House, customer: Customer, protocol: str, policy: str
) -> None:
    """An SDK times out and comes again: its own first connection, found dead, ends nothing."""
    house.simulator.set(latency=LATE)
    with openai.OpenAI(
        base_url=f"{house.server.url}/v1", api_key=customer.key, timeout=GIVES_UP_S, max_retries=3
    ) as client:
        stream = client.chat.completions.create(
            model=f"{protocol}-{policy}",
            max_tokens=300,
            messages=asked("Describe a lighthouse at length, please."),
            stream=True,
        )
        chunks = list(stream)
    assert stream.response.headers["idempotent-replayed"] == "true"
    assert [choice.finish_reason for choice in chunks[-1].choices] == ["stop"]
    assert house.simulator.calls()["total"] == 1


@pytest.mark.parametrize("policy", CUTTING)
def test_who_comes_again_within_the_grace_has_not_left(
    house: House, customer: Customer, policy: str
) -> None:
    """A connection that broke in mid-stream ends nothing if its client is back soon enough."""
    house.simulator.set(latency=SLOWLY)
    body = {"max_tokens": 300, "seed": uuid.uuid4().int % 1_000_000}
    first = begun(house, customer, f"openai-{policy}", CHAT, **body)
    first.close()
    job_id = first.headers["x-busbar-job-id"]
    assert eventually(lambda: left_at(house, job_id) is not None, within_s=SOON_S)
    second = requests.post(
        f"{house.server.url}{CHAT}",
        data=first.request.body,
        headers={
            "Authorization": f"Bearer {customer.key}",
            "x-stainless-retry-count": "1",
        },
        timeout=SOON_S,
    )
    assert second.headers["x-busbar-job-id"] == job_id
    assert WHOLE in second.content
    assert second.content.endswith(DONE)
    assert left_at(house, job_id) is None


@pytest.mark.parametrize("policy", CUTTING)
def test_one_of_two_who_share_a_key_may_leave(
    house: House, customer: Customer, policy: str
) -> None:
    """The job goes on for the other one, who asked with the same Idempotency-Key."""
    house.simulator.set(latency=SLOWLY)
    headers = {"Authorization": f"Bearer {customer.key}", "Idempotency-Key": uuid.uuid4().hex}
    body = {"model": f"openai-{policy}", "messages": QUESTION, "stream": True, "max_tokens": 300}
    url = f"{house.server.url}{CHAT}"
    first, second = (
        requests.post(url, json=body, headers=headers, stream=True, timeout=SOON_S)
        for _ in range(2)
    )
    assert next(first.iter_lines()).startswith(b"data: ")
    first.close()
    assert second.headers["idempotent-replayed"] == "true"
    assert WHOLE in second.content
    assert second.content.endswith(DONE)
    assert final(house, customer, second.headers["x-busbar-job-id"]).state is JobState.SUCCEEDED


@pytest.mark.parametrize("policy", CUTTING)
def test_who_submitted_may_leave_a_follower(house: House, customer: Customer, policy: str) -> None:
    """A job that somebody follows from its own path goes on for them."""
    house.simulator.set(latency=SLOWLY)
    first = begun(house, customer, f"openai-{policy}", CHAT, max_tokens=300)
    job_id = first.headers["x-busbar-job-id"]
    follower = requests.get(
        f"{house.server.url}/v1/jobs/{job_id}/stream",
        headers={"Authorization": f"Bearer {customer.key}"},
        stream=True,
        timeout=SOON_S,
    )
    first.close()
    assert WHOLE in follower.content
    assert follower.content.endswith(DONE)
    assert final(house, customer, job_id).state is JobState.SUCCEEDED


def test_equal_calls_that_were_refused_have_answers_of_their_own(
    house: House, customer: Customer
) -> None:
    """Six equal calls at once, where one may be: each comes to a job of its own in the end."""
    house.simulator.set(latency={"kind": "fixed", "ms": 400})
    limits = Limits(concurrent_calls=1)
    key = accounts.create_key(house.gateway, customer.account_id, "limited", limits=limits).key
    messages = asked("Throw a die.")
    with openai.OpenAI(
        base_url=f"{house.server.url}/v1", api_key=key, timeout=SOON_S, max_retries=30
    ) as client:

        def ask(_: int) -> str:
            raw = client.chat.completions.with_raw_response.create(
                model="openai-drain", max_tokens=20, messages=messages
            )
            return str(raw.headers["x-busbar-job-id"])

        with ThreadPoolExecutor(6) as pool:
            told = list(pool.map(ask, range(6)))
    assert len(set(told)) == 6
    calls = house.simulator.calls()
    assert calls["total"] == 6
    assert calls["in_flight_peak"] == 1
