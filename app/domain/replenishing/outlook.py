"""Whether a balance that is too small will change by itself: 503, or 402.

The table is that of the seed's balance gate. A caller is told to come back only while that may
help; whatever needs a person is said at once.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.pricing import Price, Usage, cost, uncovered
from app.domain.replenishing.policy import FAILING_S_MAX, Policy, amount

RETRY_MIN_S: Final = 2.0
RETRY_MAX_S: Final = 30.0
HOLDS_MIN_S: Final = 1.0
HOLDS_MAX_S: Final = 10.0
HOLDS_ABOUT_S: Final = 2.0
"""What a call usually takes to give back what it holds above its cost."""


class Prospect(StrEnum):
    """What becomes of a balance that does not cover a job."""

    REPLENISHING = "replenishing"
    HOLDS = "holds"
    EMPTY = "empty"


class Hindrance(StrEnum):
    """Why no purchase will help; what a person would have to change."""

    NO_POLICY = "no_policy"
    NO_SOURCE = "no_source"
    LOCKED = "locked"
    COOLING = "cooling"
    FAILING = "failing"
    CAP = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account stands, as far as one job may draw on it. Amounts are nano-dollars.

    What its lots have when every open hold is given back: `settled_nanos` in money,
    `settled_tokens` in lots of tokens, and `worth_nanos` in all, tokens at what they cost.
    `under_way_s` is how long a purchase has been under way, `under_way_nanos` its amount;
    `bought_nanos` what was bought since the month began, that one included. `rested_s` is how long
    a purchase has been allowed since the last one ended; None when none has.
    """

    settled_nanos: int
    settled_tokens: int = 0
    worth_nanos: int = 0
    policy: Policy | None = None
    has_source: bool = True
    under_way_s: float | None = None
    under_way_nanos: int = 0
    bought_nanos: int = 0
    rested_s: float | None = None

    def in_money(self, bound: Usage, price: Price) -> int:
        """Return what a call of at most `bound` tokens needs beside lots of tokens."""
        return cost(uncovered(bound, self.settled_tokens), price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What to tell a caller whose job the balance does not cover.

    `retry_after_s` is None where coming back does not help. `should_buy`: a purchase can be
    asked for now.
    """

    prospect: Prospect
    retry_after_s: float | None = None
    should_buy: bool = False
    hindrance: Hindrance | None = None


def outlook(standing: Standing, bound: Usage, price: Price, *, jitter: float) -> Outlook:
    """Return the outlook of a job of at most `bound` tokens; `jitter` in [0, 1) spreads returns.

    Only holds are in the way where lots of tokens and then money would cover it, as
    `hold.draw_parts` draws them, if all that is held were given back.
    """
    lacking = standing.in_money(bound, price) - standing.settled_nanos
    hindrance = _hindrance(standing, lacking)
    if standing.under_way_s is not None and hindrance is None:
        wait_s = _between(RETRY_MIN_S, standing.under_way_s, RETRY_MAX_S, jitter)
        return Outlook(prospect=Prospect.REPLENISHING, retry_after_s=wait_s)
    if lacking <= 0:
        return Outlook(prospect=Prospect.HOLDS, retry_after_s=holds_s(jitter))
    if hindrance is not None or standing.policy is None:
        return Outlook(prospect=Prospect.EMPTY, hindrance=hindrance)
    cooling_s = standing.policy.cooling_s
    return Outlook(
        prospect=Prospect.REPLENISHING,
        retry_after_s=_between(RETRY_MIN_S, cooling_s, RETRY_MAX_S, jitter),
        should_buy=cooling_s <= 0,
    )


def holds_s(jitter: float) -> float:
    """Return when to come back, in seconds, for what only other calls hold."""
    return _between(HOLDS_MIN_S, HOLDS_ABOUT_S, HOLDS_MAX_S, jitter)


def _hindrance(standing: Standing, lacking_nanos: int) -> Hindrance | None:
    policy = standing.policy
    if policy is None:
        return Hindrance.NO_POLICY
    if not standing.has_source:
        return Hindrance.NO_SOURCE
    if policy.is_locked:
        return Hindrance.LOCKED
    if standing.under_way_s is None and policy.cooling_s > FAILING_S_MAX:
        return Hindrance.COOLING
    if max(_failing_s(standing, policy), standing.under_way_s or 0) > FAILING_S_MAX:
        return Hindrance.FAILING
    left = amount(policy, lacking_nanos=lacking_nanos, bought_nanos=standing.bought_nanos)
    return None if standing.under_way_nanos + left >= lacking_nanos else Hindrance.CAP


def _failing_s(standing: Standing, policy: Policy) -> float:
    """How long purchases have failed. What failed long before the next try says nothing of it."""
    is_over = standing.under_way_s is None and (standing.rested_s or 0) > FAILING_S_MAX
    return 0 if is_over else policy.failing_s or 0


def _between(least_s: float, about_s: float, most_s: float, jitter: float) -> float:
    """Return `about_s` and up to half more, so that not all return together, within limits."""
    return min(most_s, max(least_s, about_s) * (1 + jitter / 2))
