"""Asynchronous clients of both vendors: they answer alike, and leave in the middle of an answer."""

import asyncio
import uuid
from typing import Any

import anthropic
import openai
import pytest
import requests

from app.domain.job import JobState
from tests.factories import Customer

from .house import PROTOCOLS, House
from .test_streams import FAIRLY, QUESTION, SLOWLY, SOON_S, final

SDKS = ("openai", "anthropic")


def opened(house: House, customer: Customer, sdk: str) -> Any:
    """Return a vendor's asynchronous client."""
    if sdk == "openai":
        return openai.AsyncOpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key)
    return anthropic.AsyncAnthropic(base_url=house.server.url, api_key=customer.key)


def asks(client: Any) -> Any:
    """Return the resource whose `create` asks."""
    return client.chat.completions if isinstance(client, openai.AsyncOpenAI) else client.messages


@pytest.mark.parametrize("sdk", SDKS)
def test_many_at_once(house: House, customer: Customer, model: str, sdk: str) -> None:
    """Ten answers are made at once, streams among them, and each is the one that was asked for."""

    async def ask(client: Any, number: int) -> Any:
        asked = {"role": "user", "content": f"Question number {number}."}
        given = await asks(client).create(
            model=model, max_tokens=100, messages=[asked], stream=number % 2 == 0
        )
        if number % 2:
            return str(given)
        return "".join([str(event) async for event in given])

    async def run() -> list[Any]:
        async with opened(house, customer, sdk) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(10)))

    answers = asyncio.run(run())
    assert len(answers) == 10
    assert all("finish_reason" in answer or "stop_reason" in answer for answer in answers)
    assert house.simulator.calls()["total"] == 10


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("policy", "state"), [("drain", JobState.SUCCEEDED), ("free", JobState.CANCELLED)]
)
def test_a_cancelled_task_leaves_its_stream(
    house: House, customer: Customer, sdk: str, protocol: str, policy: str, state: JobState
) -> None:
    """Who cancels the task that reads has left: the job ends as the provider's policy says."""
    house.simulator.set(latency=FAIRLY if policy == "drain" else SLOWLY)

    async def run() -> str:
        seen: asyncio.Queue[str] = asyncio.Queue()

        async def read(client: Any) -> None:
            stream = await asks(client).create(
                model=f"{protocol}-{policy}", max_tokens=300, messages=QUESTION, stream=True
            )
            async for _ in stream:
                seen.put_nowait(stream.response.headers["x-busbar-job-id"])

        async with opened(house, customer, sdk) as client:
            reading = asyncio.create_task(read(client))
            reading.add_done_callback(lambda _: seen.put_nowait(""))
            job_id = await seen.get()
            reading.cancel()
            ended = await asyncio.gather(reading, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError), ended
        return job_id

    job = final(house, customer, asyncio.run(run()))
    assert job.state is state
    assert bool(job.cost_nanos) == (state is JobState.SUCCEEDED)


@pytest.mark.parametrize("sdk", SDKS)
def test_who_stops_waiting_leaves_the_job(
    house: House, customer: Customer, model: str, sdk: str
) -> None:
    """A call that is given up without a stream goes on: a retry may still want its answer."""
    house.simulator.set(latency={"kind": "fixed", "ms": 700})

    async def run() -> None:
        async with opened(house, customer, sdk) as client:
            asking = asks(client).create(model=model, max_tokens=100, messages=QUESTION)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asking, 0.3)

    asyncio.run(run())
    (job,) = jobs_of(house, customer)
    assert final(house, customer, job).state is JobState.SUCCEEDED
    assert house.simulator.calls()["total"] == 1


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("drain", JobState.SUCCEEDED),
        ("estimate", JobState.CANCELLED),
        ("free", JobState.CANCELLED),
    ],
)
def test_cancelling_what_was_read_is_leaving_it(
    house: House, customer: Customer, policy: str, state: JobState
) -> None:
    """Whoever has read a part of a stream and cancels it pays what somebody pays who leaves."""
    house.simulator.set(latency=FAIRLY if policy == "drain" else SLOWLY)
    response = ask_again(house, customer, {}, model=f"openai-{policy}", stream=True)
    job_id, lines = response.headers["x-busbar-job-id"], response.iter_lines()
    assert sum(next(lines).startswith(b"data: ") for _ in range(10)) == 5
    with asking(house, customer) as client:
        client.post(f"/jobs/{job_id}/cancel", cast_to=object)
    assert (b"data: [DONE]" in list(lines)) == (policy == "drain")
    job = final(house, customer, job_id)
    assert job.state is state
    assert bool(job.cost_nanos) == (policy != "free")


def test_half_an_answer_says_so(house: House, customer: Customer) -> None:
    """What a client left under `estimate` is a cancelled job with a part that was paid for."""
    job_id = left(house, customer)
    with asking(house, customer) as client:
        told: Any = client.get(f"/jobs/{job_id}", cast_to=object)
    assert (told["status"], told["partial"]) == ("cancelled", True)
    assert told["cost"] != "0.00"
    assert told["usage"]["output_tokens"] > 0
    assert told["response"]["body"]["choices"][0]["message"]["content"]
    assert job_id in told["error"]["message"]


def test_half_an_answer_is_nobodys_whole_one(house: House, customer: Customer) -> None:
    """An automatic retry of a call whose job was cut short begins another job."""
    job_id = left(house, customer)
    house.simulator.set(latency={"kind": "fixed", "ms": 0})
    again = ask_again(house, customer, {"x-stainless-retry-count": "1"})
    assert again.headers["x-busbar-job-id"] != job_id
    assert '"finish_reason":"stop"' in again.text


def test_half_an_answer_is_told_as_an_error(house: House, customer: Customer) -> None:
    """Its Idempotency-Key, and its own stream, end in an error that names the job: no [DONE]."""
    key = uuid.uuid4().hex
    job_id = left(house, customer, key=key)
    again = ask_again(house, customer, {"Idempotency-Key": key})
    replay = requests.get(
        f"{house.server.url}/v1/jobs/{job_id}/stream",
        headers={"Authorization": f"Bearer {customer.key}"},
        timeout=SOON_S,
    )
    for told in (again, replay):
        assert "[DONE]" not in told.text
        assert "job_cancelled" in told.text
        assert f"GET /v1/jobs/{job_id}" in told.text


def left(house: House, customer: Customer, *, key: str | None = None) -> str:
    """Leave a stream under `estimate` in the middle, and return its job once it is final."""
    house.simulator.set(latency=SLOWLY)
    response = ask_again(house, customer, {"Idempotency-Key": key} if key else {}, stream=True)
    lines = response.iter_lines()
    assert sum(next(lines).startswith(b"data: ") for _ in range(10)) == 5
    response.close()
    return final(house, customer, response.headers["x-busbar-job-id"]).id


def ask_again(
    house: House,
    customer: Customer,
    headers: dict[str, str],
    *,
    model: str = "openai-estimate",
    stream: bool = False,
) -> requests.Response:
    """Ask one and the same question."""
    return requests.post(
        f"{house.server.url}/v1/chat/completions",
        json={"model": model, "messages": QUESTION, "stream": True, "max_tokens": 300},
        headers={"Authorization": f"Bearer {customer.key}", **headers},
        stream=stream,
        timeout=SOON_S,
    )


def asking(house: House, customer: Customer) -> openai.OpenAI:
    """Return the official client."""
    return openai.OpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key)


def jobs_of(house: House, customer: Customer) -> list[str]:
    """Return the ids of all jobs of a customer."""
    with openai.OpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key) as client:
        listed: Any = client.get("/jobs", cast_to=object)
    return [job["id"] for job in listed["data"]]
