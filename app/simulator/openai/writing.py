"""The OpenAI chat protocol: an answer written, whole or as a stream of chunks, and errors.

Shapes are those of the vendor's API reference for chat completions and of what its SDKs read back;
`reasoning_content` is what other servers of this protocol show of their reasoning.
"""

import json
from collections.abc import Iterator
from typing import Final

from app.simulator.answers.asking import Ask, Asked
from app.simulator.answers.choices import Choice, Finish, Told
from app.simulator.failure import Failure

PIECE_CHARS: Final = 20  # of text in one chunk of a stream
CREATED_AT: Final = 1_767_225_600  # a fixed moment, so that equal requests get equal bytes

_FINISHES: Final = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL: "tool_calls",
    Finish.REFUSAL: "content_filter",
}
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
_REFUSAL: Final = Finish.REFUSAL
_encode = json.JSONEncoder(separators=(",", ":")).encode


def payload(asked: Asked, choices: list[Choice], told: Told) -> list[bytes]:
    """Write an answer the way it was asked for: one body, or the events of a stream."""
    if asked.stream:
        return list(_chunks(asked, choices, told))
    return [_whole(asked, choices, told)]


def error(failure: Failure) -> bytes:
    """Write an error in the vendor's envelope, its type and usual code following its status."""
    usual = _SERVER_ERROR if failure.status >= 500 else _REQUEST_ERROR
    kind, code = _ERRORS.get(failure.status, usual)
    said = {"message": failure.message, "type": kind, "param": failure.param}
    return _encode({"error": {**said, "code": failure.code or code}}).encode()


def error_event(envelope: bytes) -> bytes:
    """Frame an error for the middle of a stream."""
    return b"data: %b\n\n" % envelope


def _whole(asked: Asked, choices: list[Choice], told: Told) -> bytes:
    said = ",".join(
        f'{{"index":{index},"message":{_message(choice, shown=asked.thinking_shown)},'
        f'"logprobs":null,"finish_reason":"{_FINISHES[choice.finish]}"}}'
        for index, choice in enumerate(choices)
    )
    return (
        f"{_head(asked.ask, choices, 'chat.completion')}"
        f'"choices":[{said}]{_usage(told)},"service_tier":"default","system_fingerprint":"fp_simulator"}}'
    ).encode()


def _chunks(asked: Asked, choices: list[Choice], told: Told) -> Iterator[bytes]:
    """Write an answer as server-sent events, one for each piece, ending with `[DONE]`.

    A caller who asked for it gets the usage in a last chunk of its own, and null before that.
    """
    head = f"data: {_head(asked.ask, choices, 'chat.completion.chunk')}"
    tail = ',"usage":null}\n\n' if asked.include_usage else "}\n\n"
    for index, choice in enumerate(choices):
        for delta in _deltas(choice, shown=asked.thinking_shown):
            part = f'"choices":[{{"index":{index},"delta":{delta},"logprobs":null,'
            yield f'{head}{part}"finish_reason":null}}]{tail}'.encode()
        end = f'"choices":[{{"index":{index},"delta":{{}},"logprobs":null,'
        yield f'{head}{end}"finish_reason":"{_FINISHES[choice.finish]}"}}]{tail}'.encode()
    if asked.include_usage and told != "missing":
        yield f'{head}"choices":[]{_usage(told)}}}\n\n'.encode()
    yield b"data: [DONE]\n\n"


def _head(ask: Ask, choices: list[Choice], kind: str) -> str:
    name = choices[0].name if choices else "empty"
    return (
        f'{{"id":"chatcmpl-{name}","object":"{kind}","created":{CREATED_AT},'
        f'"model":{_encode(ask.model)},'
    )


def _usage(told: Told) -> str:
    """Write the usage of an answer as a field; nothing where it is to be missing."""
    if isinstance(told, str):
        return ',"usage":null' if told == "null" else ""
    return (
        f',"usage":{{"prompt_tokens":{told.prompt},"completion_tokens":{told.completion},'
        f'"total_tokens":{told.prompt + told.completion},'
        f'"prompt_tokens_details":{{"cached_tokens":{told.cached}}},'
        f'"completion_tokens_details":{{"reasoning_tokens":{told.reasoning}}}}}'
    )


def _message(choice: Choice, *, shown: bool) -> str:
    text = _encode(choice.text)
    thought = f',"reasoning_content":{_encode(_shown(choice))}' if shown else ""
    if choice.calls:
        calls = ",".join(
            f"{_call(choice, index)}{_encode(call.arguments)}}}}}"
            for index, call in enumerate(choice.calls)
        )
        said = text if choice.text else "null"
        tail = f'"refusal":null,"tool_calls":[{calls}]{thought}'
        return f'{{"role":"assistant","content":{said},{tail}}}'
    if choice.text and choice.finish is _REFUSAL:
        return f'{{"role":"assistant","content":null,"refusal":{text},"annotations":[]{thought}}}'
    return f'{{"role":"assistant","content":{text},"refusal":null,"annotations":[]{thought}}}'


def _deltas(choice: Choice, *, shown: bool) -> Iterator[str]:
    thought = _shown(choice) if shown else ""
    begun = '{"tool_calls":[{"index":'
    if choice.text or thought or not choice.calls:
        yield '{"role":"assistant","content":"","refusal":null}'
    else:
        begun = '{"role":"assistant","content":null,"tool_calls":[{"index":'
    yield from (f'{{"reasoning_content":{piece}}}' for piece in _pieces(thought))
    key = "refusal" if choice.finish is _REFUSAL else "content"
    yield from (f'{{"{key}":{piece}}}' for piece in _pieces(choice.text))
    for index, call in enumerate(choice.calls):
        yield f'{begun}{index},{_call(choice, index)[1:]}""}}}}]}}'
        begun = '{"tool_calls":[{"index":'
        for piece in _pieces(call.arguments):
            yield f'{begun}{index},"function":{{"arguments":{piece}}}}}]}}'


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), PIECE_CHARS):
        yield _encode(text[at : at + PIECE_CHARS])


def _call(choice: Choice, index: int) -> str:
    """Write a tool call up to its arguments."""
    name = f"call_{choice.name}_{index}" if index else f"call_{choice.name}"
    function = f'{{"name":{_encode(choice.calls[index].name)},"arguments":'
    return f'{{"id":"{name}","type":"function","function":{function}'


def _shown(choice: Choice) -> str:
    """Return what was thought, as far as the caller may see it."""
    thought = choice.thought
    return "" if thought is None or thought.secret else thought.text
