"""A surface: one vendor's way to ask for a completion, in front of the one engine."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.wire.anthropic import messages, weight
from app.wire.openai import chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the engine must know of a request, whatever its dialect.

    `output_tokens` is the most one choice may have, if the request says so, in the field
    `output_field`; where `clamps`, more than the instrument gives is lowered instead of refused.
    `prompt` and `extras` are what a bound of the input tokens is made of.
    """

    model: str
    output_tokens: int | None
    output_field: str
    clamps: bool
    choices: int
    stream: bool
    stored: bool
    metadata: Mapping[str, str] | None
    prompt: Iterable[Any]
    extras: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """An endpoint, and how its requests are read. `read` raises InvalidRequest or OutOfRange."""

    endpoint: str
    read: Callable[[Mapping[str, Any]], Asked]


def _read_chat(body: Mapping[str, Any]) -> Asked:
    request = chat.read(body)
    field = "max_completion_tokens" if request.max_completion_tokens else "max_tokens"
    return Asked(
        model=request.model,
        output_tokens=request.output_tokens,
        output_field=field,
        clamps=False,
        choices=request.choices,
        stream=bool(request.stream),
        stored=bool(request.store),
        metadata=request.metadata,
        prompt=chat.prompt(body),
        extras=chat.extras(body),
    )


def _read_messages(body: Mapping[str, Any]) -> Asked:
    # Coding agents ask for as much as their favourite model gives: lowered, not refused.
    request = messages.read(body)
    return Asked(
        model=request.model,
        output_tokens=request.output_tokens,
        output_field="max_tokens",
        clamps=True,
        choices=1,
        stream=bool(request.stream),
        stored=False,
        metadata=None,
        prompt=weight.prompt(body),
        extras=weight.extras(body),
    )


CHAT: Final = Surface(endpoint=chat.ENDPOINT, read=_read_chat)
MESSAGES: Final = Surface(endpoint=messages.ENDPOINT, read=_read_messages)
SURFACES: Final[Mapping[str, Surface]] = {each.endpoint: each for each in (CHAT, MESSAGES)}
