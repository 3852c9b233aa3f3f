"""The tools of a messages request, and which of them may or must be called."""

import re
from collections.abc import Mapping
from typing import Final

from app.simulator.answers.asking import Refused, Tool, Tooling
from app.simulator.answers.chance import Chance
from app.simulator.anthropic.fields import bad

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SHELL: Final = "bash_"  # begins the type of the vendor's own tool for commands
_SHELL_ARGUMENTS: Final = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
}
_FOREIGN: Final = ("function", "tool")  # types of tools in other protocols


def read(given: object) -> tuple[Tool, ...]:
    """Return the tools a model could call: the caller's own, unless they are loaded later only.

    Raises `Refused` for a tool that is not in order.
    """
    if given is None:
        return ()
    if not isinstance(given, list):
        raise bad("tools", "Input should be a valid array")
    tools: dict[str, Tool] = {}
    for index, one in enumerate(given):
        tool = _tool(one, f"tools.{index}")
        if tool is None:
            continue
        if tool.name in tools:
            raise Refused(400, "tools: Tool names must be unique.", param="tools")
        tools[tool.name] = tool
    return tuple(tools.values())


def choice(given: object, tools: tuple[Tool, ...], chance: Chance) -> Tooling:
    """Read `tool_choice`. Raises `Refused` where it asks for a tool that is not there."""
    if given is None:
        return Tooling(tools=tools)
    if not isinstance(given, dict):
        raise bad("tool_choice", "Input should be a valid object")
    parallel = given.get("disable_parallel_tool_use") is not True
    kind = given.get("type")
    if kind == "auto":
        return Tooling(tools=tools, parallel=parallel)
    if kind == "none":
        return Tooling(tools=(), parallel=parallel)
    if kind not in ("any", "tool"):
        raise bad("tool_choice.type", "Input should be 'auto', 'any', 'tool' or 'none'")
    if not tools:
        what = "tool_choice may only be specified while providing tools."
        raise Refused(400, what, param="tool_choice")
    if kind == "any":
        forced = tools[chance.below(len(tools))]
        return Tooling(tools=tools, forced=forced, parallel=parallel)
    named = next((tool for tool in tools if tool.name == given.get("name")), None)
    if named is None:
        what = f"Tool '{given.get('name')}' not found in provided tools"
        raise Refused(400, what, param="tool_choice.name")
    return Tooling(tools=(named,), forced=named, parallel=parallel)


def _tool(given: object, where: str) -> Tool | None:
    if not isinstance(given, dict):
        raise bad(where, "Input should be an object")
    kind = given.get("type")
    if kind in _FOREIGN:
        what = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
        raise bad(where, what)
    if kind not in (None, "custom"):
        return _vendors_own(given, str(kind))
    name, schema = given.get("name"), given.get("input_schema")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise bad(f"{where}.custom.name", f"String should match pattern '^{_NAME.pattern}$'")
    if not isinstance(schema, dict):
        raise bad(f"{where}.custom.input_schema", "Field required")
    if schema.get("type") != "object":
        raise bad(f"{where}.custom.input_schema.type", "Input should be 'object'")
    return None if given.get("defer_loading") is True else Tool(name=name, arguments=schema)


def _vendors_own(given: Mapping[str, object], kind: str) -> Tool | None:
    """Return a tool that the vendor defines and the caller runs; only the shell is one we use."""
    name = given.get("name")
    if not kind.startswith(_SHELL) or not isinstance(name, str):
        return None
    return Tool(name=name, arguments=_SHELL_ARGUMENTS)
