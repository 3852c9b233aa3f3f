"""The upstream protocols the contract suite speaks: one more adapter is one more entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between protocols; everything else is the contract."""

    protocol: str
    """As the catalog calls it."""
    path: str
    """What stands behind the base URL."""
    id_prefix: str
    key_header: tuple[str, str]
    """The header that carries the API key, and what stands before the key in it."""
    own_fields: Mapping[str, Any]
    """Fields a client may send that are the gateway's and not the upstream's."""
    question: Callable[[str], dict[str, Any]]
    """A request of one question."""
    answer: Callable[..., dict[str, Any]]
    """A good answer of an upstream, with or without a usage report."""
    counts: Callable[..., dict[str, Any]]
    """A usage report."""
    sums: tuple[str, str]
    """What a usage report calls the tokens sent and the tokens got."""
    misshapen: tuple[Any, ...]
    """JSON that is no answer in this protocol."""


def _question(text: str) -> dict[str, Any]:
    return {"model": "text-max", "messages": [{"role": "user", "content": text}], "max_tokens": 100}


def _answer(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "So it is."}
    return {
        "id": "upstream-7",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "upstream-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **fields,
    }


def _counts(sent: Any, got: Any, cached: Any = None, reasoned: Any = None) -> dict[str, Any]:
    return {
        "prompt_tokens": sent,
        "completion_tokens": got,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoned},
    }


OPENAI: Final = Dialect(
    protocol="openai",
    path="/chat/completions",
    id_prefix="chatcmpl-",
    key_header=("Authorization", "Bearer "),
    own_fields={
        "webhook": {"url": "http://127.0.0.1/hook"},
        "provider": "here",
        "route": "there",
        "stream": False,
        "stream_options": {"include_usage": True},
        "store": True,
        "metadata": {"a": "b"},
    },
    question=_question,
    answer=_answer,
    counts=_counts,
    sums=("prompt_tokens", "completion_tokens"),
    misshapen=(
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": []},
        {"choices": ["text"]},
        {"choices": [{"text": "no message"}]},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {}}, {"message": None}]},
        {"error": {"message": "in a 200"}},
    ),
)


def _message(**fields: Any) -> dict[str, Any]:
    return {
        "id": "upstream-7",
        "type": "message",
        "role": "assistant",
        "model": "upstream-model",
        "content": [{"type": "text", "text": "So it is."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        **fields,
    }


def _weights(sent: Any, got: Any, cached: Any = None, reasoned: Any = None) -> dict[str, Any]:
    fresh = sent - cached if type(sent) is int and type(cached) is int else sent
    return {
        "input_tokens": fresh,
        "output_tokens": got,
        "cache_read_input_tokens": cached,
        "output_tokens_details": {"thinking_tokens": reasoned},
    }


ANTHROPIC: Final = Dialect(
    protocol="anthropic",
    path="/messages",
    id_prefix="msg_",
    key_header=("x-api-key", ""),
    own_fields={
        "webhook": {"url": "http://127.0.0.1/hook"},
        "provider": "here",
        "route": "there",
        "stream": False,
    },
    question=_question,
    answer=_message,
    counts=_weights,
    sums=("input_tokens", "output_tokens"),
    misshapen=(
        {},
        {"content": None},
        {"content": {}},
        {"content": ["text"]},
        {"content": []},
        {"content": [], "stop_reason": None},
        {"content": "text", "stop_reason": "end_turn"},
    ),
)

DIALECTS: Final = (OPENAI, ANTHROPIC)
