"""Tools of a chat request as tools of a Messages one."""

from collections.abc import Mapping
from typing import Final

from app.translate.names import fitting
from app.translate.reading import Body, Json, mapping, mappings, text, word
from app.translate.requests.schema import closed

CUSTOM_INPUT: Final = "input"
"""The one property of a custom tool's input, which chat sends as bare text."""


def tools(body: Json) -> Body:
    """Return `tools` and `tool_choice`; a choice without tools is refused."""
    allowed = _allowed(body)
    offered = [tool for tool in _offered(body) if allowed is None or tool["name"] in allowed]
    if not offered:
        return {}
    return {"tools": offered, "tool_choice": _choice(body, {tool["name"] for tool in offered})}


def _offered(body: Json) -> list[Body]:
    found = [_tool(tool) for tool in mappings(body.get("tools"))]
    # `functions` is what tools were called first; old LangChain code still sends it.
    found += [_function(function) for function in mappings(body.get("functions"))]
    return [tool for tool in found if tool is not None]


def _tool(tool: Json) -> Body | None:
    custom = mapping(tool.get("custom"))
    if tool.get("type") != "custom" or not custom:
        return _function(mapping(tool.get("function")))
    schema = {
        "type": "object",
        "properties": {CUSTOM_INPUT: {"type": "string"}},
        "required": [CUSTOM_INPUT],
    }
    return _function({**custom, "parameters": schema})


def _function(function: Json) -> Body | None:
    name = word(function.get("name"))
    if name is None:
        return None
    parameters = {"type": "object", "properties": {}, **mapping(function.get("parameters"))}
    written: Body = {"name": fitting(name), "input_schema": parameters}
    if described := word(function.get("description")):
        written["description"] = described
    if function.get("strict") is True:
        # A reference or a choice of schemas takes the place of the type the vendor insists on.
        written |= {"strict": True, "input_schema": {**closed(parameters), "type": "object"}}
    return written


def _allowed(body: Json) -> set[str] | None:
    """Return the names of `allowed_tools`, when the choice is such a list."""
    choice = mapping(body.get("tool_choice"))
    if choice.get("type") != "allowed_tools":
        return None
    listed = mappings(mapping(choice.get("allowed_tools")).get("tools"))
    return {_named(tool) for tool in listed}


def _named(choice: Json) -> str:
    named = text(mapping(choice.get("function")).get("name"))
    named = named or text(mapping(choice.get("custom")).get("name")) or text(choice.get("name"))
    return fitting(named)


def _choice(body: Json, offered: set[str]) -> Body | None:
    choice = body.get("tool_choice", body.get("function_call"))
    serial = body.get("parallel_tool_calls") is False
    chosen = _named_choice(mapping(choice), offered)
    if isinstance(choice, str) and choice in _CHOICES:
        chosen = {"type": _CHOICES[choice]}
    if serial and chosen is None:
        chosen = {"type": "auto"}
    if chosen is None or chosen["type"] == "none" or not serial:
        return chosen
    return {**chosen, "disable_parallel_tool_use": True}


def _named_choice(choice: Json, offered: set[str]) -> Body | None:
    if choice.get("type") == "allowed_tools":
        mode = mapping(choice.get("allowed_tools")).get("mode")
        return {"type": "any" if mode == "required" else "auto"}
    name = _named(choice)
    return {"type": "tool", "name": name} if name in offered else None


_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "required": "any", "none": "none"}
