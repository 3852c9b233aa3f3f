"""One purchase of credit: its states, why it may fail, and what a funding source may answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PurchaseState(StrEnum):
    """Where a purchase is on its way."""

    REQUESTED = "requested"
    BUYING = "buying"
    DONE = "done"
    FAILED = "failed"


NEXT: Final[Mapping[PurchaseState, frozenset[PurchaseState]]] = {
    PurchaseState.REQUESTED: frozenset({PurchaseState.BUYING, PurchaseState.FAILED}),
    PurchaseState.BUYING: frozenset({PurchaseState.DONE, PurchaseState.FAILED}),
    PurchaseState.DONE: frozenset(),
    PurchaseState.FAILED: frozenset(),
}
"""The legal moves. Between two purchases of an account lies its policy's cooldown."""

UNDER_WAY: Final = frozenset({PurchaseState.REQUESTED, PurchaseState.BUYING})


class FailureReason(StrEnum):
    """Why a purchase failed; nobody was charged for it."""

    CHARGE_DECLINED = "charge_declined"
    MONTHLY_CAP_REACHED = "monthly_cap_reached"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def counts(self) -> bool:
        """True when it counts toward the lock: the source failed, not the policy."""
        return self not in (FailureReason.MONTHLY_CAP_REACHED, FailureReason.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The source has charged for the purchase. `reference` is its own name for the charge."""

    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The source has not charged, and never will under this id."""

    reason: FailureReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody can tell yet whether the source has charged; `why` is a symbol for the logs."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The source has never heard of this id."""


Asked = Bought | Declined | Unknown
"""What may come of asking to buy."""

Found = Bought | Declined | Unknown | Absent
"""What may come of a look-up."""

ASK_FOR_S: Final = 120
"""How old a purchase may be for one that the source has never heard of to be asked for again,
under the same id. Later it has timed out."""


class Step(StrEnum):
    """What to do with a purchase that is under way."""

    BUY = "buy"
    LOOK_UP = "look_up"


def first_step(state: PurchaseState) -> Step:
    """Return how to begin with a purchase: one that was asked for before is only looked up."""
    assert state in UNDER_WAY
    return Step.BUY if state is PurchaseState.REQUESTED else Step.LOOK_UP


def after_look_up(found: Found, *, age_s: float) -> Asked | None:
    """Return what a look-up settles; None when the purchase may be asked for again.

    An id that the source does not know is asked for again under the very same id, so that a first
    request which is still on its way cannot be charged beside the second.
    """
    if not isinstance(found, Absent):
        return found
    return Declined(reason=FailureReason.TIMED_OUT) if age_s > ASK_FOR_S else None
