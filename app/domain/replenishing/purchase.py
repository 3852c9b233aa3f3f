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
    PurchaseState.FAILED: frozenset({PurchaseState.DONE}),
}
"""The legal moves. Between two purchases of an account lies its policy's cooldown. One that has
failed is done after all where the source turns out to have charged for it."""

UNDER_WAY: Final = frozenset({PurchaseState.REQUESTED, PurchaseState.BUYING})


class FailureReason(StrEnum):
    """Why a purchase failed; as far as is known, nobody was charged for it."""

    CHARGE_DECLINED = "charge_declined"
    MONTHLY_CAP_REACHED = "monthly_cap_reached"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def counts(self) -> bool:
        """True when it counts toward the lock: the source judged the account, or lost its call.

        What the policy forbids does not, nor a source that nobody could reach.
        """
        return self not in (
            FailureReason.MONTHLY_CAP_REACHED,
            FailureReason.WITHDRAWN,
            FailureReason.UNREACHABLE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The source has charged for the purchase. `reference` is its own name for the charge."""

    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The source has not charged for what it was just asked, and will not."""

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
"""How long after it was first asked for a purchase that the source has never heard of is asked for
again, under the same id. Later it has timed out."""

LOOK_BACK_S: Final = 86_400
"""How long after it was first asked for a purchase that timed out is still looked up: a source may
be late to charge."""

LOOK_UP_S_MAX: Final = 600
"""The longest between two look-ups of a purchase."""

LOOK_UPS_PER_AGE: Final = 4
"""Between two look-ups lies this part of a purchase's age: the older it is, the rarer they are."""

_NOT_ASKED: Final = frozenset({FailureReason.UNREACHABLE, FailureReason.REFUSED})


class Step(StrEnum):
    """What to do with a purchase that is under way."""

    BUY = "buy"
    LOOK_UP = "look_up"


def first_step(state: PurchaseState) -> Step:
    """Return how to begin with a purchase: one that was asked for before is only looked up."""
    assert state is not PurchaseState.DONE
    return Step.BUY if state is PurchaseState.REQUESTED else Step.LOOK_UP


def after_look_up(found: Found, *, age_s: float) -> Asked | None:
    """Return what a look-up settles; None when the purchase may be asked for again.

    An id that the source does not know is asked for again under the very same id, so that a first
    request which is still on its way cannot be charged beside the second. `age_s` counts from the
    first request, and is what it was when the purchase was taken up: it takes a lease of silence
    until then, so what has timed out was not asked for just now.
    """
    if not isinstance(found, Absent):
        return found
    return Declined(reason=FailureReason.TIMED_OUT) if age_s > ASK_FOR_S else None


def after_repetition(asked: Asked) -> Asked:
    """Return what came of asking again. An earlier request may still be charged.

    So a source that cannot be reached now, or will not hear this one, leaves it open.
    """
    if isinstance(asked, Declined) and asked.reason in _NOT_ASKED:
        return Unknown(why=asked.reason.value)
    return asked
