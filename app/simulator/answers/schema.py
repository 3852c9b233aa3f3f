"""Values that fit a JSON schema: enough of the vocabulary for structured answers and tools."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from app.simulator.answers import words
from app.simulator.answers.chance import Chance
from app.simulator.answers.schema_reading import (
    Schema,
    Unfit,
    bounds,
    kind,
    merged,
    plainest,
    required,
    whole,
)

VALUES_MAX: Final = 5_000
DEPTH_MAX: Final = 64
TEXT_CHARS_MAX: Final = 10_000
ROOMY_DEPTH: Final = 5  # below it, what the schema leaves optional is left out
ROOMY_VALUES: Final = 500  # after so many values likewise
ITEMS: Final = 2  # in an array that may hold as many
HOPS_MAX: Final = 32  # from one `$ref` to the next
DRAWS_PER_ITEM_MAX: Final = 10  # until a unique one is found

_FORMATS: Final = {
    "date-time": "2026-03-14T09:26:53Z",
    "date": "2026-03-14",
    "time": "09:26:53Z",
    "duration": "PT90M",
    "email": "reader@example.com",
    "hostname": "host.example.com",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uri": "https://example.com/reading",
    "uuid": "3f2b8c1e-5d4a-4e6f-9a7b-1c2d3e4f5a6b",
}


def value(schema: Schema, chance: Chance) -> object:
    """Return a JSON value that fits the schema, the same one for the same draws.

    Understood are `type` (one or a list), `enum`, `const`, `anyOf`, `oneOf`, `allOf`, local `$ref`,
    properties and the required ones, items, the bounds of numbers, lengths and counts, and the
    common string formats; a `pattern` is not. Raises `Unfit` where nothing of a finite, reasonable
    size fits.
    """
    return _Filling(schema, chance).value(schema, 0)


class _Filling:
    """One walk over one schema, which grows frugal once it has become large or deep."""

    __slots__ = ("chance", "made", "root")

    def __init__(self, root: Schema, chance: Chance) -> None:
        self.root = root
        self.chance = chance
        self.made = 0

    def value(self, given: object, depth: int) -> object:
        self.made += 1
        if self.made > VALUES_MAX or depth > DEPTH_MAX:
            raise Unfit("The schema asks for an endless or an enormous value.")
        schema = self._resolved(given)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return options[self.chance.below(len(options))]
        for union in ("anyOf", "oneOf"):
            members = schema.get(union)
            if isinstance(members, list) and members:
                rest = {key: kept for key, kept in schema.items() if key != union}
                return self.value(merged(rest, self._member(members, depth)), depth + 1)
        return _MAKERS[kind(schema, roomy=self._roomy(depth))](self, schema, depth)

    def thing(self, schema: Schema, depth: int) -> dict[str, object]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        names = dict.fromkeys(known if self._roomy(depth) else ())
        names |= dict.fromkeys(required(schema))
        return {name: self.value(known.get(name, {}), depth + 1) for name in names}

    def array(self, schema: Schema, depth: int) -> list[object]:
        first = schema.get("prefixItems")
        kinds = first if isinstance(first, list) else []
        least = max(whole(schema.get("minItems"), 0), len(kinds))
        wanted = max(least, ITEMS if self._roomy(depth) else 0)
        number = min(wanted, max(least, whole(schema.get("maxItems"), wanted)))
        made: list[object] = []
        for draw in range(number * DRAWS_PER_ITEM_MAX):
            if len(made) == number:
                break
            item = self.value(kinds[draw] if draw < len(kinds) else schema.get("items"), depth + 1)
            if schema.get("uniqueItems") is not True or item not in made:
                made.append(item)
        if len(made) < least:
            raise Unfit("The schema asks for more unique items than were found.")
        return made

    def string(self, schema: Schema, _depth: int) -> str:
        shaped = _FORMATS.get(str(schema.get("format")))
        if shaped is not None:
            return shaped
        least = whole(schema.get("minLength"), 0)
        if least > TEXT_CHARS_MAX:
            raise Unfit(f"The schema asks for a text of more than {TEXT_CHARS_MAX} characters.")
        most = max(least, whole(schema.get("maxLength"), TEXT_CHARS_MAX))
        return words.phrase(self.chance, most).ljust(least, "x")

    def integer(self, schema: Schema, _depth: int) -> int:
        low, high, step = bounds(schema, whole_only=True)
        first, last = math.ceil(low / step), math.floor(high / step)
        if first > last:
            raise Unfit("The schema asks for a whole number between bounds that hold none.")
        return round(step * (first + self.chance.below(last - first + 1)))

    def number(self, schema: Schema, _depth: int) -> float:
        if "multipleOf" in schema:
            low, high, step = bounds(schema, whole_only=False)
            first, last = math.ceil(low / step), math.floor(high / step)
            return step * (first + self.chance.below(max(1, last - first + 1)))
        low, high, _ = bounds(schema, whole_only=False)
        if low > high:
            raise Unfit("The schema asks for a number between bounds that hold none.")
        # A number well inside the bounds fits whether or not they are exclusive.
        return low + (high - low) * (1 + self.chance.below(99)) / 100

    def boolean(self, _schema: Schema, _depth: int) -> bool:
        return self.chance.below(2) == 1

    def null(self, _schema: Schema, _depth: int) -> None:
        return None

    def _roomy(self, depth: int) -> bool:
        return depth < ROOMY_DEPTH and self.made < ROOMY_VALUES

    def _member(self, members: list[object], depth: int) -> Schema:
        if self._roomy(depth):
            return self._resolved(members[self.chance.below(len(members))])
        return plainest([self._resolved(member) for member in members])

    def _resolved(self, given: object, hops: int = 0) -> Schema:
        """Follow references and fold `allOf` in, so that one plain mapping is left."""
        self.made += 1
        if self.made > VALUES_MAX or hops > HOPS_MAX:
            raise Unfit("The schema's references go round in a circle.")
        schema: Schema = given if isinstance(given, dict) else {}
        reference, members = schema.get("$ref"), schema.get("allOf")
        if isinstance(reference, str):
            rest = {key: kept for key, kept in schema.items() if key != "$ref"}
            return self._resolved(merged(rest, self._pointed(reference)), hops + 1)
        if isinstance(members, list):
            schema = {key: kept for key, kept in schema.items() if key != "allOf"}
            for member in members:
                schema = merged(schema, self._resolved(member, hops + 1))
        return schema

    def _pointed(self, reference: str) -> Schema:
        found: object = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
        if not reference.startswith("#") or not isinstance(found, dict):
            raise Unfit(f"The schema's reference {reference[:100]!r} points nowhere.")
        return found


_MAKERS: Final[Mapping[str, Callable[[_Filling, Schema, int], object]]] = {
    "object": _Filling.thing,
    "array": _Filling.array,
    "string": _Filling.string,
    "integer": _Filling.integer,
    "number": _Filling.number,
    "boolean": _Filling.boolean,
    "null": _Filling.null,
}
