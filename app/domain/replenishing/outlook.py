"""Whether a balance that is too small will change by itself: 503, or 402.

The table is that of the seed's balance gate. A caller is told to come back only while that may
help; whatever needs a person is said at once.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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
    FAILING = "failing"
    CAP = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account stands, in nano-dollars, as far as one job may draw on it.

    `settled_nanos` is what it has when every open hold is given back: available and held.
    `under_way_s` is how long a purchase has been under way, `under_way_nanos` its amount;
    `bought_nanos` what was bought since the month began, that one included.
    """

    settled_nanos: int
    policy: Policy | None = None
    has_source: bool = True
    under_way_s: float | None = None
    under_way_nanos: int = 0
    bought_nanos: int = 0


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


def outlook(standing: Standing, needed_nanos: int, *, jitter: float) -> Outlook:
    """Return the outlook of a job that needs `needed_nanos`; `jitter` in [0, 1) spreads returns."""
    lacking = needed_nanos - standing.settled_nanos
    hindrance = _hindrance(standing, lacking)
    holds_only = lacking <= 0
    if standing.under_way_s is not None and hindrance is None:
        wait_s = _between(RETRY_MIN_S, standing.under_way_s, RETRY_MAX_S, jitter)
        return Outlook(prospect=Prospect.REPLENISHING, retry_after_s=wait_s)
    if holds_only:
        wait_s = _between(HOLDS_MIN_S, HOLDS_ABOUT_S, HOLDS_MAX_S, jitter)
        return Outlook(prospect=Prospect.HOLDS, retry_after_s=wait_s)
    if hindrance is not None or standing.policy is None:
        return Outlook(prospect=Prospect.EMPTY, hindrance=hindrance)
    cooling_s = standing.policy.cooling_s
    return Outlook(
        prospect=Prospect.REPLENISHING,
        retry_after_s=_between(RETRY_MIN_S, cooling_s, RETRY_MAX_S, jitter),
        should_buy=cooling_s <= 0,
    )


def _hindrance(standing: Standing, lacking_nanos: int) -> Hindrance | None:
    policy = standing.policy
    if policy is None:
        return Hindrance.NO_POLICY
    if not standing.has_source:
        return Hindrance.NO_SOURCE
    if policy.is_locked:
        return Hindrance.LOCKED
    if max(policy.failing_s or 0, standing.under_way_s or 0) > FAILING_S_MAX:
        return Hindrance.FAILING
    left = amount(policy, lacking_nanos=lacking_nanos, bought_nanos=standing.bought_nanos)
    return None if standing.under_way_nanos + left >= lacking_nanos else Hindrance.CAP


def _between(least_s: float, about_s: float, most_s: float, jitter: float) -> float:
    """Return `about_s` and up to half more, so that not all return together, within limits."""
    return min(most_s, max(least_s, about_s) * (1 + jitter / 2))
