"""What is answered, whatever protocol it was asked in: a text, a JSON document or a tool call.

The Anthropic dialect will read its requests into the same `Ask` and write the same `Choice`s.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from app.simulator.answers import schema, tokens, words
from app.simulator.answers.chance import Chance
from app.simulator.answers.schema_reading import Schema

_JSON_OBJECT: Schema = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "number": {"type": "integer"},
        "certain": {"type": "boolean"},
    },
}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the caller must be answered with, and the schema of its arguments."""

    name: str
    arguments: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one request asks for: `prompt` is all its text, `question` the last thing a user said.

    `shape` is the schema of a JSON answer; an empty one is met by any JSON object.
    """

    model: str
    prompt: str
    question: str
    prompt_tokens: int
    choices: int = 1
    tokens_max: int | None = None
    stops: tuple[str, ...] = ()
    shape: Schema | None = None
    tool: Tool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer: its text, or the arguments of the tool it calls, and what that weighs."""

    text: str
    finish: Finish
    tokens: int
    tool: str | None = None
    name: str


def answer(ask: Ask) -> list[Choice]:
    """Answer every choice asked for; the same model and prompt are always answered the same.

    Raises `Unfit` where a schema in the request cannot be met.
    """
    return [_choice(ask, number) for number in range(ask.choices)]


def _choice(ask: Ask, number: int) -> Choice:
    chance = Chance(ask.model, ask.prompt, number)
    name = chance.name()
    whole = _said(ask, chance)
    text = whole if ask.tokens_max is None else tokens.cut(whole, ask.tokens_max)
    finish = Finish.STOP if ask.tool is None else Finish.TOOL
    if len(text) < len(whole):
        finish = Finish.LENGTH
    tool = ask.tool.name if ask.tool else None
    return Choice(text=text, finish=finish, tokens=tokens.count(text), tool=tool, name=name)


def _said(ask: Ask, chance: Chance) -> str:
    if ask.tool is not None:
        return _encode(schema.value({"type": "object", **ask.tool.arguments}, chance))
    if ask.shape is not None:
        return _stopped(_encode(schema.value(ask.shape or _JSON_OBJECT, chance)), ask.stops)
    return _stopped(words.text(chance, ask.question), ask.stops)


def _stopped(text: str, stops: tuple[str, ...]) -> str:
    """End a text before the first stop sequence it contains."""
    for stop in stops:
        text = text.partition(stop)[0]
    return text
