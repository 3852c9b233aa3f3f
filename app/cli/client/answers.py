"""What the gateway answers, checked: jobs, balances, refusals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import Fault
from app.domain.job import FINAL
from app.domain.money import parse_dollars

MESSAGE_CHARS_MAX: Final = 500
"""How much of an answer that is not the gateway's is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account has, in nano-dollars: to spend, set aside, and spent so far."""

    available_nanos: int
    held_nanos: int
    spent_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """A job as the gateway shows it; `cost` is the decimal string it came as."""

    id: str
    status: str
    reason: str | None
    custom_id: str | None
    usage: dict[str, object] | None
    cost: str | None
    response: dict[str, object] | None
    error: dict[str, object] | None

    @property
    def is_final(self) -> bool:
        """True when nothing about the job will change any more."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What an answer says of the limits on a key: what they are a minute, and what is left.

    None stands where there is no such limit.
    """

    requests_max: int | None = None
    requests_left: int | None = None
    tokens_max: int | None = None

    def lacking(self, jobs: int) -> str | None:
        """Return the limit that has no room for so many jobs; None where nothing tells which."""
        if self.requests_left is not None and self.requests_left < jobs:
            return f"{self.requests_max} requests a minute"
        return None if self.tokens_max is None else f"{self.tokens_max} tokens a minute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Jobs that the gateway has made: their ids, in the order they were submitted."""

    ids: Sequence[str]
    room: Room


class Limited(Exception):
    """A limit on the key has no room for the jobs right now; none of them was made by this try.

    `pause_s` is how long to wait, in seconds. `after_doubt` is True when an earlier try of the same
    call may have been carried out.
    """

    def __init__(self, *, room: Room, pause_s: float, after_doubt: bool) -> None:
        super().__init__()
        self.room = room
        self.pause_s = pause_s
        self.after_doubt = after_doubt


class Refused(Exception):
    """The gateway answered, and the answer is no (or is none that a gateway gives).

    `param` is the part of the request that it is about, where it is about one. `after_doubt` is
    True when an earlier try of the same call may have been carried out.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        param: str | None = None,
        faults: tuple[Fault, ...] = (),
        after_doubt: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.faults = faults
        self.after_doubt = after_doubt


def to_json(body: bytes, *, status: int, after_doubt: bool) -> dict[str, object]:
    """Read the body of an answer. Raises Refused when its status says no, or it is no object."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    known = value if isinstance(value, dict) else None
    if 200 <= status < 300 and known is not None:
        return known
    error = _object(known or {}, "error") or {}
    message = _text(error, "message")
    if message is None:
        shown = body[:MESSAGE_CHARS_MAX].decode(errors="replace").strip() or "an empty body"
        message = f"Not an answer of Busbar (status {status}): {shown}. Is the base URL right?"
    raise Refused(
        message,
        status=status,
        code=_text(error, "code"),
        param=_text(error, "param"),
        faults=_faults(error.get("faults")),
        after_doubt=after_doubt,
    )


def to_jobs(answer: dict[str, object]) -> list[JobSeen]:
    """Read a list of jobs. Raises Refused when it is none."""
    data = answer.get("data")
    if not isinstance(data, list):
        raise _strange("a list of jobs")
    return [to_job(job) for job in data]


def to_job(job: object) -> JobSeen:
    """Read a job. Raises Refused when it is none."""
    if not isinstance(job, dict):
        raise _strange("a job")
    identifier, status, cost = _text(job, "id"), _text(job, "status"), _text(job, "cost")
    if identifier is None or status is None:
        raise _strange("a job")
    if cost is not None:
        _nanos(cost)
    return JobSeen(
        id=identifier,
        status=status,
        reason=_text(job, "reason"),
        custom_id=_text(job, "custom_id"),
        usage=_object(job, "usage"),
        cost=cost,
        response=_object(job, "response"),
        error=_object(job, "error"),
    )


def to_balance(answer: dict[str, object]) -> Balance:
    """Read a balance. Raises Refused when it is none."""
    return Balance(
        available_nanos=_nanos(answer.get("available")),
        held_nanos=_nanos(answer.get("held")),
        spent_nanos=_nanos(answer.get("spent")),
    )


def to_room(headers: Mapping[str, str]) -> Room:
    """Read the headers that tell of limits, as OpenAI names them ("Rate limits")."""
    return Room(
        requests_max=_number(headers, "x-ratelimit-limit-requests"),
        requests_left=_number(headers, "x-ratelimit-remaining-requests"),
        tokens_max=_number(headers, "x-ratelimit-limit-tokens"),
    )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None


def _nanos(text: object) -> int:
    if not isinstance(text, str):
        raise _strange("an amount of money")
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * parse_dollars(text.removeprefix("-"))
    except ValueError:
        raise _strange("an amount of money") from None


def _strange(wanted: str) -> Refused:
    return Refused(f"The gateway's answer holds no {wanted.removeprefix('a ')}.", status=200)


def _faults(value: object) -> tuple[Fault, ...]:
    found = [fault for fault in value if isinstance(fault, dict)] if isinstance(value, list) else []
    return tuple(
        Fault(
            where=_text(fault, "where") or "",
            what=_text(fault, "what") or "",
            index=fault["index"] if isinstance(fault.get("index"), int) else None,
        )
        for fault in found
    )


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _object(fields: dict[str, object], name: str) -> dict[str, object] | None:
    value = fields.get(name)
    return value if isinstance(value, dict) else None
