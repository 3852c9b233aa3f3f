"""Streams that end otherwise: workers that die, clients that leave, providers that break off."""

import itertools
import time
from typing import Any

import anthropic
import openai
import pytest
import requests

from app.domain.job import Job, JobState
from app.services.wait import reader
from tests.factories import Customer
from tests.simulator.running import eventually

from .house import House

SLOWLY: dict[str, Any] = {"kind": "fixed", "ms": 0, "chunk_ms": 200}
FAIRLY: dict[str, Any] = {"kind": "fixed", "ms": 0, "chunk_ms": 50}
"""Slow enough to leave in the middle, where the whole answer is waited for."""
SOON_S = 20
QUESTION: Any = [{"role": "user", "content": "Describe a lighthouse at length, please."}]


def job_of(house: House, customer: Customer, job_id: str) -> Job:
    """Return a job as it stands."""
    return reader(house.gateway)(customer.account_id, job_id)


def final(house: House, customer: Customer, job_id: str) -> Job:
    """Return a job once it is final."""
    assert eventually(lambda: job_of(house, customer, job_id).is_final, within_s=SOON_S)
    return job_of(house, customer, job_id)


def begun(house: House, customer: Customer, model: str, path: str, **body: Any) -> Any:
    """Begin a stream and return its response after the first pieces of text."""
    response = requests.post(
        f"{house.server.url}{path}",
        json={"model": model, "messages": QUESTION, "stream": True, **body},
        headers={"Authorization": f"Bearer {customer.key}"},
        stream=True,
        timeout=SOON_S,
    )
    assert response.status_code == 200
    data = (line for line in response.iter_lines() if line.startswith(b"data: "))
    assert len(list(itertools.islice(data, 5))) == 5
    return response


def test_a_worker_killed_in_mid_stream_is_an_error_in_chat(
    house: House, chat: openai.OpenAI, model: str
) -> None:
    """The OpenAI SDK raises: a stream that just stops would pass for a whole answer."""
    house.simulator.set(latency=SLOWLY)
    stream = chat.chat.completions.create(model=model, messages=QUESTION, stream=True)
    next(iter(stream))
    house.workers.replace()
    with pytest.raises(openai.APIError, match="broke off") as raised:
        list(stream)
    assert (raised.value.code, raised.value.type) == ("stream_interrupted", "server_error")


def test_a_worker_killed_in_mid_stream_is_an_error_in_messages(
    house: House, messages: anthropic.Anthropic, model: str
) -> None:
    """The Anthropic SDK raises too, with the error's type."""
    house.simulator.set(latency=SLOWLY)
    stream = messages.messages.create(model=model, max_tokens=500, messages=QUESTION, stream=True)
    next(iter(stream))
    house.workers.replace()
    with pytest.raises(anthropic.APIStatusError) as raised:
        list(stream)
    assert raised.value.type == "api_error"
    assert raised.value.request_id is not None
    body: Any = raised.value.body
    assert body["error"]["details"]["error_code"] == "stream_interrupted"
    assert body["request_id"] == raised.value.request_id


def test_what_breaks_before_the_first_frame_is_tried_again(
    house: House, chat: openai.OpenAI, model: str
) -> None:
    """A provider's 503 before any frame went out is nobody's business but ours."""
    house.simulator.set({"fault": "status", "status": 503, "times": 1})
    stream = chat.chat.completions.create(model=model, messages=QUESTION, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "stop"


@pytest.mark.parametrize("ending", ["end", "reset", "error", "garbage"])
def test_a_provider_that_breaks_off_is_an_error(
    house: House, chat: openai.OpenAI, model: str, ending: str
) -> None:
    """However a provider's stream breaks off, the client hears of it and pays nothing."""
    house.simulator.set({"fault": "cut_stream", "after_events": 4, "ending": ending})
    with pytest.raises(openai.APIError, match="broke off") as raised:
        list(chat.chat.completions.create(model=model, messages=QUESTION, stream=True))
    assert (raised.value.code, raised.value.type) == ("stream_interrupted", "server_error")


@pytest.mark.parametrize("ending", ["end", "reset", "error", "garbage"])
def test_a_provider_that_breaks_off_is_an_error_in_messages(
    house: House, messages: anthropic.Anthropic, model: str, ending: str
) -> None:
    """The Anthropic SDK raises as well, in its helper too, which would make do with the half."""
    house.simulator.set({"fault": "cut_stream", "after_events": 4, "ending": ending})
    stream = messages.messages.stream(model=model, max_tokens=500, messages=QUESTION)
    with pytest.raises(anthropic.APIStatusError) as raised, stream as begun:
        begun.get_final_message()
    assert raised.value.type == "api_error"


def test_an_error_before_the_first_frame_has_a_status(
    house: House, chat: openai.OpenAI, messages: anthropic.Anthropic, model: str
) -> None:
    """What the provider refuses leaves as the ordinary error it is, not as a stream."""
    house.simulator.set({"fault": "status", "status": 400})
    with pytest.raises(openai.BadRequestError):
        chat.chat.completions.create(model=model, messages=QUESTION, stream=True)
    with pytest.raises(anthropic.BadRequestError):
        messages.messages.create(model=model, max_tokens=500, messages=QUESTION, stream=True)


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(
    ("policy", "state", "aborted"),
    [
        ("drain", JobState.SUCCEEDED, 0),
        ("estimate", JobState.CANCELLED, 1),
        ("free", JobState.CANCELLED, 1),
    ],
)
def test_a_client_that_leaves(
    house: House,
    customer: Customer,
    protocol: str,
    path: str,
    policy: str,
    state: JobState,
    aborted: int,
) -> None:
    """A left stream is always settled, as its provider's on_disconnect says."""
    house.simulator.set(latency=FAIRLY if policy == "drain" else SLOWLY)
    response = begun(house, customer, f"{protocol}-{policy}", path, max_tokens=300)
    response.close()
    job = final(house, customer, response.headers["x-busbar-job-id"])
    assert job.state is state
    assert house.simulator.calls()["streams"]["aborted"] == aborted
    assert job.partial == (policy == "estimate")
    if policy != "free":
        assert job.cost_nanos
        assert job.usage is not None
        assert job.usage.output_tokens > 0
    else:
        assert not job.cost_nanos


def test_a_stream_can_be_taken_up_again(house: House, customer: Customer, model: str) -> None:
    """Who lost the connection gets the rest from the job's own stream, no frame twice."""
    house.simulator.set(latency={"kind": "fixed", "ms": 0, "chunk_ms": 50})
    response = begun(house, customer, model, "/v1/chat/completions")
    job_id = response.headers["x-busbar-job-id"]
    whole = follow(house, customer, job_id, after=0)
    rest = follow(house, customer, job_id, after=3)
    assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
    assert rest == whole[3:]
    response.close()


def follow(house: House, customer: Customer, job_id: str, *, after: int) -> list[tuple[int, str]]:
    """Return (number, data) of each frame of a job's stream after one of them."""
    response = requests.get(
        f"{house.server.url}/v1/jobs/{job_id}/stream",
        params={"starting_after": after},
        headers={"Authorization": f"Bearer {customer.key}"},
        timeout=SOON_S,
    )
    assert response.status_code == 200, response.text
    frames = [frame for frame in response.text.split("\n\n") if frame.startswith("id: ")]
    assert response.text.endswith("data: [DONE]\n\n")
    return [(int(f.split("\n")[0][4:]), f.split("data: ", 1)[1]) for f in frames]


def test_frames_are_not_kept_back(house: House, chat: openai.OpenAI, model: str) -> None:
    """The first chunk is there long before the last one is made."""
    house.simulator.set(latency=SLOWLY)
    at = [
        time.monotonic()
        for _ in chat.chat.completions.create(model=model, messages=QUESTION, stream=True)
    ]
    assert at[-1] - at[0] > 0.2 * (len(at) - 1) / 2


def test_the_balance_is_settled_when_a_stream_ends(
    house: House, customer: Customer, chat: openai.OpenAI, model: str
) -> None:
    """Who reads the balance right after the last event sees what the answer cost."""
    list(chat.chat.completions.create(model=model, messages=QUESTION, stream=True))
    told = requests.get(
        f"{house.server.url}/v1/balance",
        headers={"Authorization": f"Bearer {customer.key}"},
        timeout=SOON_S,
    ).json()
    assert told["held"] == "0.00"
    assert told["available"] != "10.00"
