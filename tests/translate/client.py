"""What a client makes of a stream: written from the vendors' documents, not from our code.

Both refuse what their documents do not allow, so that a malformed stream fails a test.
"""

import json
from collections.abc import Iterable
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from app.translate import Dialect, StreamTranslator

ID = "job_1"
MODEL = "instrument"
CREATED = 1_800_000_000


def translator(
    source: Dialect, target: Dialect, *, include_usage: bool = True, **more: Any
) -> StreamTranslator:
    """Return a translator of a test's answer."""
    return StreamTranslator(
        source,
        target,
        id=ID,
        model=MODEL,
        created=CREATED,
        include_usage=include_usage,
        **more,
    )


def sent(translated: StreamTranslator, stream: Iterable[Any]) -> list[dict[str, Any]]:
    """Return all that the client of a stream gets."""
    events = [event for each in stream for event in translated.feed(each)]
    return [*events, *translated.finish()]


def accumulated(events: Iterable[dict[str, Any]], dialect: Dialect) -> dict[str, Any]:
    """Return the answer as the client of a stream ends up with it."""
    return chat(events) if dialect == Dialect.CHAT else messages(events)


def chat(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Accumulate chunks with the official SDK's own code."""
    state = ChatCompletionStreamState()
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    body = state.current_completion_snapshot.model_dump(mode="json")
    for choice in body["choices"]:
        choice["message"].pop("parsed", None)
        for call in choice["message"].get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
    return body


def messages(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Accumulate events by "Streaming messages" of the Claude documentation."""
    message: dict[str, Any] = {}
    inputs: dict[int, str] = {}
    opened: set[int] = set()
    for event in events:
        match event["type"]:
            case "message_start":
                assert not message
                message = json.loads(json.dumps(event["message"]))
                assert message["content"] == []
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(json.loads(json.dumps(event["content_block"])))
                opened.add(event["index"])
            case "content_block_delta":
                assert event["index"] in opened
                _add(message["content"][event["index"]], event, inputs)
            case "content_block_stop":
                opened.remove(event["index"])
            case "message_delta":
                assert not opened
                message |= event["delta"]
                message["usage"] |= event["usage"]
            case kind:
                raise AssertionError(kind)
    for index, given in inputs.items():
        message["content"][index]["input"] = _parsed(given or "{}")
    return message


def tidy(value: Any) -> Any:
    """Return JSON as clients tell it apart: what is null or empty is not there, JSON is parsed."""
    if isinstance(value, dict):
        pairs = {
            name: tidy(_parsed(each) if name == "arguments" else each)
            for name, each in value.items()
        }
        return {name: each for name, each in pairs.items() if each not in (None, "")}
    return [tidy(each) for each in value] if isinstance(value, list) else value


def _parsed(given: str) -> Any:
    try:
        return json.loads(given)
    except ValueError:
        return {"unparsable_arguments": given}


def _add(block: dict[str, Any], event: dict[str, Any], inputs: dict[int, str]) -> None:
    delta = event["delta"]
    match delta["type"]:
        case "text_delta" | "thinking_delta" | "signature_delta" as kind:
            name = kind.removesuffix("_delta")
            block[name] += delta[name]
        case "input_json_delta":
            index = event["index"]
            inputs[index] = inputs.get(index, "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case kind:
            raise AssertionError(kind)
