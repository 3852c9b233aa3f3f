"""Instruments in each vendor's shape of a model."""

from typing import Literal

from pydantic import AwareDatetime

from app.wire.openapi.shapes.base import Dollars, Exact


class ChatModel(Exact):
    """An instrument as OpenAI's clients read it. Prices are dollars per million tokens."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    display_name: str
    max_output_tokens: int
    context_window: int
    max_input_tokens: int
    input_price: Dollars
    output_price: Dollars


class ChatModelList(Exact):
    """All instruments; OpenAI's list has no pages."""

    object: Literal["list"]
    data: list[ChatModel]


class MessagesModel(Exact):
    """An instrument as Anthropic's clients read it. Prices are dollars per million tokens."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: AwareDatetime
    lifecycle: Literal["active"]
    max_tokens: int
    context_window: int
    max_input_tokens: int
    input_price: Dollars
    output_price: Dollars


class MessagesModelPage(Exact):
    """A page of instruments."""

    data: list[MessagesModel]
    has_more: bool
    first_id: str | None
    last_id: str | None
