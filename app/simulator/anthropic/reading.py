"""The Anthropic messages protocol: a request body read into what it asks for.

Unknown fields are let be. What the vendor refuses is refused here too, in its words where they are
known, since a translation that is nearly right must fail somewhere.
"""

import json
from collections.abc import Mapping
from typing import Final

from app.simulator.answers import tokens
from app.simulator.answers.asking import Ask, Asked, Refused
from app.simulator.answers.chance import Chance
from app.simulator.answers.compact import written
from app.simulator.answers.conversation import Conversation
from app.simulator.answers.schema_reading import Schema
from app.simulator.anthropic import conversation, tooling
from app.simulator.anthropic.fields import bad, whole

MISSING_MODELS: Final = "missing-"  # names that begin so are not served
BUDGET_TOKENS_MIN: Final = 1_024  # of thinking that is enabled with a budget

_THINKING: Final = ("adaptive", "between_tools", "disabled", "enabled")

Body = Mapping[str, object]


def read(body: bytes) -> Asked:
    """Read a request body. Raises `Refused` where it cannot be answered."""
    given = _parsed(body)
    model = _model(given)
    most = whole(given.get("max_tokens"), "max_tokens", least=0)
    talk = conversation.read(given.get("system"), given.get("messages"))
    thinking = _thinking(given.get("thinking"), most)
    tools = tooling.read(given.get("tools"))
    choice = tooling.choice(given.get("tool_choice"), tools, Chance(model, talk.prompt))
    if choice.forced is not None and thinking.get("type") == "enabled":
        raise bad("thinking", "Thinking may not be enabled when tool_choice forces tool use.")
    kind = thinking.get("type", "disabled")
    ask = Ask(
        model=model,
        prompt=talk.prompt,
        question=talk.question,
        prompt_tokens=_weight(given, talk),
        tokens_max=most,
        stops=_stops(given.get("stop_sequences")),
        shape=_shape(given),
        tooling=choice if choice.tools else None,
        results=tuple(talk.results),
        images=talk.images,
        thinks=bool(talk.results) if kind == "between_tools" else kind != "disabled",
    )
    shown = thinking.get("display") != "omitted"
    return Asked(ask=ask, stream=given.get("stream") is True, thinking_shown=shown)


def weigh(body: bytes) -> int:
    """Count the tokens of a request's prompt. Raises `Refused` where there is none to count."""
    given = _parsed(body)
    _model(given)
    talk = conversation.read(given.get("system"), given.get("messages"))
    tooling.read(given.get("tools"))
    return _weight(given, talk)


def _parsed(body: bytes) -> Body:
    try:
        given = json.loads(body.decode())
    except (ValueError, RecursionError) as problem:
        raise Refused(400, f"The request body is not valid JSON: {problem}") from problem
    if not isinstance(given, dict):
        raise Refused(400, "The request body must be a JSON object.")
    return given


def _model(given: Body) -> str:
    model = given.get("model")
    if model is None:
        raise bad("model", "Field required")
    if not isinstance(model, str) or not model:
        raise bad("model", "Input should be a valid string of at least 1 character")
    if model.startswith(MISSING_MODELS):
        raise Refused(404, f"model: {model}")
    return model


def _weight(given: Body, talk: Conversation) -> int:
    offered = given.get("tools")
    return talk.tokens + (tokens.count(written(offered)) if offered else 0)


def _thinking(given: object, tokens_max: int) -> Body:
    if given is None:
        return {}
    if not isinstance(given, dict) or given.get("type") not in _THINKING:
        named = ", ".join(f"'{name}'" for name in _THINKING)
        raise bad("thinking", f"Input should be an object whose type is one of {named}")
    if given["type"] == "enabled":
        where = "thinking.enabled.budget_tokens"
        budget = whole(given.get("budget_tokens"), where, least=BUDGET_TOKENS_MIN)
        if budget >= tokens_max:
            raise Refused(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    return given


def _stops(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(stop, str) for stop in given):
        raise bad("stop_sequences", "Input should be a valid array of strings")
    if not all(stop.strip() for stop in given):
        raise bad("stop_sequences", "each stop sequence must contain non-whitespace")
    return tuple(given)


def _shape(given: Body) -> Schema | None:
    """Return the schema of a JSON answer, from where it is written now or was written before."""
    config = given.get("output_config")
    where, shape = "output_format", given.get("output_format")
    if isinstance(config, dict) and config.get("format") is not None:
        where, shape = "output_config.format", config["format"]
    elif config is not None and not isinstance(config, dict):
        raise bad("output_config", "Input should be a valid object")
    if shape is None:
        return None
    described = shape if isinstance(shape, dict) else {}
    schema = described.get("schema")
    if not isinstance(schema, dict) or described.get("type") != "json_schema":
        raise bad(where, "Input should be an object with type 'json_schema' and a schema")
    return schema
