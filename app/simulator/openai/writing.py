"""The OpenAI chat protocol: a request read, an answer written, whole or as a stream of chunks.

Shapes are those of the vendor's API reference for chat completions and of what its SDKs read back.
"""

import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Final

from app.simulator.answers.choices import Ask, Choice, Finish
from app.simulator.openai.reading import Chat

PIECE_CHARS: Final = 20  # of text in one chunk of a stream
CREATED_AT: Final = 1_767_225_600  # a fixed moment, so that equal requests get equal bytes

_FINISHES: Final = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.TOOL: "tool_calls"}
_ERRORS: Final = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "billing_hard_limit_reached"),
    403: ("permission_error", "model_not_allowed"),
    404: ("invalid_request_error", "not_found"),
    409: ("conflict_error", "conflict"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "overloaded"),
    504: ("server_error", "timeout"),
}
_REQUEST_ERROR: Final = ("invalid_request_error", "invalid_value")
_SERVER_ERROR: Final = ("server_error", "internal_error")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def payload(chat: Chat, choices: list[Choice], used: str | None) -> list[bytes]:
    """Write an answer the way it was asked for: one body, or the events of a stream."""
    return list(chunks(chat, choices, used)) if chat.stream else [whole(chat.ask, choices, used)]


def usage(ask: Ask, choices: Iterable[Choice]) -> str:
    """Write the honest usage of a call, as JSON."""
    prompt, completion = ask.prompt_tokens, sum(choice.tokens for choice in choices)
    return (
        f'{{"prompt_tokens":{prompt},"completion_tokens":{completion},'
        f'"total_tokens":{prompt + completion},'
        '"prompt_tokens_details":{"cached_tokens":0},'
        '"completion_tokens_details":{"reasoning_tokens":0}}'
    )


def whole(ask: Ask, choices: list[Choice], used: str | None) -> bytes:
    """Write a whole answer; `used` is its usage as JSON, or None to leave the key out."""
    said = ",".join(
        f'{{"index":{index},"message":{_message(choice)},"logprobs":null,'
        f'"finish_reason":"{_FINISHES[choice.finish]}"}}'
        for index, choice in enumerate(choices)
    )
    tail = "" if used is None else f',"usage":{used}'
    return (
        f"{_head(ask, choices, 'chat.completion')}"
        f'"choices":[{said}]{tail},"service_tier":"default","system_fingerprint":"fp_simulator"}}'
    ).encode()


def chunks(chat: Chat, choices: list[Choice], used: str | None) -> Iterator[bytes]:
    """Write an answer as server-sent events, one for each piece, ending with `[DONE]`.

    A caller who asked for it gets the usage in a last chunk of its own, and null before that.
    """
    head = f"data: {_head(chat.ask, choices, 'chat.completion.chunk')}"
    tail = ',"usage":null}\n\n' if chat.include_usage else "}\n\n"
    for index, choice in enumerate(choices):
        for delta in _deltas(choice):
            part = f'"choices":[{{"index":{index},"delta":{delta},"logprobs":null,'
            yield f'{head}{part}"finish_reason":null}}]{tail}'.encode()
        end = f'"choices":[{{"index":{index},"delta":{{}},"logprobs":null,'
        yield f'{head}{end}"finish_reason":"{_FINISHES[choice.finish]}"}}]{tail}'.encode()
    if chat.include_usage and used is not None:
        yield f'{head}"choices":[],"usage":{used}}}\n\n'.encode()
    yield b"data: [DONE]\n\n"


def error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> bytes:
    """Write an error in the vendor's envelope, its type and usual code following its status."""
    usual = _SERVER_ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _REQUEST_ERROR
    kind, said = _ERRORS.get(status, usual)
    envelope = {"message": message, "type": kind, "param": param, "code": code or said}
    return _encode({"error": envelope}).encode()


def _head(ask: Ask, choices: list[Choice], kind: str) -> str:
    name = choices[0].name if choices else "empty"
    return (
        f'{{"id":"chatcmpl-{name}","object":"{kind}","created":{CREATED_AT},'
        f'"model":{_encode(ask.model)},'
    )


def _message(choice: Choice) -> str:
    text = _encode(choice.text)
    if choice.tool is None:
        return f'{{"role":"assistant","content":{text},"refusal":null,"annotations":[]}}'
    called = f'{{"name":{_encode(choice.tool)},"arguments":{text}}}'
    call = f'{{"id":"call_{choice.name}","type":"function","function":{called}}}'
    return f'{{"role":"assistant","content":null,"refusal":null,"tool_calls":[{call}]}}'


def _deltas(choice: Choice) -> Iterator[str]:
    pieces = [
        _encode(choice.text[at : at + PIECE_CHARS])
        for at in range(0, len(choice.text), PIECE_CHARS)
    ]
    if choice.tool is None:
        yield '{"role":"assistant","content":"","refusal":null}'
        yield from (f'{{"content":{piece}}}' for piece in pieces)
        return
    function = f'{{"name":{_encode(choice.tool)},"arguments":""}}'
    call = f'{{"index":0,"id":"call_{choice.name}","type":"function","function":{function}}}'
    yield f'{{"role":"assistant","content":null,"tool_calls":[{call}]}}'
    for piece in pieces:
        yield f'{{"tool_calls":[{{"index":0,"function":{{"arguments":{piece}}}}}]}}'
