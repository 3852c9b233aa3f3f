"""Faults and delays on demand: what is set, and what it does to one call."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from app.simulator.answers.chance import share

MS_PER_S: Final = 1_000
DELAY_MS_MAX: Final = 600_000.0

DEFAULTS: Final[Mapping[str, object]] = {
    "latency": {"kind": "fixed", "ms": 0},
    "rules": [],
    "seed": 0,
}

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long an answer takes to begin, and how far apart the chunks of a stream are."""

    kind: str = "fixed"
    ms: float = 0.0
    min_ms: float = 0.0
    max_ms: float = DELAY_MS_MAX
    median_ms: float = 0.0
    sigma: float = 0.0
    chunk_ms: float = 0.0

    @property
    def fixed(self) -> bool:
        """True when every answer takes the same time, so that none need be drawn."""
        return self.kind == "fixed"

    def drawn_ms(self, drawn: float) -> float:
        """Return the delay that belongs to a number in [0, 1)."""
        if self.kind == "uniform":
            return self.min_ms + (self.max_ms - self.min_ms) * drawn
        if self.kind == "lognormal":
            spread = self.sigma * _NORMAL.inv_cdf(max(drawn, 1e-12))
            return min(self.median_ms * math.exp(spread), self.max_ms)
        return self.ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a draw depends on: the same call meets the same fate in every run."""

    job: str
    attempt: int
    model: str
    prompt: str
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which calls a rule is about; what is None does not matter."""

    model: str | None = None
    contains: str | None = None
    attempt_max: int | None = None

    def meets(self, call: Call) -> bool:
        """Say whether a call is one of them."""
        return (
            (self.model is None or self.model == call.model)
            and (self.attempt_max is None or call.attempt <= self.attempt_max)
            and (self.contains is None or self.contains in call.prompt)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault, the share of matching calls it befalls, and the details of its kind."""

    fault: str
    share: float = 1.0
    times: int | None = None
    match: Match = field(default_factory=Match)
    status: int = 503
    retry_after_s: int | None = None
    code: str | None = None
    usage: str = "missing"
    empty: str = "choices"
    every_ms: float = 5.0
    megabytes: int = 64
    after_events: int | None = None
    ending: str = "end"

    def concerns(self, call: Call) -> bool:
        """Say whether the rule is about a call; only a stream can be cut in the middle."""
        return (call.stream or self.fault != "cut_stream") and self.match.meets(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole document of settings, and the JSON it was read from."""

    latency: Latency = field(default_factory=Latency)
    rules: tuple[Rule, ...] = ()
    seed: int = 0
    document: Mapping[str, object] = field(default_factory=lambda: DEFAULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What befalls one call: a delay, and perhaps a fault."""

    delay_s: float
    rule: Rule | None


class Faults:
    """The plan in force, and how often each of its rules has been used."""

    def __init__(self) -> None:
        self.set(Plan())

    def set(self, plan: Plan) -> None:
        """Put a plan in force, from the beginning."""
        self.plan = plan
        self.quiet = not plan.rules and plan.latency == Latency(chunk_ms=plan.latency.chunk_ms)
        self._used = [0] * len(plan.rules)
        self._nameless = 0

    def fate(self, call: Call) -> Fate:
        """Decide what befalls a call: the first rule that matches it and is drawn.

        A call without a job id is numbered in the order of arrival instead.
        """
        name = call.job
        if not name:
            self._nameless += 1
            name = f"#{self._nameless}"
        latency = self.plan.latency
        drawn = 0.0 if latency.fixed else share(self.plan.seed, name, call.attempt, "latency")
        delay_s = latency.drawn_ms(drawn) / MS_PER_S
        for index, rule in enumerate(self.plan.rules):
            if rule.times is not None and self._used[index] >= rule.times:
                continue
            if rule.concerns(call) and self._drawn(rule, name, call.attempt, index):
                self._used[index] += 1
                return Fate(delay_s=delay_s, rule=rule)
        return Fate(delay_s=delay_s, rule=None)

    def _drawn(self, rule: Rule, name: str, attempt: int, index: int) -> bool:
        return rule.share >= 1 or share(self.plan.seed, name, attempt, index) < rule.share
