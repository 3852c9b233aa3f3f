"""The tool-calling script, as a coding agent meets it in either protocol."""

import json
from typing import Any

import pytest

from .running import CHAT, MESSAGES, Simulator

PATHS = [CHAT, MESSAGES]
TEXT = {"type": "string"}
TOOLS = {
    "Bash": {"command": TEXT, "description": TEXT},
    "Write": {"file_path": TEXT, "content": TEXT},
    "Read": {"file_path": TEXT, "limit": {"type": "integer"}},
    "Edit": {"file_path": TEXT, "old_string": TEXT, "new_string": TEXT},
    "mcp__disk__write_file": {"path": TEXT, "text": TEXT, "mode": {"enum": ["w"]}},
}
REQUIRED = {
    "Bash": ["command"],
    "Write": ["file_path", "content"],
    "Read": ["file_path"],
    "Edit": ["file_path", "old_string", "new_string"],
    "mcp__disk__write_file": ["path", "text", "mode"],
}

Call = tuple[str, dict[str, Any]]


class Agent:
    """A coding agent that hands every result in, in the protocol of a path."""

    def __init__(self, simulator: Simulator, path: str, *names: str) -> None:
        self.simulator = simulator
        self.path = path
        self.tools = [self._tool(name) for name in names]
        self.turns: list[dict[str, Any]] = []

    def say(self, text: str) -> tuple[str, list[Call]]:
        """Say something; return what is answered and called."""
        self.turns.append({"role": "user", "content": text})
        return self._turn()

    def hand_in(self, *results: str) -> tuple[str, list[Call]]:
        """Hand in the results of the last calls; return what is answered and called then."""
        last = self.turns[-1]
        if self.path == CHAT:
            for call, result in zip(last["tool_calls"], results, strict=True):
                self.turns.append({"role": "tool", "tool_call_id": call["id"], "content": result})
            return self._turn()
        uses = [block for block in last["content"] if block["type"] == "tool_use"]
        blocks = [
            {"type": "tool_result", "tool_use_id": use["id"], "content": result}
            for use, result in zip(uses, results, strict=True)
        ]
        self.turns.append({"role": "user", "content": blocks})
        return self._turn()

    def _turn(self) -> tuple[str, list[Call]]:
        answered = self.simulator.ask(self.path, messages=self.turns, tools=self.tools)
        assert answered.status_code == 200, answered.text
        if self.path == CHAT:
            message = answered.json()["choices"][0]["message"]
            self.turns.append(message)
            functions = [call["function"] for call in message.get("tool_calls", ())]
            calls = [(one["name"], json.loads(one["arguments"])) for one in functions]
            return message["content"] or "", calls
        content = answered.json()["content"]
        self.turns.append({"role": "assistant", "content": content})
        text = "".join(block["text"] for block in content if block["type"] == "text")
        uses = [block for block in content if block["type"] == "tool_use"]
        return text, [(use["name"], use["input"]) for use in uses]

    def _tool(self, name: str) -> dict[str, Any]:
        schema = {"type": "object", "properties": TOOLS[name], "required": REQUIRED[name]}
        if self.path == CHAT:
            return {"type": "function", "function": {"name": name, "parameters": schema}}
        return {"name": name, "input_schema": schema}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("said", "name", "given"),
    [
        ("Please run: ls -la | wc -l", "Bash", {"command": "ls -la | wc -l"}),
        ("read the file notes.txt.", "Read", {"file_path": "notes.txt"}),
        (
            'Write the file "my notes.txt" with print("hi")',
            "Write",
            {"file_path": "my notes.txt", "content": 'print("hi")'},
        ),
        (
            "write the file a.py with:\n```python\nx = 1\nprint(x)\n```",
            "Write",
            {"file_path": "a.py", "content": "x = 1\nprint(x)\n"},
        ),
        (
            "edit the file a.py: replace x = 1 with x = 2",
            "Edit",
            {"file_path": "a.py", "old_string": "x = 1", "new_string": "x = 2"},
        ),
    ],
)
def test_an_instruction_calls_its_tool(
    simulator: Simulator, path: str, said: str, name: str, given: dict[str, str]
) -> None:
    """Each instruction calls the tool for it, with what was said in the tool's own properties."""
    agent = Agent(simulator, path, "Bash", "Write", "Read", "Edit")
    assert agent.say(said)[1] == [(name, given)]


@pytest.mark.parametrize("path", PATHS)
def test_a_tool_keeps_its_own_names(simulator: Simulator, path: str) -> None:
    """A tool named otherwise is called by its names, and what else it requires is made up."""
    agent = Agent(simulator, path, "mcp__disk__write_file")
    given = {"path": "a.txt", "text": "hello", "mode": "w"}
    assert agent.say("write the file a.txt with hello")[1] == [("mcp__disk__write_file", given)]


@pytest.mark.parametrize("path", PATHS)
def test_a_session_goes_step_by_step(simulator: Simulator, path: str) -> None:
    """Each turn takes the next step, and after the last the results are quoted."""
    agent = Agent(simulator, path, "Bash", "Write")
    _, first = agent.say("write the file a.txt with hello\nrun: cat a.txt")
    _, second = agent.hand_in("File created")
    text, third = agent.hand_in("hello from the disk")
    assert [name for name, _ in first + second] == ["Write", "Bash"]
    assert third == []
    assert "File created" in text
    assert "hello from the disk" in text


@pytest.mark.parametrize("path", PATHS)
def test_steps_may_be_taken_at_once(simulator: Simulator, path: str) -> None:
    """With the words for it all steps are taken in one turn, and none is left after it."""
    agent = Agent(simulator, path, "Bash")
    _, calls = agent.say("In parallel:\nrun: echo 1\nrun: echo 2\nrun: echo 3")
    assert [given["command"] for _, given in calls] == ["echo 1", "echo 2", "echo 3"]
    text, more = agent.hand_in("one", "two", "three")
    assert more == []
    assert "2. two" in text


@pytest.mark.parametrize("path", PATHS)
def test_a_new_question_begins_anew(simulator: Simulator, path: str) -> None:
    """Results of an earlier question stand for no step of the next one."""
    agent = Agent(simulator, path, "Bash")
    agent.say("run: date")
    agent.hand_in("Monday")
    assert agent.say("run: uptime")[1] == [("Bash", {"command": "uptime"})]


@pytest.mark.parametrize("path", PATHS)
def test_an_instruction_without_a_tool_is_passed_over(simulator: Simulator, path: str) -> None:
    """Only instructions that a tool was offered for are steps."""
    agent = Agent(simulator, path, "Read")
    assert agent.say("run: ls\nread the file a.txt")[1] == [("Read", {"file_path": "a.txt"})]


def test_chat_calls_in_parallel_can_be_streamed(simulator: Simulator) -> None:
    """In a chat stream each call has an index, and its fragments add up to the whole call."""
    agent = Agent(simulator, CHAT, "Bash")
    fields: dict[str, Any] = {"tools": agent.tools}
    said = "in parallel\nrun: echo 1\nrun: echo 2"
    whole = simulator.chat(said, **fields).json()["choices"][0]["message"]["tool_calls"]
    streamed = simulator.chat(said, stream=True, **fields).content.split(b"\n\n")[:-2]
    built: dict[int, dict[str, Any]] = {}
    for line in streamed:
        delta = json.loads(line.removeprefix(b"data: "))["choices"][0]["delta"]
        for call in delta.get("tool_calls", ()):
            one = built.setdefault(call.pop("index"), {"function": {"arguments": ""}})
            arguments = one["function"]["arguments"] + call["function"].pop("arguments")
            function = {**one["function"], **call.pop("function"), "arguments": arguments}
            one.update(call, function=function)
    assert [built[index] for index in sorted(built)] == whole


def test_chat_calls_in_parallel_can_be_disabled(simulator: Simulator) -> None:
    """Where several calls at once are not wanted, one comes."""
    agent = Agent(simulator, CHAT, "Bash")
    answered = simulator.chat(
        "in parallel\nrun: a\nrun: b", tools=agent.tools, parallel_tool_calls=False
    )
    assert len(answered.json()["choices"][0]["message"]["tool_calls"]) == 1
