"""The OpenAI chat protocol: a request body read into what it asks for.

Unknown fields are let be. What cannot be answered is refused with the status and the envelope the
vendor uses, naming the field.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.simulator.answers import tokens
from app.simulator.answers.chance import Chance
from app.simulator.answers.choices import Ask, Tool
from app.simulator.answers.schema_reading import Schema

PATH: Final = "/v1/chat/completions"
CHOICES_MAX: Final = 128
STOPS_MAX: Final = 4
MISSING_MODELS: Final = "missing-"  # names that begin so are not served

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat request: what it asks for, and how it wants the answer sent."""

    ask: Ask
    stream: bool
    include_usage: bool


class Refused(Exception):
    """The request is answered with an error: its status, its sentence, its code and field."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


def read(body: bytes) -> Chat:
    """Read a request body. Raises `Refused` where it cannot be answered."""
    try:
        given = json.loads(body.decode())
    except (ValueError, RecursionError) as problem:
        raise _bad(f"The request body is not valid JSON: {problem}", None) from problem
    if not isinstance(given, dict):
        raise _bad("The request body must be a JSON object.", None)
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise _bad("You must provide a model parameter, a non-empty string.", "model")
    if model.startswith(MISSING_MODELS):
        message = f"The model '{model}' does not exist or you do not have access to it."
        raise Refused(404, message, code="model_not_found", param="model")
    options = given.get("stream_options")
    return Chat(
        ask=_ask(given, model),
        stream=given.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _ask(given: Body, model: str) -> Ask:
    prompt, question, weight = _conversation(given.get("messages"))
    tools = given.get("tools")
    if tools:
        weight += tokens.count(json.dumps(tools, ensure_ascii=False, separators=(",", ":")))
    return Ask(
        model=model,
        prompt=prompt,
        question=question,
        prompt_tokens=weight,
        choices=_whole(given, "n", CHOICES_MAX) or 1,
        tokens_max=_whole(given, "max_completion_tokens") or _whole(given, "max_tokens"),
        stops=_stops(given.get("stop")),
        shape=_shape(given.get("response_format")),
        tool=_tool(given.get("tool_choice"), tools, Chance(model, prompt)),
    )


def _conversation(messages: object) -> tuple[str, str, int]:
    """Return all the text, the last text of a user, and the tokens of the messages."""
    if not isinstance(messages, list) or not messages:
        raise _bad("'messages' must be a non-empty array of messages.", "messages")
    texts, question, weight = [], "", 0
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _bad("A message must be an object with a role.", f"messages[{index}]")
        text = _text(message, index)
        texts.append(text)
        weight += max(1, tokens.count(text))
        if message["role"] == "user":
            question = text
    return "\n".join(texts), question, weight


def _text(message: Body, index: int) -> str:
    content, calls = message.get("content"), message.get("tool_calls")
    if isinstance(content, str) and not calls:
        return content
    parts = [{"text": content}] if isinstance(content, str) else content or []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        where = f"messages[{index}].content"
        raise _bad("A message's content must be a string, an array of parts or null.", where)
    texts = [part.get("text") or part.get("refusal") for part in parts]
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            texts += [function.get("name"), function.get("arguments")]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _whole(given: Body, name: str, most: int | None = None) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _bad(f"'{name}' must be a whole number of at least 1.", name)
    if most is not None and value > most:
        raise _bad(f"'{name}' must be at most {most}.", name)
    return value


def _stops(given: object) -> tuple[str, ...]:
    if not given:
        return ()
    stops = given if isinstance(given, list) else [given]
    if len(stops) > STOPS_MAX or not all(isinstance(stop, str) and stop for stop in stops):
        raise _bad(f"'stop' must be a string or up to {STOPS_MAX} of them, none empty.", "stop")
    return tuple(stops)


def _shape(given: object) -> Schema | None:
    if not isinstance(given, dict) or given.get("type") == "text":
        return None
    if given.get("type") == "json_object":
        return {}
    described = given.get("json_schema")
    shape = described.get("schema") if isinstance(described, dict) else None
    if given.get("type") != "json_schema" or not isinstance(shape, dict):
        message = "'response_format' must be text, json_object, or json_schema with a schema."
        raise _bad(message, "response_format")
    return shape


def _tool(choice: object, tools: object, chance: Chance) -> Tool | None:
    """Return the function to call, or None where the caller leaves it to us: we then talk."""
    if choice is None or choice in ("auto", "none"):
        return None
    functions = {
        tool["function"].get("name"): tool["function"].get("parameters")
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    }
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        wanted = choice["function"].get("name")
    else:
        wanted = list(functions)[chance.below(len(functions))] if functions else None
    if not isinstance(wanted, str) or wanted not in functions:
        raise _bad("'tool_choice' must name a function that is among the tools.", "tool_choice")
    parameters = functions[wanted]
    return Tool(name=wanted, arguments=parameters if isinstance(parameters, dict) else {})


def _bad(message: str, param: str | None) -> Refused:
    return Refused(400, message, param=param)
