"""The prompts file of a run: every line is checked and becomes one job of `POST /v1/jobs`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from app.cli.running.reading.reasons import Reasons
from app.cli.running.reading.records import (
    Faulty,
    LineFault,
    RawLines,
    Record,
    csv_records,
    json_records,
)
from app.cli.running.reading.template import Template, as_text

LINES_MAX: Final = 1_000_000
"""Requests one run may hold."""
JOB_BYTES_MAX: Final = 8_000_000
"""The largest request that is sent, as JSON."""
CUSTOM_ID_CHARS_MAX: Final = 64
ENDPOINT: Final = "/v1/chat/completions"
"""The endpoint whose request bodies a prompts file holds."""


class Format(StrEnum):
    """How a prompts file is written."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How records become requests; whatever a record leaves open is filled from here."""

    format: Format = Format.JSONL
    template: Template | None = None
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request of the file: where it begins, and the job to submit, as JSON.

    `custom_id` is the one that the file gives it, by which its answer is told from the others. An
    `id` that stands in for one may be anything, also the same on two lines.
    """

    number: int
    job: bytes
    custom_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a file was found to hold: its digest, its requests, and the faults of all its lines."""

    sha256: str
    size: int
    lines: int
    faults: Reasons


def check(path: Path, form: Form) -> Checked:
    """Read the whole file once and keep nothing but its digest, its faults and its custom_ids.

    Raises OSError when it cannot be read.
    """
    faults = Reasons()
    lines = 0
    with path.open("rb") as file:
        raw = RawLines(file)
        for found in told_apart(read(raw, form)):
            if isinstance(found, Line):
                lines += 1
            else:
                faults.add(found)
        return Checked(sha256=raw.sha256, size=raw.size, lines=lines, faults=faults)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        raw = RawLines(file)
        for _ in raw:
            pass
        return raw.sha256


def read(raw: RawLines, form: Form) -> Iterator[Line | LineFault]:
    """Turn a file into requests, in its order, one at a time; a fault stands where a line cannot.

    Ends with a fault at the first line past LINES_MAX.
    """
    records = csv_records(raw) if form.format is Format.CSV else json_records(raw)
    for count, record in enumerate(records):
        if count == LINES_MAX:
            what = f"is past the {LINES_MAX:,} requests a run may hold; split the file"
            yield LineFault(number=record.number, what=what)
            return
        yield record if isinstance(record, LineFault) else _line(record, form)


def told_apart(lines: Iterable[Line | LineFault]) -> Iterator[Line | LineFault]:
    """Pass lines on; in the place of one whose custom_id an earlier one has stands a fault."""
    first_lines: dict[str, int] = {}
    return (_own(each, first_lines) for each in lines)


def _own(found: Line | LineFault, first_lines: dict[str, int]) -> Line | LineFault:
    """Return what was found, or the fault of a line whose custom_id an earlier one has."""
    if isinstance(found, LineFault) or found.custom_id is None:
        return found
    first = first_lines.setdefault(found.custom_id, found.number)
    if first == found.number:
        return found
    what = f"has the custom_id {found.custom_id!r}, as line {first} has; give each its own"
    return LineFault(number=found.number, what=what)


def _line(record: Record, form: Form) -> Line | LineFault:
    fields = record.fields
    try:
        job = _job(fields, form)
        given = fields.get("custom_id")
        custom_id = None if given in (None, "") else as_text(fields, "custom_id")
        return Line(number=record.number, job=job, custom_id=custom_id)
    except Faulty as fault:
        return LineFault(number=record.number, what=str(fault))


def _job(fields: dict[str, object], form: Form) -> bytes:
    if form.template is not None:
        custom_id = _custom_id_of_row(fields)
        content = form.template.fill(fields)
        body: dict[str, object] = {"messages": [{"role": "user", "content": content}]}
    else:
        custom_id = _custom_id(fields)
        plain = {name: value for name, value in fields.items() if name != "custom_id"}
        body = _batch_body(fields) if "body" in fields else plain
    job = {"endpoint": ENDPOINT, "body": _filled(body, form)}
    if custom_id is not None:
        job["custom_id"] = _checked_id(custom_id)
    try:
        text = json.dumps(job, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise Faulty("holds half of a surrogate pair, which is no character") from None
    if len(text) > JOB_BYTES_MAX:
        raise Faulty(f"makes a request of {len(text):,} bytes; {JOB_BYTES_MAX:,} are sent at most")
    return text


def _custom_id_of_row(fields: Mapping[str, object]) -> str | None:
    """Return what a row is called: its field `custom_id` or, without one, its field `id`."""
    named = [name for name in ("custom_id", "id") if fields.get(name) not in (None, "")]
    if not named:
        return None
    custom_id = as_text(fields, named[0])
    if named[0] == "id" and len(custom_id) > CUSTOM_ID_CHARS_MAX:
        what = f"has an id too long for a custom_id, which has {CUSTOM_ID_CHARS_MAX} characters"
        raise Faulty(f"{what} at most; rename that field to leave it out")
    return custom_id


def _custom_id(fields: Mapping[str, object]) -> str | None:
    value = fields.get("custom_id")
    if value is not None and not isinstance(value, str):
        raise Faulty("has a custom_id that is not a string")
    return value


def _checked_id(custom_id: str) -> str:
    if not 1 <= len(custom_id) <= CUSTOM_ID_CHARS_MAX:
        raise Faulty(f"has a custom_id that has not 1 to {CUSTOM_ID_CHARS_MAX} characters")
    if "\0" in custom_id:
        raise Faulty("has a custom_id with a NUL character")
    return custom_id


def _batch_body(fields: Mapping[str, object]) -> dict[str, object]:
    """Open a line as OpenAI's batch files hold them: custom_id, method, url, body."""
    body = fields["body"]
    if fields.get("method", "POST") != "POST":
        raise Faulty("has a method that is not POST")
    if fields.get("url", ENDPOINT) != ENDPOINT:
        raise Faulty(f"has a url that is not {ENDPOINT}")
    if not isinstance(body, dict):
        raise Faulty("has a body that is not an object")
    return dict(body)


def _filled(body: dict[str, object], form: Form) -> dict[str, object]:
    """Check what a run needs of a body, and add what the line leaves open."""
    if _fill(body, "model", form.model) is None:
        raise Faulty("names no model; give --model")
    if not isinstance(body["model"], str) or not body["model"]:
        raise Faulty("has a model that is no name")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        hint = "; give --template to make prompts of rows" if "messages" not in body else ""
        raise Faulty(f"has no list of messages{hint}")
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if not all(isinstance(role, str) and role for role in roles):
        raise Faulty("has a message without a role")
    if body.get("stream"):
        raise Faulty("asks for a stream; a run collects whole answers, so remove stream")
    if form.system is not None and not {"system", "developer"} & set(roles):
        body["messages"] = [{"role": "system", "content": form.system}, *messages]
    if body.get("max_completion_tokens") is None:
        _fill(body, "max_tokens", form.max_tokens)
    _fill(body, "temperature", form.temperature)
    return body


def _fill(body: dict[str, object], name: str, value: object) -> object:
    """Set what the line leaves open, and return what stands there then."""
    if body.get(name) is None and value is not None:
        body[name] = value
    return body.get(name)
