"""The Anthropic messages protocol: an answer written, whole or as a stream of events, and errors.

Shapes are those of the vendor's API reference for messages and of what its SDKs read back.
"""

import json
from collections.abc import Iterator
from typing import Final

from app.simulator.answers.asking import Asked
from app.simulator.answers.choices import Choice, Finish, Told
from app.simulator.anthropic import blocks
from app.simulator.failure import Failure

_STOPS: Final = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL: "tool_use",
    Finish.REFUSAL: "refusal",
}
_REFUSAL_DETAILS: Final = (
    '{"type":"refusal","category":null,"explanation":"The prompt asked to be refused."}'
)
_ERRORS: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_encode = json.JSONEncoder(separators=(",", ":")).encode


def payload(asked: Asked, choices: list[Choice], told: Told) -> list[bytes]:
    """Write an answer the way it was asked for: one body, or the events of a stream."""
    if asked.stream:
        return list(_events(asked, choices, told))
    return [_whole(asked, choices, told)]


def error(failure: Failure) -> bytes:
    """Write an error in the vendor's envelope, its type following its status."""
    usual = "api_error" if failure.status >= 500 else "invalid_request_error"
    kind = _ERRORS.get(failure.status, usual)
    said: dict[str, object] = {"type": kind, "message": failure.message}
    if failure.code is not None:
        said["details"] = {"error_code": failure.code}
    return _encode({"type": "error", "error": said, "request_id": failure.request_id}).encode()


def error_event(envelope: bytes) -> bytes:
    """Frame an error for the middle of a stream."""
    return b"event: error\ndata: %b\n\n" % envelope


def _whole(asked: Asked, choices: list[Choice], told: Told) -> bytes:
    choice = choices[0] if choices else None
    content = [block.whole for block in _blocks(asked, choice)]
    said = f'"content":[{",".join(content)}],{_stop(choice)}{_usage(told)}'
    return f"{_head(asked, choice)}{said}}}".encode()


def _events(asked: Asked, choices: list[Choice], told: Told) -> Iterator[bytes]:
    """Write an answer as server-sent events, one for each piece, ending with `message_stop`."""
    choice = choices[0] if choices else None
    begun = '"content":[],"stop_reason":null,"stop_sequence":null'
    usage = _usage(told, begun=True)
    yield _event("message_start", f'"message":{_head(asked, choice)}{begun}{usage}}}')
    index = -1
    for index, block in enumerate(_blocks(asked, choice)):
        opening = f'"index":{index},"content_block":{block.opening}'
        yield _event("content_block_start", opening)
        if index == 0:
            yield _PING
        for delta in block.deltas:
            yield _event("content_block_delta", f'"index":{index},"delta":{delta}')
        yield _event("content_block_stop", f'"index":{index}')
    if index < 0:
        yield _PING
    yield _event("message_delta", f'"delta":{{{_stop(choice)}}}{_usage(told)}')
    yield b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def _event(name: str, fields: str) -> bytes:
    return f'event: {name}\ndata: {{"type":"{name}",{fields}}}\n\n'.encode()


def _blocks(asked: Asked, choice: Choice | None) -> Iterator[blocks.Block]:
    return iter(()) if choice is None else blocks.of(choice, thinking_shown=asked.thinking_shown)


def _head(asked: Asked, choice: Choice | None) -> str:
    name = "empty" if choice is None else choice.name
    model = _encode(asked.ask.model)
    return f'{{"id":"msg_{name}","type":"message","role":"assistant","model":{model},'


def _stop(choice: Choice | None) -> str:
    if choice is None:
        return '"stop_reason":null,"stop_sequence":null'
    if choice.stop is not None:
        return f'"stop_reason":"stop_sequence","stop_sequence":{_encode(choice.stop)}'
    told = f'"stop_reason":"{_STOPS[choice.finish]}","stop_sequence":null'
    if choice.finish is Finish.REFUSAL:
        return f'{told},"stop_details":{_REFUSAL_DETAILS}'
    return told


def _usage(told: Told, *, begun: bool = False) -> str:
    """Write the usage of an answer as a field; at its beginning, at most one token was put out."""
    if isinstance(told, str):
        return ',"usage":null' if told == "null" else ""
    completion = min(told.completion, 1) if begun else told.completion
    reasoning = 0 if begun else told.reasoning
    return (
        f',"usage":{{"input_tokens":{told.prompt - told.cached},"cache_creation_input_tokens":0,'
        f'"cache_read_input_tokens":{told.cached},'
        '"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},'
        f'"output_tokens":{completion},'
        f'"output_tokens_details":{{"thinking_tokens":{reasoning}}},"service_tier":"standard"}}'
    )
