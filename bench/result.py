"""Rows, goals and what was measured: the line people read and the record programs read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from bench.cost import Spent

OWN: Final = ("web", "worker", "postgres", "valkey")
"""The processes that are the gateway. The simulator and the client only share its machine."""


class RowFailed(Exception):
    """The row gives no figure, or one that must not be believed; the message says why."""


class TimeUp(RowFailed):
    """Something did not come to be in the time it was given."""


class Verdict(StrEnum):
    """Below its goal a row has still run; failed, it has not."""

    OK = "ok"
    BELOW = "below"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on one value of the record: `key` names it, `sign` is ≥, ≤ or <."""

    key: str
    sign: str
    bound: float
    unit: str
    label: str = ""

    def is_met(self, value: float) -> bool:
        """True when the value is on the right side of the bound."""
        if self.sign == "≥":
            return value >= self.bound
        return value < self.bound if self.sign == "<" else value <= self.bound

    @property
    def text(self) -> str:
        """The goal as docs and lines spell it."""
        return f"{self.label} {self.sign} {self.bound:,g} {self.unit}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a row measured.

    Memory is in MB by process; `about` is the process whose memory and CPU the row is about.
    `target` replaces the bound of the row's first goal where only the run can tell it. `more` holds
    values of the row's own.
    """

    figure: float
    operations: int
    seconds: float
    about: str
    spent: Spent
    rss_mb: Mapping[str, float]
    commit_ms: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    target: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a row is run: at a share of its full size, after others of the same invocation.

    `ends_at` is when it has to be done, on the monotonic clock.
    """

    size: float
    ends_at: float
    earlier: Mapping[str, Measured]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to measure. The first goal is the figure's."""

    name: str
    what: str
    unit: str
    goals: tuple[Goal, ...]
    measure: Callable[[Run], Measured]

    @property
    def goal(self) -> str:
        """All goals in one line."""
        return ", ".join(goal.text for goal in self.goals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a row: something measured, or why nothing was."""

    row: Row
    measured: Measured | None
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether every goal was met."""
        if self.measured is None:
            return Verdict.FAILED
        met = all(_is_met(goal, self.measured) for goal in self.row.goals)
        return Verdict.OK if met else Verdict.BELOW

    def record(self) -> dict[str, object]:
        """Return the row as `--json` keeps it. What was not measured is left out."""
        head: dict[str, object] = {"row": self.row.name, "verdict": self.verdict.value}
        found = self.measured
        if found is None:
            return {**head, "error": self.error}
        first = self.row.goals[0]
        return {
            **head,
            "figure": _rounded(found.figure),
            "unit": self.row.unit,
            "target": _rounded(first.bound if found.target is None else found.target),
            **_present(p50_ms=found.p50_ms, p99_ms=found.p99_ms),
            **_present(cpu_ms_per_op=cpu_total(found), rss_mb=found.rss_mb.get(found.about)),
            **_present(other_cores=found.spent.other_cores),
            "cpu_ms_per_op_by_process": {k: _rounded(v) for k, v in found.spent.cpu_ms.items()},
            "rss_mb_by_process": {k: _rounded(v) for k, v in found.rss_mb.items()},
            "operations": found.operations,
            "seconds": _rounded(found.seconds),
            "commit_ms": _rounded(found.commit_ms),
            "doctor_findings": 0,
            **{name: _rounded(value) for name, value in found.more.items()},
            **({"note": found.note} if found.note else {}),
        }

    def line(self) -> str:
        """Return the row as people read it."""
        name = f"{self.row.name:<12}"
        found = self.measured
        if found is None:
            return f"{name} failed: {self.error}"
        parts = [
            f"{name} {number(found.figure):>7} {self.row.unit:<6}",
            f"{self.verdict.value:<6}({self._goal_line(found)})",
            *_times(found),
            *(f"{name.replace('_', ' ')} {number(value)}" for name, value in found.more.items()),
            *_costs(found),
            *([found.note] if found.note else []),
            "doctor clean",
        ]
        return "  ".join(parts)

    def _goal_line(self, found: Measured) -> str:
        if found.target is None:
            return self.row.goal
        return f"{self.row.goal} = {number(found.target)} {self.row.unit}"


def cpu_total(found: Measured) -> float | None:
    """Return the CPU of the gateway's own processes together; None where it cannot be known."""
    own = [found.spent.cpu_ms[name] for name in OWN if name in found.spent.cpu_ms]
    return sum(own) if own else None


def number(value: float) -> str:
    """Return a number as short as it stays useful."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _is_met(goal: Goal, found: Measured) -> bool:
    """True when the goal is met, or when this system does not tell the value it is about."""
    values: dict[str, float | None] = {
        "figure": found.figure,
        "p99_ms": found.p99_ms,
        "rss_mb": found.rss_mb.get(found.about),
        "cpu_ms": found.spent.cpu_ms.get(found.about),
        **found.more,
    }
    if goal.key == "figure" and found.target is not None:
        goal = replace(goal, bound=found.target)
    value = values.get(goal.key)
    return value is None or goal.is_met(value)


def _times(found: Measured) -> list[str]:
    named = (("p50", found.p50_ms), ("p99", found.p99_ms))
    return [f"{name} {number(value)} ms" for name, value in named if value is not None]


def _costs(found: Measured) -> list[str]:
    total = cpu_total(found)
    if total is None:
        return []
    split = " ".join(f"{name} {value:.2f}" for name, value in found.spent.cpu_ms.items())
    rss = " ".join(f"{name} {number(value)}" for name, value in found.rss_mb.items())
    costs = [f"CPU {total:.2f} ms/op ({split})", *([f"RSS MB {rss}"] if rss else [])]
    other = found.spent.other_cores
    return costs if other is None else [*costs, f"other load {other:.2f} cores"]


def _present(**values: float | None) -> dict[str, float]:
    return {name: _rounded(value) for name, value in values.items() if value is not None}


def _rounded(value: float) -> float:
    return round(value, 4)
