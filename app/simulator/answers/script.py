"""The tool-calling script: what a user says to have tools called, one step for each instruction.

    write the file NAME with TEXT               calls Write, write_file or create_file
    edit the file NAME: replace OLD with NEW    Edit or edit_file
    read the file NAME                          Read, read_file or view_file
    run: COMMAND                                Bash, shell, run_command, execute_command, terminal
    use the tool NAME                           the tool of that name

Names of tools count in any letter case, and without the `mcp__SERVER__` they may begin with. The
parts go where the tool's own schema has a property for them; what else it requires is made up.
TEXT, NEW and COMMAND go to the end of the line, TEXT instead to the closing ``` where it opens
with one. Quotes of any kind around a part do not belong to it.

One step is taken in each turn, and the next when the result of the last is handed in. Where the
user also says "in parallel", all are taken at once. An instruction without a tool is passed over.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.simulator.answers import cues, schema
from app.simulator.answers.asking import Tool, Tooling
from app.simulator.answers.chance import Chance
from app.simulator.answers.compact import written
from app.simulator.answers.schema_reading import required

QUESTION_CHARS_MAX: Final = 20_000  # that are looked through for instructions
STEPS_MAX: Final = 32

_NAME: Final = r"""("[^"\n]+"|'[^'\n]+'|`[^`\n]+`|\S+)"""
_INSTRUCTION: Final = re.compile(
    rf"""
      \bwrite\ the\ file\ {_NAME}\ with(?::?\s*```[^\n]*\n(?P<block>.*?)```|:?\ (?P<text>[^\n]+))
    | \bedit\ the\ file\ {_NAME}:?\ replace\ (?P<old>[^\n]+?)\ with\ (?P<new>[^\n]+)
    | \bread\ the\ file\ {_NAME}
    | \brun:\ (?P<command>[^\n]+)
    | \buse\ the\ tool\ {_NAME}
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_QUOTES: Final = frozenset({'""', "''", "``"})
_PUNCTUATION: Final = ".,;:!?"
_DOING: Final[Mapping[str, str]] = {"write": "Writing", "edit": "Editing", "read": "Reading"}
_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "write": frozenset({"write", "write_file", "create_file"}),
    "edit": frozenset({"edit", "edit_file"}),
    "read": frozenset({"read", "read_file", "view_file"}),
    "run": frozenset({"bash", "shell", "run_command", "execute_command", "terminal"}),
}
_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("file_path", "path", "file", "name"),
    "text": ("content", "text", "data"),
    "old": ("old_string", "old"),
    "new": ("new_string", "new"),
    "command": ("command", "cmd", "script"),
}
"""What a property is called that takes the part; a name that contains one of them will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A tool to call: what is said with the call, and those of its arguments that were given."""

    said: str
    tool: Tool
    parts: Mapping[str, str]

    def arguments(self, chance: Chance) -> str:
        """Return the arguments as JSON, the ones required but not given made up to fit."""
        given = self.tool.arguments
        named = given.get("properties")
        properties: Mapping[str, object] = named if isinstance(named, dict) else {}
        known = {_property(part, properties): value for part, value in self.parts.items()}
        if not known:
            return written(schema.value({"type": "object", **given}, chance))
        missing = [name for name in required(given) if name not in known]
        rest = {name: properties.get(name, {}) for name in missing}
        made = {**given, "type": "object", "properties": rest, "required": missing}
        filled = schema.value(made, chance)
        return written({**known, **(filled if isinstance(filled, dict) else {})})


def due(question: str, tooling: Tooling, *, done: int) -> list[Step]:
    """Return the steps to take now: the next one, or all of them at once where that was asked for.

    Of them so many are `done`: one for each result handed in since the question.
    """
    steps = _steps(question, tooling.tools)
    if tooling.parallel and cues.heard(cues.IN_PARALLEL, question):
        return [] if done else steps
    return steps[done : done + 1]


def _steps(question: str, tools: tuple[Tool, ...]) -> list[Step]:
    found = _INSTRUCTION.finditer(question[:QUESTION_CHARS_MAX])
    steps = [_step(one, tools) for one in found]
    return [step for step in steps if step is not None][:STEPS_MAX]


def _step(found: re.Match[str], tools: tuple[Tool, ...]) -> Step | None:
    """Read one instruction; one for which no tool is offered is passed over."""
    verb = found[0].split(maxsplit=1)[0].rstrip(":").lower()
    name = _bare(next((group for group in found.groups() if group), ""), end=_PUNCTUATION)
    parts = {key: _bare(part) for key, part in found.groupdict().items() if part and key != "block"}
    if found["block"] is not None:
        parts["text"] = found["block"]
    if verb == "use":
        return _fitting(tools, lambda tool: tool.name == name, f"Using {name}.", {})
    said = f"Running {parts['command']}" if verb == "run" else f"{_DOING[verb]} {name}."
    if verb != "run":
        parts["path"] = name
    return _fitting(tools, lambda tool: _short(tool.name) in _NAMES[verb], said, parts)


def _fitting(
    tools: tuple[Tool, ...], fits: Callable[[Tool], bool], said: str, parts: Mapping[str, str]
) -> Step | None:
    tool = next(filter(fits, tools), None)
    return None if tool is None else Step(said=said, tool=tool, parts=parts)


def _short(name: str) -> str:
    """Leave out the server that a tool's name may begin with, as in `mcp__disk__write_file`."""
    return name.rpartition("__")[2].lower()


def _bare(part: str, *, end: str = "") -> str:
    """Take off the quotes around a part, and before that what only ends the sentence."""
    part = part.strip().rstrip(end) if end else part.strip()
    if len(part) > 1 and part[0] + part[-1] in _QUOTES:
        return part[1:-1]
    return part


def _property(part: str, properties: Mapping[str, object]) -> str:
    for hint in _PROPERTIES[part]:
        for name in properties:
            if hint in name.lower():
                return name
    return _PROPERTIES[part][0]
