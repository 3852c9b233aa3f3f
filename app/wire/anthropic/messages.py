"""The Anthropic Messages request, as far as this gateway looks into it.

Unknown keys, betas, block types and roles pass through: `system` and `developer` messages inside
`messages` are what coding agents send. Types are strict: a wrong one is a 400. `max_tokens` may be
left out, as the seed contract has it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.wire.faults import checked

ENDPOINT: Final = "/v1/messages"

MESSAGES_MAX: Final = 100_000
"""What the vendor's own API takes in one request."""

OUTPUT_TOKENS_DEFAULT: Final = 1_024
"""What an answer may have where `max_tokens` is left out."""


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class Message(_Shape):
    """One turn; its content is a string or a list of blocks."""

    role: str = Field(min_length=1, max_length=64)
    content: str | list[dict[str, Any]]


class Metadata(_Shape):
    """What a client says of whoever it works for; some put JSON of their own into the id."""

    user_id: str | None = None


class PromptRequest(_Shape):
    """The part of a request that becomes input tokens: what `count_tokens` takes."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=MESSAGES_MAX)
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None


class MessagesRequest(PromptRequest):
    """What a client asks for."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None

    @property
    def output_tokens(self) -> int:
        """The most tokens the answer may have."""
        return self.max_tokens or OUTPUT_TOKENS_DEFAULT


def read(body: Mapping[str, Any]) -> MessagesRequest:
    """Validate a parsed body. Raises InvalidRequest or OutOfRange with every fault."""
    return checked(MessagesRequest, body)


def read_prompt(body: Mapping[str, Any]) -> PromptRequest:
    """Validate a body whose tokens are to be counted. Raises as `read` does."""
    return checked(PromptRequest, body)
