"""Tools of a Messages request as tools of a chat one."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.translate.names import fitting
from app.translate.reading import Body, Json, mapping, mappings, text, word


def tools(body: Json) -> Body:
    """Return `tools`, `tool_choice` and `parallel_tool_calls`; a choice without tools is refused.

    Left out: tools without a schema of their own, which only the vendor knows how to offer or run,
    and deferred ones that no tool search has brought up yet, as the vendor leaves them out of the
    prompt until then ("Tool search tool" in the Claude documentation).
    """
    found = set(_found(body))
    offered = [
        _function(tool)
        for tool in mappings(body.get("tools"))
        if _is_expressible(tool) and (not tool.get("defer_loading") or tool.get("name") in found)
    ]
    if not offered:
        return {}
    choice = mapping(body.get("tool_choice"))
    return {
        "tools": offered,
        "tool_choice": _choice(choice, {tool["function"]["name"] for tool in offered}),
        "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") is True else None,
    }


def _is_expressible(tool: Json) -> bool:
    own = tool.get("type") in (None, "custom") or isinstance(tool.get("input_schema"), dict)
    return own and word(tool.get("name")) is not None


def _function(tool: Json) -> Body:
    schema = mapping(tool.get("input_schema"))
    function: Body = {
        "name": fitting(text(tool.get("name"))),
        "parameters": schema or {"type": "object", "properties": {}},
    }
    if described := word(tool.get("description")):
        function["description"] = described
    if isinstance(tool.get("strict"), bool):
        function["strict"] = tool["strict"]
    return {"type": "function", "function": function}


def _choice(choice: Json, offered: set[str]) -> object:
    if choice.get("type") == "tool":
        name = fitting(text(choice.get("name")))
        return {"type": "function", "function": {"name": name}} if name in offered else None
    return _CHOICES.get(text(choice.get("type")))


def _found(body: Json) -> Iterator[str]:
    """Yield the names of tools that tool searches have brought up in this conversation."""
    for message in mappings(body.get("messages")):
        for block in mappings(message.get("content")):
            inner = block.get("content")
            listed = mappings(mapping(inner).get("tool_references"))
            for reference in [*mappings(inner), *listed]:
                if reference.get("type") == "tool_reference":
                    yield text(reference.get("tool_name"))


_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "any": "required", "none": "none"}
