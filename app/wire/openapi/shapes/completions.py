"""Answers of the two surfaces, as far as this gateway promises them whatever the provider is."""

from typing import Any, Literal

from app.wire.openapi.shapes.base import Exact, Loose


class ChatAnswerMessage(Loose):
    """What the model said; tool calls, refusals and reasoning stand beside the content."""

    role: str
    content: str | None = None


class ChatChoice(Loose):
    """One of `n` answers."""

    index: int
    message: ChatAnswerMessage
    finish_reason: str | None = None


class ChatCompletion(Loose):
    """OpenAI's completion object."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    """The instrument that was asked for."""
    choices: list[ChatChoice]
    usage: dict[str, Any] | None = None


class StoredCompletion(ChatCompletion):
    """A kept completion, with the pairs that hang on it."""

    metadata: dict[str, str]


class StoredCompletionPage(Exact):
    """A page of kept completions."""

    object: Literal["list"]
    data: list[StoredCompletion]
    has_more: bool
    first_id: str | None
    last_id: str | None


class StoredMessage(Loose):
    """A message of a kept prompt; its parts stand beside the content, if it had parts."""

    id: str
    role: str
    content: str | None
    content_parts: list[str | dict[str, Any]] | None


class StoredMessagePage(Exact):
    """A page of a kept prompt's messages."""

    object: Literal["list"]
    data: list[StoredMessage]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedCompletion(Exact):
    """A kept completion that is gone."""

    object: Literal["chat.completion.deleted"]
    id: str
    deleted: Literal[True]


class ContentBlock(Loose):
    """A piece of an answer: text, thinking, a tool call."""

    type: str


class MessageUsage(Loose):
    """The tokens an answer took."""

    input_tokens: int
    output_tokens: int


class MessageAnswer(Loose):
    """Anthropic's message object."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    """The instrument that was asked for."""
    content: list[ContentBlock]
    stop_reason: str | None
    stop_sequence: str | None = None
    usage: MessageUsage


class TokenCount(Exact):
    """An estimate of how many tokens a prompt comes to."""

    input_tokens: int
