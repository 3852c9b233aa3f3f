"""What a request asks of its limits, and what they say: all of them, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import RateLimited
from app.domain.limits.bucket import MINUTE_S, seconds_for
from app.domain.limits.limit import Limit, Measure

CALLS_RETRY_S: Final = 1.0
"""When to ask again for a call's seat: nobody knows when one of the open calls will end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a request takes of one limit; a seat of one that counts calls."""

    limit: Limit
    amount: int

    def as_guest(self) -> "Demand":
        """Return what it takes when it only joins a call that is open: to have asked."""
        taken = self.amount if self.limit.measure is Measure.REQUESTS else 0
        return Demand(limit=self.limit, amount=taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The name under which an open call is counted.

    Where `joins`, a call that has the name already is the same call, tried again by a client that
    gave it up: both have one seat. Else it is another one that happens to be equal, and `spare` is
    the name of the second seat.
    """

    name: str
    spare: str
    joins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that one request asks of the limits of its account; `seat` where it stays open."""

    account_id: str
    demands: tuple[Demand, ...]
    seat: Seat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One limit after it was asked: how much of it is used, and whether it lacks what it was asked.

    `lacks` is by how much it falls short; more than 0 only in a refusal.
    """

    limit: Limit
    used: float
    amount: int
    lacks: float

    @property
    def remaining(self) -> int:
        """What is left of the limit, in whole requests, tokens or calls."""
        return max(0, int(self.limit.most - self.used))

    @property
    def reset_s(self) -> float:
        """How long until all of it is there again; calls do not tell."""
        return seconds_for(self.used, self.limit.most)

    @property
    def wait_s(self) -> float:
        """How long until it has what it was asked for: a minute at the most."""
        if self.lacks <= 0:
            return 0.0
        if self.limit.measure is Measure.CALLS:
            return CALLS_RETRY_S
        return min(seconds_for(self.lacks, self.limit.most), float(MINUTE_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether all demands were granted. `seat` is the seat that was taken, if one was.

    `alone` says that this process decided by its share, without knowing what the others grant.
    """

    granted: bool
    readings: tuple[Reading, ...] = ()
    seat: str | None = None
    guest: bool = False
    alone: bool = False


def judge(
    demands: Sequence[Demand],
    used: Sequence[float],
    *,
    seat: str | None = None,
    guest: bool = False,
    alone: bool = False,
) -> Verdict:
    """Grant all demands or none, given how much of each limit is used; take nothing yet.

    The seat a guest sits on is another call's, so it has none to give back.
    """
    asked = [demand.as_guest() for demand in demands] if guest else demands
    lacks = [
        each.amount + before - each.limit.most if each.amount > 0 else 0.0
        for each, before in zip(asked, used, strict=True)
    ]
    granted = all(lack <= 0 for lack in lacks)
    readings = tuple(
        Reading(
            limit=each.limit,
            used=max(0.0, before + each.amount) if granted else before,
            amount=each.amount,
            lacks=max(0.0, lack),
        )
        for each, before, lack in zip(asked, used, lacks, strict=True)
    )
    has_seat = granted and not guest
    return Verdict(
        granted=granted,
        readings=readings,
        seat=seat if has_seat else None,
        guest=guest,
        alone=alone,
    )


def refusal(verdict: Verdict) -> RateLimited:
    """Return the error that tells which limit refused, what it is, and when to come again."""
    worst = max(verdict.readings, key=lambda reading: reading.wait_s)
    message = _sentence(worst)
    if verdict.alone:
        message += " (For the moment each process grants only its share of the limit.)"
    return RateLimited(message, retry_after_s=worst.wait_s)


def _sentence(reading: Reading) -> str:
    scope, most = reading.limit.scope, reading.limit.most
    if reading.limit.measure is Measure.CALLS:
        return (
            f"Too many calls at once: this {scope} may have {most} open and has them;"
            " try again as soon as one of them has ended."
        )
    what = reading.limit.measure
    counts = f"this request counts for {reading.amount} (its prompt and answer, estimated)"
    brings = counts if what is Measure.TOKENS else f"this request brings {reading.amount}"
    return (
        f"Too many {what}: this {scope} may use {most} {what} a minute, {reading.remaining} are"
        f" left, and {brings}; try again in {_seconds(reading.wait_s)},"
        f" all {most} are back in {_seconds(reading.reset_s)}."
    )


def _seconds(seconds: float) -> str:
    return f"{max(seconds, 0.001):.3f}".rstrip("0").rstrip(".") + " s"
