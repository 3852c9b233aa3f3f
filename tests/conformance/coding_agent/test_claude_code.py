"""Claude Code's habits, on either upstream protocol: each of them succeeds."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.domain.job import Job
from app.domain.limits.limit import Limits
from app.services import accounts, read
from tests.conformance.house import House
from tests.factories import Customer

from .recorded import BETAS, BILLING, COUNT_TOKENS, MESSAGES, PLACEHOLDER, Agent, events, message

CUT = {"fault": "cut_stream", "after_events": 4, "times": 1}
TOOLS_OF_CONTEXT = 26
"""So many prompts are weighed at once for its /context."""
OUTPUT_TOKENS_MAX = 64_000


@pytest.fixture
def agent(house: House, customer: Customer, model: str) -> Agent:
    """A session of a customer with money."""
    return Agent(house.server.url, customer.key, model)


def jobs_of(house: House, customer: Customer) -> list[Job]:
    """Return the customer's jobs, newest first."""
    jobs, _ = read.page(
        house.gateway, customer.account_id, state=None, custom_id=None, after=None, limit=10
    )
    return jobs


def heard(house: House) -> dict[str, Any]:
    """Return the last request that the upstream heard."""
    return house.simulator.heard()[-1]


def test_a_turn_is_streamed(agent: Agent, house: House) -> None:
    """The first turn, with all that comes with it, is answered in full."""
    agent.say("Say hi.")
    told = agent.turn()
    answer = message(told)
    assert told[0][0] == "message_start"
    assert answer["stop_reason"] == "end_turn"
    assert any(block["type"] == "text" and block["text"] for block in answer["content"])
    assert answer["usage"]["input_tokens"] > 0
    assert answer["usage"]["output_tokens"] > 0
    assert house.simulator.calls()["total"] == 1


def test_what_it_asks_for_is_made_to_fit(agent: Agent, house: House) -> None:
    """The upstream gets no more tokens than the route gives, and hears the system's message."""
    agent.say("Say hi.")
    agent.turn()
    body = heard(house)["body"]
    wanted = body.get("max_tokens") or body["max_completion_tokens"]
    assert wanted == OUTPUT_TOKENS_MAX
    assert "Available agent types" in str(body["messages"])


def test_its_own_vendor_hears_it_unchanged(house: House, customer: Customer) -> None:
    """To an upstream of its own protocol goes what it sent, betas and unknown fields too."""
    agent = Agent(house.server.url, customer.key, "anthropic-drain")
    agent.say("Say hi.")
    agent.turn()
    request = heard(house)
    assert request["headers"]["anthropic-beta"] == BETAS
    sent = agent.body(stream=True, model="sim-anthropic-drain", max_tokens=OUTPUT_TOKENS_MAX)
    assert request["body"] == sent


def test_another_vendor_hears_what_it_understands(house: House, customer: Customer) -> None:
    """Neither the billing line nor the tool that only holds a place gets to a chat upstream."""
    agent = Agent(house.server.url, customer.key, "openai-drain")
    agent.say("Say hi.")
    agent.turn()
    body = heard(house)["body"]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["Write", "Bash"]
    assert BILLING not in str(body)
    assert PLACEHOLDER not in str(body)
    assert body["messages"][0]["role"] == "system"
    assert "You help with code." in body["messages"][0]["content"]
    assert body["reasoning_effort"] == "high"


def test_a_session_of_tools(agent: Agent) -> None:
    """It writes a file, runs a command, and is told the results in the end."""
    agent.say("write the file greet.txt with: hello\nthen run: wc -c greet.txt")
    first = message(agent.turn())
    assert first["stop_reason"] == "tool_use"
    (write,) = [block for block in first["content"] if block["type"] == "tool_use"]
    assert (write["name"], write["input"]) == (
        "Write",
        {"file_path": "greet.txt", "content": "hello"},
    )
    agent.hand_in(first, "File created successfully at: greet.txt")
    second = message(agent.turn())
    (run,) = [block for block in second["content"] if block["type"] == "tool_use"]
    assert (run["name"], run["input"]["command"]) == ("Bash", "wc -c greet.txt")
    agent.hand_in(second, "5 greet.txt")
    last = message(agent.turn())
    assert last["stop_reason"] == "end_turn"
    assert "5 greet.txt" in str(last["content"])


@pytest.mark.parametrize("ending", ["end", "reset", "error"])
def test_a_stream_that_breaks_off_is_run_again_without_one(
    agent: Agent, house: House, customer: Customer, ending: str
) -> None:
    """After an error in mid-stream the same turn is taken without one: one answer, paid once."""
    agent.say("Say hi.")
    house.simulator.set({**CUT, "ending": ending})
    name, error = broken_turn(agent)
    assert name == "error"
    assert error["error"]["type"] == "api_error"
    again = agent.turn_without_stream()
    assert (again.status_code, again.json()["stop_reason"]) == (200, "end_turn")
    assert house.simulator.calls()["total"] == 2
    jobs = jobs_of(house, customer)
    assert sorted(job.state for job in jobs) == ["failed", "succeeded"]
    assert [bool(job.cost_nanos) for job in jobs] == [job.state == "succeeded" for job in jobs]


def broken_turn(agent: Agent) -> tuple[str, dict[str, Any]]:
    """Take a turn whose stream breaks off, and return how that is told."""
    response = agent.post(MESSAGES, agent.body(stream=True))
    if response.status_code != 200:
        # What broke off before a frame of it was sent is an ordinary error.
        return "error", response.json()
    return events(response.text)[-1]


def test_a_turn_may_come_without_a_stream_at_once(agent: Agent) -> None:
    """With 128,000 tokens and no stream it is taken as well: no client-side guard stands before."""
    agent.say("Say hi.")
    assert agent.turn_without_stream().json()["stop_reason"] == "end_turn"


def test_context_is_weighed_in_a_burst(house: House, customer: Customer, model: str) -> None:
    """All at once, bodies of a tool and a word: answered here, whatever the key's limits are."""
    limits = Limits(requests_per_minute=1, concurrent_calls=1)
    key = accounts.create_key(house.gateway, customer.account_id, "cli", limits=limits).key
    agent = Agent(house.server.url, key, model)
    whole = agent.body()
    asked = [
        {
            "model": whole["model"],
            "messages": [{"role": "user", "content": "foo"}],
            "tools": whole["tools"][:1],
        }
    ] * TOOLS_OF_CONTEXT
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: agent.post(COUNT_TOKENS, body), asked))
    assert [each.status_code for each in answers] == [200] * TOOLS_OF_CONTEXT
    assert {each.json()["input_tokens"] > 300 for each in answers} == {True}
    assert house.simulator.calls()["total"] == 0


def test_discovery_finds_the_instruments(agent: Agent) -> None:
    """It asks for a thousand models and reads the vendor's own shape."""
    listed = agent.get("/v1/models?limit=1000")
    assert listed.status_code == 200
    assert {"openai-drain", "anthropic-drain"} <= {each["id"] for each in listed.json()["data"]}
    assert {each["type"] for each in listed.json()["data"]} == {"model"}


def test_an_unknown_model_is_named(house: House, customer: Customer) -> None:
    """It asks twice, the second time without a stream, and can say which model is the problem."""
    agent = Agent(house.server.url, customer.key, "claude-opus-5-5")
    agent.say("Say hi.")
    for body in (agent.body(stream=True), agent.body()):
        refused = agent.post(MESSAGES, body)
        assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found_error")
        assert "claude-opus-5-5" in refused.json()["error"]["message"]


@pytest.mark.parametrize("header", ["x-api-key", "Authorization"])
def test_a_wrong_key_is_told_at_once(agent: Agent, header: str) -> None:
    """It would ask ten times over minutes, unless it is told that nothing will come of it."""
    agent.say("Say hi.")
    value = "sk-nobody" if header == "x-api-key" else "Bearer sk-nobody"
    refused = agent.post(MESSAGES, agent.body(stream=True), **{header: value})
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "authentication_error"
    assert refused.headers["x-should-retry"] == "false"


def test_what_the_upstream_refuses_costs_nothing(
    agent: Agent, house: House, customer: Customer
) -> None:
    """It probes a 400 with several smaller requests: each is asked once, and nobody pays."""
    house.simulator.set({"fault": "status", "status": 400, "times": 2})
    agent.say("Say hi.")
    for more in ({}, {"context_management": None}):
        refused = agent.post(MESSAGES, agent.body(stream=True, **more))
        assert refused.status_code == 400
        assert "Simulated error 400" in refused.json()["error"]["message"]
    assert message(agent.turn())["stop_reason"] == "end_turn"
    jobs = jobs_of(house, customer)
    assert [bool(job.cost_nanos) for job in jobs] == [True, False, False]
