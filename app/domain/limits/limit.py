"""Limits: requests and tokens a minute, and calls open at once, of a key and of its account."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LIMIT_MAX: Final = 1_000_000_000
"""The largest limit that can be set; more is no limit, which is said by leaving it out."""


class Scope(StrEnum):
    """Whom a limit binds."""

    KEY = "key"
    ACCOUNT = "account"


class Measure(StrEnum):
    """What a limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CALLS = "calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one key or account; None where there is none."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_calls: int | None = None

    def over(self, defaults: "Limits") -> "Limits":
        """Return these limits, with the defaults where they say nothing."""
        return Limits(
            requests_per_minute=_first(self.requests_per_minute, defaults.requests_per_minute),
            tokens_per_minute=_first(self.tokens_per_minute, defaults.tokens_per_minute),
            concurrent_calls=_first(self.concurrent_calls, defaults.concurrent_calls),
        )

    def of(self, measure: Measure) -> int | None:
        """Return the limit of that measure, or None."""
        if measure is Measure.REQUESTS:
            return self.requests_per_minute
        return self.tokens_per_minute if measure is Measure.TOKENS else self.concurrent_calls


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: at most `most` of the measure, for the key or the account whose id `owner` is.

    Requests and tokens are a minute's worth; calls are those open at the same time.
    """

    scope: Scope
    owner: str
    measure: Measure
    most: int

    def share(self, processes: int) -> "Limit":
        """Return what one of so many processes may grant by itself: never nothing."""
        return Limit(
            scope=self.scope,
            owner=self.owner,
            measure=self.measure,
            most=max(1, self.most // processes),
        )


def _first(own: int | None, default: int | None) -> int | None:
    return default if own is None else own
