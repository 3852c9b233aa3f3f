"""Fields checked one by one, and the words in which the vendor finds fault with them."""

from collections.abc import Iterator, Mapping

from app.simulator.answers.asking import Refused

Block = Mapping[str, object]


def bad(where: str, what: str) -> Refused:
    """Return the refusal of a field."""
    return Refused(400, f"{where}: {what}", param=where)


def whole(value: object, where: str, *, least: int) -> int:
    """Return a whole number that must be there. Raises `Refused` where it is not."""
    if value is None:
        raise bad(where, "Field required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad(where, "Input should be a valid integer")
    if value < least:
        raise bad(where, f"Input should be greater than or equal to {least}")
    return value


def blocks(given: object, where: str) -> Iterator[tuple[str, Block]]:
    """Yield each block of a content with its place. Raises `Refused` for what is no block."""
    if not isinstance(given, list):
        raise bad(where, "Input should be a valid string or a valid array")
    for index, block in enumerate(given):
        place = f"{where}.{index}"
        if not isinstance(block, dict):
            raise bad(place, "Input should be an object")
        if not isinstance(block.get("type"), str):
            raise bad(f"{place}.type", "Field required")
        yield place, block


def said(block: Block, where: str) -> str:
    """Return the text of a text block, which must say something."""
    text = block.get("text")
    if not isinstance(text, str):
        raise bad(f"{where}.text", "Input should be a valid string")
    if not text:
        raise Refused(400, f"{where}: text content blocks must be non-empty", param=where)
    if text.isspace():
        what = f"{where}: text content blocks must contain non-whitespace text"
        raise Refused(400, what, param=where)
    return text
