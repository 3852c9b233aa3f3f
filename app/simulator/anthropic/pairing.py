"""The vendor's rule that every tool use has its result, first thing in the next user turn."""

from collections.abc import Iterator, Mapping, Sequence

from app.simulator.answers.asking import Refused
from app.simulator.anthropic.fields import Block


def check(messages: Sequence[Mapping[str, object]]) -> None:
    """Refuse what leaves a tool use without its result or a result without its use.

    Turns of one role in a row are one turn; a system message inside the conversation is no turn.
    """
    owed: list[str] = []
    made_at, heard, spoken = 0, False, False
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            if owed and heard:
                raise _unanswered(owed, made_at)
            owed += [str(block["id"]) for _, block in _blocks(message, "tool_use")]
            made_at, heard, spoken = index, False, False
        elif message["role"] == "user":
            heard = True
            spoken = _answered(message, index, owed=owed, spoken=spoken)
    if owed:
        raise _unanswered(owed, made_at)


def _answered(message: Mapping[str, object], index: int, *, owed: list[str], spoken: bool) -> bool:
    """Strike off what a message of the user answers; return whether the user has spoken by then."""
    for at, block in _blocks(message, "tool_result", "text"):
        if block["type"] == "text":
            spoken = True
            continue
        wanted = str(block.get("tool_use_id"))
        if wanted not in owed:
            raise _unexpected(wanted, f"messages.{index}.content.{at}")
        if spoken:
            raise _unanswered(owed, index)
        owed.remove(wanted)
    return spoken or isinstance(message["content"], str)


def _blocks(message: Mapping[str, object], *kinds: str) -> Iterator[tuple[int, Block]]:
    content = message["content"]
    for at, block in enumerate(content if isinstance(content, list) else ()):
        if block["type"] in kinds:
            yield at, block


def _unanswered(owed: list[str], index: int) -> Refused:
    what = (
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(owed)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message."
    )
    return Refused(400, what, param=f"messages.{index}")


def _unexpected(wanted: str, where: str) -> Refused:
    what = (
        f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {wanted}. Each "
        "`tool_result` block must have a corresponding `tool_use` block in the previous message."
    )
    return Refused(400, what, param=where)
