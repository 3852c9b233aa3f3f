"""What is answered, whatever protocol it was asked in: thinking, text, JSON and tool calls."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from app.simulator.answers import cues, schema, script, tokens, words
from app.simulator.answers.asking import Ask, Tooling
from app.simulator.answers.chance import Chance
from app.simulator.answers.compact import written
from app.simulator.answers.schema_reading import Schema

_JSON_OBJECT: Schema = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "number": {"type": "integer"},
        "certain": {"type": "boolean"},
    },
}


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL = "tool"
    REFUSAL = "refusal"


# Looking a member up in its class costs more than most of what is done with it.
_STOP: Final = Finish.STOP
_TOOL: Final = Finish.TOOL
_REFUSAL: Final = Finish.REFUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool called with arguments, which are JSON unless a limit cut them."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What was thought before the answer; a `secret` thought is one the caller must not see."""

    text: str
    tokens: int
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer: what was thought, then said, then called, and what all of it weighs.

    `stop` is the stop sequence that ended it.
    """

    text: str
    finish: Finish
    tokens: int
    name: str
    thought: Thought | None = None
    calls: tuple[ToolCall, ...] = ()
    stop: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The tokens of a call: `reasoning` of the `completion`, and `cached` of the `prompt`."""

    prompt: int
    completion: int
    reasoning: int = 0
    cached: int = 0


Told: TypeAlias = Used | Literal["null", "missing"]
"""What an answer tells of its usage, which may be nothing, or that it has none to tell."""


def answer(ask: Ask) -> list[Choice]:
    """Answer every choice asked for; the same model and prompt are always answered the same.

    Raises `Unfit` where a schema in the request cannot be met.
    """
    return [_within(_choice(ask, number), ask.tokens_max) for number in range(ask.choices)]


def used(ask: Ask, choices: Iterable[Choice]) -> Used:
    """Return the honest usage of a call."""
    completion = reasoning = 0
    for choice in choices:
        completion += choice.tokens
        if choice.thought is not None:
            reasoning += choice.thought.tokens
    return Used(prompt=ask.prompt_tokens, completion=completion, reasoning=reasoning)


def _choice(ask: Ask, number: int) -> Choice:
    chance = Chance(ask.model, ask.prompt, number)
    name = chance.name()
    thought = _thought(ask, number) if ask.thinks else None
    spent = 0 if thought is None else thought.tokens
    text = cues.refusal(ask.question)
    if text is not None:
        spent += tokens.count(text)
        return Choice(text=text, finish=_REFUSAL, tokens=spent, name=name, thought=thought)
    if ask.tooling is not None:
        text, calls = _called(ask, ask.tooling, chance)
        if calls:
            spent += tokens.count(text) + sum(tokens.count(call.arguments) for call in calls)
            return Choice(
                text=text, finish=_TOOL, tokens=spent, name=name, thought=thought, calls=calls
            )
    text, stop = _stopped(_said(ask, chance), ask.stops)
    spent += tokens.count(text)
    return Choice(text=text, finish=_STOP, tokens=spent, name=name, thought=thought, stop=stop)


def _thought(ask: Ask, number: int) -> Thought:
    text = words.thought(Chance(ask.model, ask.prompt, number, "thinking"), ask.question)
    secret = cues.heard(cues.UNSEEN, ask.question)
    return Thought(text=text, tokens=tokens.count(text), secret=secret)


def _called(ask: Ask, tooling: Tooling, chance: Chance) -> tuple[str, tuple[ToolCall, ...]]:
    """Call the tools that are due; where a tool is forced, say nothing with it."""
    steps = script.due(ask.question, tooling, done=len(ask.results))
    forced = tooling.forced
    if steps:
        calls = [ToolCall(name=step.tool.name, arguments=step.arguments(chance)) for step in steps]
        return "" if forced else " ".join(step.said for step in steps), tuple(calls)
    if forced is None:
        return "", ()
    arguments = written(schema.value({"type": "object", **forced.arguments}, chance))
    return "", (ToolCall(name=forced.name, arguments=arguments),)


def _said(ask: Ask, chance: Chance) -> str:
    if ask.shape is not None:
        return written(schema.value(ask.shape or _JSON_OBJECT, chance))
    said = words.report(ask.results) if ask.results else words.text(chance, ask.question)
    return f"{words.sight(ask.images)} {said}" if ask.images else said


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """End a text before the first stop sequence it contains, and return that one too."""
    met = None
    for stop in stops:
        before, found, _ = text.partition(stop)
        if found:
            text, met = before, stop
    return text, met


def _within(choice: Choice, tokens_max: int | None) -> Choice:
    """Keep as much of a choice as the limit allows, in the order in which it is said."""
    if tokens_max is None or choice.tokens <= tokens_max:
        return choice
    thought, total = choice.thought, 0
    if thought is not None:
        kept = tokens.cut(thought.text, tokens_max)
        total = tokens.count(kept)
        thought = dataclasses.replace(thought, text=kept, tokens=total)
    text = tokens.cut(choice.text, tokens_max - total)
    total += tokens.count(text)
    calls = []
    for call in choice.calls:
        if total >= tokens_max:
            break
        arguments = tokens.cut(call.arguments, tokens_max - total)
        total += tokens.count(arguments)
        calls.append(dataclasses.replace(call, arguments=arguments))
    return Choice(
        text=text,
        finish=Finish.LENGTH,
        tokens=total,
        name=choice.name,
        thought=thought,
        calls=tuple(calls),
    )
