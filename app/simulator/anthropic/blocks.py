"""The blocks an answer consists of: each as a whole, and as the steps in which it is streamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.simulator.answers import seals
from app.simulator.answers.choices import Choice, Finish, ToolCall

PIECE_CHARS: Final = 20  # of text in one event of a stream

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block as JSON: as it opens a stream, with its deltas to come, and as a whole."""

    opening: str
    deltas: Iterator[str]
    whole: str


def of(choice: Choice, *, thinking_shown: bool) -> Iterator[Block]:
    """Yield the blocks of an answer in their order.

    One that only says nothing has an empty block of text, unless it was refused.
    """
    thought = choice.thought
    if thought is not None:
        name = choice.name
        text = thought.text if thinking_shown else ""
        yield _secret(name) if thought.secret else _thinking(name, text)
    silent = thought is None and not choice.calls and choice.finish is not Finish.REFUSAL
    if choice.text or silent:
        yield _text(choice.text)
    for index, call in enumerate(choice.calls):
        yield _use(choice, index, call)


def _thinking(name: str, thinking: str) -> Block:
    signature = seals.seal(name)
    return Block(
        opening='{"type":"thinking","thinking":"","signature":""}',
        deltas=_thinking_deltas(thinking, signature),
        whole=f'{{"type":"thinking","thinking":{_encode(thinking)},"signature":"{signature}"}}',
    )


def _thinking_deltas(thinking: str, signature: str) -> Iterator[str]:
    for piece in _pieces(thinking):
        yield f'{{"type":"thinking_delta","thinking":{piece}}}'
    yield f'{{"type":"signature_delta","signature":"{signature}"}}'


def _secret(name: str) -> Block:
    whole = f'{{"type":"redacted_thinking","data":"{seals.seal(name)}"}}'
    return Block(opening=whole, deltas=iter(()), whole=whole)


def _text(text: str) -> Block:
    return Block(
        opening='{"type":"text","text":""}',
        deltas=(f'{{"type":"text_delta","text":{piece}}}' for piece in _pieces(text)),
        whole=f'{{"type":"text","text":{_encode(text)}}}',
    )


def _use(choice: Choice, index: int, call: ToolCall) -> Block:
    name = f"toolu_{choice.name}" if index == 0 else f"toolu_{choice.name}_{index}"
    head = f'{{"type":"tool_use","id":"{name}","name":{_encode(call.name)},"input":'
    return Block(
        opening=f"{head}{{}}}}",
        deltas=_argument_deltas(call.arguments),
        whole=f"{head}{_encode(_object(call.arguments))}}}",
    )


def _argument_deltas(arguments: str) -> Iterator[str]:
    # The vendor's first fragment is always an empty one.
    yield '{"type":"input_json_delta","partial_json":""}'
    for piece in _pieces(arguments):
        yield f'{{"type":"input_json_delta","partial_json":{piece}}}'


def _object(arguments: str) -> object:
    """Return the arguments as an object; those that a limit cut short are none."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), PIECE_CHARS):
        yield _encode(text[at : at + PIECE_CHARS])
