"""What is to go wrong at the till."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

TIMES_MAX: Final = 1_000_000_000
LATENCY_MS_MAX: Final = 600_000
RULES_MAX: Final = 100
STATUSES: Final = range(400, 600)
FAULTS: Final = {
    "purchase": ("decline", "status", "lost", "silent", "stuck"),
    "lookup": ("status", "lost", "stuck"),
}
DEFAULTS: Final[dict[str, Any]] = {"latency_ms": 0, "rules": []}


class Faulty(Exception):
    """The document has a problem; the message says where."""


@dataclass(slots=True)
class Rule:
    """One fault, and how many calls it still befalls."""

    fault: str
    on: str
    status: int
    left: int


@dataclass(slots=True)
class Faults:
    """The document in force."""

    document: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    rules: list[Rule] = field(default_factory=list)

    @property
    def latency_s(self) -> float:
        """What comes before each charge."""
        return float(self.document["latency_ms"]) / 1_000

    def befall(self, on: str) -> Rule | None:
        """Return the rule that befalls this call, and count it."""
        for rule in self.rules:
            if rule.on == on and rule.left > 0:
                rule.left -= 1
                return rule
        return None


def read(body: bytes) -> Faults:
    """Read a document. Raises `Faulty`."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError) as problem:
        raise Faulty(f"document: is not valid JSON: {problem}") from problem
    if not isinstance(given, dict) or set(given) - set(DEFAULTS):
        raise Faulty(f"document: must be an object with {', '.join(DEFAULTS)}")
    document = {**DEFAULTS, **given}
    latency, rules = document["latency_ms"], document["rules"]
    if not _is_number(latency) or not 0 <= latency <= LATENCY_MS_MAX:
        raise Faulty(f"latency_ms: must be a number from 0 to {LATENCY_MS_MAX}")
    if not isinstance(rules, list) or len(rules) > RULES_MAX:
        raise Faulty(f"rules: must be a list of at most {RULES_MAX}")
    read_rules = [_rule(rule, f"rules[{index}]") for index, rule in enumerate(rules)]
    return Faults(document=document, rules=read_rules)


def _rule(given: object, where: str) -> Rule:
    if not isinstance(given, dict) or set(given) - {"fault", "on", "status", "times"}:
        raise Faulty(f"{where}: must be an object with fault, on, status, times")
    on, status, times = (
        given.get("on", "purchase"),
        given.get("status", 500),
        given.get("times", TIMES_MAX),
    )
    if on not in FAULTS:
        raise Faulty(f"{where}.on: must be one of {', '.join(FAULTS)}")
    if given.get("fault") not in FAULTS[on]:
        raise Faulty(f"{where}.fault: must be one of {', '.join(FAULTS[on])} on a {on}")
    if status not in STATUSES:
        raise Faulty(f"{where}.status: must be an error's, 400 to 599")
    if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times <= TIMES_MAX:
        raise Faulty(f"{where}.times: must be a whole number from 0 to {TIMES_MAX}")
    return Rule(fault=given["fault"], on=on, status=status, left=times)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
