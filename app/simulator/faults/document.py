"""A document of faults read and checked: everything wrong with it is said at once."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias, TypeGuard

from app.simulator.faults.plan import DEFAULTS, DELAY_MS_MAX, Latency, Match, Plan, Rule

RULES_MAX: Final = 100
TIMES_MAX: Final = 1_000_000_000
ATTEMPTS_MAX: Final = 1_000_000
RETRY_AFTER_S_MAX: Final = 86_400
AFTER_EVENTS_MAX: Final = 1_000_000
MEGABYTES_MAX: Final = 1_024
EVERY_MS_MAX: Final = 60_000
SIGMA_MAX: Final = 5
SEED_MAX: Final = 2**63 - 1
TEXT_CHARS_MAX: Final = 1_000

Check: TypeAlias = Callable[[object], str | None]
Fields: TypeAlias = Mapping[str, Check]


class Faulty(Exception):
    """The document has problems: for each, where it is and what is wrong there."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where or 'document'}: {what}" for where, what in problems))
        self.problems = problems


def read(body: bytes) -> Plan:
    """Read a document of faults. Raises `Faulty` with all that is wrong with it."""
    try:
        given = json.loads(body, parse_constant=_refused)
    except (ValueError, RecursionError) as problem:
        raise Faulty([("", f"is not valid JSON: {problem}")]) from problem
    if not isinstance(given, dict):
        raise Faulty([("", "must be a JSON object; {} sets the defaults")])
    document: dict[str, Any] = {**DEFAULTS, **given}
    problems = _problems(document)
    if problems:
        raise Faulty(problems)
    rules = tuple(_rule(rule) for rule in document["rules"])
    latency = Latency(**document["latency"])
    return Plan(latency=latency, rules=rules, seed=document["seed"], document=document)


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _problems(document: Mapping[str, object]) -> list[tuple[str, str]]:
    found = list(_misfits(document, "", _DOCUMENT, needed=()))
    latency, rules = document["latency"], document["rules"]
    if isinstance(latency, dict):
        found += _latency_problems(latency)
    if isinstance(rules, list):
        for index, rule in enumerate(rules[:RULES_MAX]):
            found += _rule_problems(rule, f"rules[{index}]")
    return found


def _latency_problems(given: Mapping[str, object]) -> list[tuple[str, str]]:
    kind = str(given.get("kind", "fixed"))
    fields = _LATENCIES.get(kind, _union(_LATENCIES))
    needed = _NEEDED.get(kind, ()) if given else ()
    found = list(_misfits(given, "latency", {**_LATENCY, **fields}, needed=needed))
    low, high = given.get("min_ms"), given.get("max_ms")
    if _is_number(low) and _is_number(high) and low > high:
        found.append(("latency.max_ms", f"must be at least min_ms, which is {low}"))
    return found


def _rule_problems(given: object, where: str) -> list[tuple[str, str]]:
    if not isinstance(given, dict):
        return [(where, "must be an object")]
    fault = str(given.get("fault"))
    details = _DETAILS.get(fault, _union(_DETAILS))
    needed = ("fault", *_NEEDED.get(fault, ()))
    found = list(_misfits(given, where, {**_RULE, **details}, needed=needed))
    match = given.get("match")
    if isinstance(match, dict):
        found += _misfits(match, f"{where}.match", _MATCH, needed=())
    return found


def _misfits(
    given: Mapping[str, object], where: str, fields: Fields, *, needed: Iterable[str]
) -> Iterable[tuple[str, str]]:
    prefix = f"{where}." if where else ""
    for name in needed:
        if name not in given:
            yield f"{prefix}{name}", "is missing"
    for name, value in given.items():
        if name not in fields:
            yield f"{prefix}{name}", f"is not a field here; known are {', '.join(fields)}"
            continue
        wrong = fields[name](value)
        if wrong is not None:
            yield f"{prefix}{name}", wrong


def _rule(given: dict[str, Any]) -> Rule:
    return Rule(**{**given, "match": Match(**given.get("match", {}))})


def _union(kinds: Mapping[str, Fields]) -> Fields:
    return {name: check for fields in kinds.values() for name, check in fields.items()}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(low: float, high: float) -> Check:
    def check(value: object) -> str | None:
        fits = _is_number(value) and low <= value <= high
        return None if fits else f"must be a number from {low:g} to {high:g}"

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: object) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"must be a whole number from {low} to {high}"

    return check


def _one_of(names: Iterable[str]) -> Check:
    def check(value: object) -> str | None:
        fits = isinstance(value, str) and value in names
        return None if fits else f"must be one of {', '.join(names)}"

    return check


def _text(value: object) -> str | None:
    fits = isinstance(value, str) and 0 < len(value) <= TEXT_CHARS_MAX
    return None if fits else f"must be a text of 1 to {TEXT_CHARS_MAX} characters"


def _object(value: object) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def _rules(value: object) -> str | None:
    fits = isinstance(value, list) and len(value) <= RULES_MAX
    return None if fits else f"must be an array of at most {RULES_MAX} rules"


_delay: Final = _number(0, DELAY_MS_MAX)
_LATENCIES: Final[Mapping[str, Fields]] = {
    "fixed": {"ms": _delay},
    "uniform": {"min_ms": _delay, "max_ms": _delay},
    "lognormal": {"median_ms": _delay, "sigma": _number(0, SIGMA_MAX), "max_ms": _delay},
}
_DETAILS: Final[Mapping[str, Fields]] = {
    "status": {
        "status": _whole(400, 599),
        "retry_after_s": _whole(0, RETRY_AFTER_S_MAX),
        "code": _text,
    },
    "hang": {},
    "garbage": {},
    "truncated": {},
    "slow_drip": {"every_ms": _number(0, EVERY_MS_MAX)},
    "wrong_usage": {"usage": _one_of(("missing", "negative", "absurd", "null", "cached"))},
    "empty": {"empty": _one_of(("choices", "content"))},
    "reset": {},
    "huge": {"megabytes": _whole(1, MEGABYTES_MAX)},
    "cut_stream": {
        "after_events": _whole(0, AFTER_EVENTS_MAX),
        "ending": _one_of(("end", "error", "garbage", "hang", "reset")),
        "status": _whole(400, 599),
        "code": _text,
    },
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "fixed": (),
    "uniform": ("min_ms", "max_ms"),
    "lognormal": ("median_ms", "sigma"),
    "status": ("status",),
}
_DOCUMENT: Final[Fields] = {
    "latency": _object,
    "rules": _rules,
    "seed": _whole(-SEED_MAX, SEED_MAX),
}
_LATENCY: Final[Fields] = {"kind": _one_of(_LATENCIES), "chunk_ms": _delay}
_RULE: Final[Fields] = {
    "fault": _one_of(_DETAILS),
    "share": _number(0, 1),
    "times": _whole(1, TIMES_MAX),
    "match": _object,
}
_MATCH: Final[Fields] = {
    "model": _text,
    "contains": _text,
    "attempt_max": _whole(1, ATTEMPTS_MAX),
}
