"""Asynchronous clients of both vendors: they answer alike, and leave in the middle of an answer."""

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from app.domain.job import JobState
from tests.factories import Customer

from .house import PROTOCOLS, House
from .test_streams import FAIRLY, QUESTION, SLOWLY, final

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


def jobs_of(house: House, customer: Customer) -> list[str]:
    """Return the ids of all jobs of a customer."""
    with openai.OpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key) as client:
        listed: Any = client.get("/jobs", cast_to=object)
    return [job["id"] for job in listed["data"]]
