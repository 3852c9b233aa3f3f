"""A prompts file as records: raw lines, strict JSON, CSV. Every fault knows its line."""

import csv
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Final, NoReturn

LINE_BYTES_MAX: Final = 8_000_000
"""The longest line that is read."""
DEPTH_MAX: Final = 61
"""How deep a line may be nested: the gateway reads 64 levels, the call around it takes three."""

_DELIMITERS: Final = (",", ";", "\t")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of JSONL or one row of CSV; `number` is the line of the file it begins on."""

    number: int
    fields: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFault:
    """What is wrong with a line of the file, said so that it can follow "line 17 "."""

    number: int
    what: str


class Faulty(ValueError):
    """A line that cannot be used; the message says why."""


class RawLines:
    """The lines of a file, counted and hashed as they are read; None stands for one too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        """Bytes read so far."""

    @property
    def sha256(self) -> str:
        """The digest of what was read so far, in hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        number = 0
        while piece := self._piece():
            number += 1
            line = piece.removeprefix(_BOM) if number == 1 else piece
            whole = len(piece) <= LINE_BYTES_MAX
            while len(piece) > LINE_BYTES_MAX and not piece.endswith(b"\n"):
                piece = self._piece()
            yield number, line if whole else None

    def _piece(self) -> bytes:
        piece = self._file.readline(LINE_BYTES_MAX + 1)
        self._digest.update(piece)
        self.size += len(piece)
        return piece


def json_records(lines: RawLines) -> Iterator[Record | LineFault]:
    """Read JSONL: one object per line, blank lines skipped, no repeated names, no NaN."""
    for number, raw in lines:
        if raw is not None and not raw.strip():
            continue
        try:
            yield Record(number=number, fields=_object(_text(raw)))
        except Faulty as fault:
            yield LineFault(number=number, what=str(fault))


def csv_records(lines: RawLines) -> Iterator[Record | LineFault]:
    """Read CSV: the first row names the fields; fields in quotes may span lines.

    What separates them, a comma, a semicolon or a tab, is seen in the first row.
    """
    csv.field_size_limit(LINE_BYTES_MAX)
    unreadable: list[LineFault] = []
    texts = _texts(lines, unreadable)
    begin = _begin(texts)
    delimiter = _delimiter(begin[-1] if begin else "")
    reader = csv.reader(chain(begin, texts), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
            if header is not None and row and not unreadable:
                yield Record(number=number, fields=_row(header, row))
            elif row and not unreadable:
                header = _header(row)
        except StopIteration:
            return
        except csv.Error as error:
            unreadable.append(LineFault(number=number, what=f"is not CSV: {error}"))
        except Faulty as fault:
            unreadable.append(LineFault(number=number, what=str(fault)))
        if unreadable:
            yield from unreadable
            unreadable.clear()
            if header is None:  # without its names no row can be read
                return


def _text(raw: bytes | None) -> str:
    if raw is None:
        raise Faulty(f"is longer than {LINE_BYTES_MAX:,} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Faulty(f"is not UTF-8 at byte {error.start + 1}") from None


def _object(text: str) -> dict[str, object]:
    try:
        value = _STRICT.decode(text.rstrip(" \t\r\n"))
    except json.JSONDecodeError as error:
        raise Faulty(f"is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise Faulty(f"is nested deeper than {DEPTH_MAX} levels") from None
    except Faulty:
        raise
    except ValueError:  # Python's own limit on the digits of an integer
        raise Faulty("is not JSON: a number has too many digits") from None
    if not isinstance(value, dict):
        raise Faulty("is not a JSON object")
    # Counting brackets is cheap and almost always enough; only then is the depth measured.
    if text.count("[") + text.count("{") > DEPTH_MAX and _is_deep(value):
        raise Faulty(f"is nested deeper than {DEPTH_MAX} levels")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Faulty(f"has {repeated!r} twice in one object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Faulty(f"is not usable: the number {text[:40]} is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise Faulty(f"is not JSON: {name} is no JSON number")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant
)


def _is_deep(value: dict[str, object]) -> bool:
    level: list[object] = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _texts(lines: RawLines, unreadable: list[LineFault]) -> Iterator[str]:
    for number, raw in lines:
        try:
            yield _text(raw)
        except Faulty as fault:
            unreadable.append(LineFault(number=number, what=str(fault)))
            yield "\n"


def _begin(texts: Iterator[str]) -> list[str]:
    """Return the lines up to the first that is not blank."""
    begin: list[str] = []
    for text in texts:
        begin.append(text)
        if text.strip():
            break
    return begin


def _delimiter(header: str) -> str:
    """Return what cuts the header into most names; a comma, unless another cuts it into more."""
    return max(_DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each), [])))


def _header(row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    if "" in names:
        raise Faulty(f"names no field in column {names.index('') + 1} of the header")
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise Faulty(f"names the field {repeated!r} twice in the header")
    return names


def _row(header: list[str], row: list[str]) -> dict[str, object]:
    if len(row) != len(header):
        raise Faulty(f"has {len(row)} fields where the header names {len(header)}")
    return dict(zip(header, row, strict=True))
