"""The OpenAI Chat Completions request, as far as this gateway looks into it.

Unknown keys and roles pass through (the SDKs send more every month). Types are strict: a wrong
type is a 400, a value out of range a 422, as the seed contract has it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.wire.faults import checked
from app.wire.metadata import Metadata

ENDPOINT: Final = "/v1/chat/completions"

MESSAGES_MAX: Final = 10_000
STOPS_MAX: Final = 4
TOKENS_MAX: Final = 10_000_000

_Tokens = Annotated[int, Field(ge=1, le=TOKENS_MAX)]
_Penalty = Annotated[float, Field(ge=-2, le=2)]


def _few(stop: str | list[str] | None) -> str | list[str] | None:
    if isinstance(stop, list) and len(stop) > STOPS_MAX:
        raise PydanticCustomError("too_long", "at most 4 stops")
    return stop


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class ChatMessage(_Shape):
    """One message; its content is a string, a list of parts, or absent beside tool calls."""

    role: str = Field(min_length=1, max_length=64)
    content: str | list[str | dict[str, Any]] | None = None


class ChatRequest(_Shape):
    """What a client asks for."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MESSAGES_MAX)
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stream: bool | None = None
    stop: Annotated[str | list[str] | None, AfterValidator(_few)] = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None
    store: bool | None = None
    metadata: Metadata | None = None

    @property
    def output_tokens(self) -> int | None:
        """The most tokens one choice may have, if the request says so."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def choices(self) -> int:
        """How many answers are wanted."""
        return self.n or 1


def read(body: Mapping[str, Any]) -> ChatRequest:
    """Validate a parsed body. Raises InvalidRequest or OutOfRange with every fault."""
    return checked(ChatRequest, body)


def prompt(body: Mapping[str, Any]) -> Iterable[Any]:
    """Return the messages of a body, for the bound of its tokens."""
    messages: Iterable[Any] = body["messages"]
    return messages


def extras(body: Mapping[str, Any]) -> list[bytes]:
    """Return what else a provider may turn into tokens: tools, schemas, and fields we do not know.

    What is known never to be a part of a prompt is left out; the rest counts, whatever it is.
    """
    return [
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        for name, value in body.items()
        if name not in _NEVER_PROMPT and value is not None
    ]


_NEVER_PROMPT: Final = (
    ChatRequest.model_fields.keys() - {"tools", "tool_choice", "response_format"}
) | {
    *("stream_options", "service_tier", "reasoning_effort", "verbosity", "modalities"),
    *("prompt_cache_key", "prompt_cache_retention", "safety_identifier"),
    *("webhook", "provider", "route"),
}
