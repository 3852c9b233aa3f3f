"""The OpenAI chat protocol: a request body read into what it asks for.

Unknown fields are let be. What cannot be answered is refused with the status and the envelope the
vendor uses, naming the field.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

from app.simulator.answers import tokens
from app.simulator.answers.asking import Ask, Asked, Refused, Tool, Tooling
from app.simulator.answers.chance import Chance
from app.simulator.answers.compact import written
from app.simulator.answers.schema_reading import Schema
from app.simulator.openai import conversation

CHOICES_MAX: Final = 128
STOPS_MAX: Final = 4
MISSING_MODELS: Final = "missing-"  # names that begin so are not served
REASONING_MODELS: Final = "reasoner-"  # names that begin so reason unasked, and show it

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # of a function

_decoded: Final = json.JSONDecoder().decode

Body = Mapping[str, object]


def read(body: bytes) -> Asked:
    """Read a request body. Raises `Refused` where it cannot be answered."""
    try:
        given = _decoded(body.decode())
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
    return Asked(
        ask=_ask(given, model),
        stream=given.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        thinking_shown=model.startswith(REASONING_MODELS),
    )


def _ask(given: Body, model: str) -> Ask:
    talk = conversation.read(given.get("messages"))
    prompt, weight = talk.prompt, talk.tokens
    tools, choice = given.get("tools"), given.get("tool_choice")
    tooling = None
    if tools or choice:
        weight += tokens.count(written(tools)) if tools else 0
        tooling = _tooling(given, Chance(model, prompt))
    return Ask(
        model=model,
        prompt=prompt,
        question=talk.question,
        prompt_tokens=weight,
        choices=_whole(given, "n", CHOICES_MAX) or 1,
        tokens_max=_whole(given, "max_completion_tokens") or _whole(given, "max_tokens"),
        stops=_stops(given.get("stop")),
        shape=_shape(given.get("response_format")),
        tooling=tooling,
        results=tuple(talk.results),
        images=talk.images,
        thinks=_thinks(given, model),
    )


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


def _tooling(given: Body, chance: Chance) -> Tooling | None:
    offered, choice = _offered(given.get("tools")), given.get("tool_choice")
    if choice == "none":
        return None
    forced = _forced(choice, offered, chance)
    if forced is not None and choice != "required":
        offered = (forced,)
    parallel = given.get("parallel_tool_calls") is not False
    return Tooling(tools=offered, forced=forced, parallel=parallel)


def _offered(tools: object) -> tuple[Tool, ...]:
    """Return the functions offered; tools of other kinds are not called."""
    functions = {}
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            if not _NAME.fullmatch(function["name"]):
                where = f"tools[{index}].function.name"
                raise _bad(f"Invalid '{where}': it must match '^{_NAME.pattern}$'.", where)
            functions[function["name"]] = function.get("parameters")
    return tuple(
        Tool(name=name, arguments=parameters if isinstance(parameters, dict) else {})
        for name, parameters in functions.items()
    )


def _forced(choice: object, offered: tuple[Tool, ...], chance: Chance) -> Tool | None:
    """Return the function that must be called, or None where the caller leaves it to us."""
    if not choice or choice == "auto":
        return None
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        wanted = choice["function"].get("name")
        found = next((tool for tool in offered if tool.name == wanted), None)
    else:
        found = offered[chance.below(len(offered))] if offered else None
    if found is None:
        raise _bad("'tool_choice' must name a function that is among the tools.", "tool_choice")
    return found


def _thinks(given: Body, model: str) -> bool:
    effort = given.get("reasoning_effort")
    if effort is None:
        return model.startswith(REASONING_MODELS)
    return effort != "none"


def _bad(message: str, param: str | None) -> Refused:
    return Refused(400, message, param=param)
