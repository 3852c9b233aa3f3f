"""When an account buys credit by itself, how much, and what a failure does to it."""

from dataclasses import dataclass, replace
from typing import Final

from app.domain.replenishing.purchase import FailureReason

FAILURES_MAX: Final = 3
"""Purchases that fail one after the other before an operator has to look at it."""

FAILING_S_MAX: Final = 300
"""How long callers are told to come back while purchases fail, do not end, or may not begin."""

CENT_NANOS: Final = 10_000_000

CHARGE_NANOS_MIN: Final = 500_000_000
"""What a month has left below this is not bought any more, unless so little is bought at a time:
cards are not charged less. Source: Stripe's manual, "Minimum and maximum charge amounts", USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one account, and where it stands with them. Amounts are nano-dollars.

    `cooling_s` and `failing_s` are seconds by the database's clock: until the next purchase may
    be asked for, and since purchases have failed (None: the last one did not).
    """

    threshold_nanos: int
    amount_nanos: int
    monthly_cap_nanos: int
    failures: int = 0
    failing_s: float | None = None
    cooling_s: float = 0
    is_locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """What a failed purchase leaves behind."""

    failures: int
    is_locked: bool
    is_newly_locked: bool


def amount(policy: Policy, *, lacking_nanos: int, bought_nanos: int) -> int:
    """Return what to buy: what is configured or what waits, never more than the month has left.

    Whole cents: nobody charges parts of them. `bought_nanos` is what was bought since the month
    began, what is being bought included. Nothing (0) when the month has too little left to charge.
    """
    left = (policy.monthly_cap_nanos - bought_nanos) // CENT_NANOS * CENT_NANOS
    if left < min(CHARGE_NANOS_MIN, _whole_cents(policy.amount_nanos)):
        return 0
    return min(left, _whole_cents(max(policy.amount_nanos, lacking_nanos)))


def setback(policy: Policy, reason: FailureReason) -> Setback:
    """Return the failures to note, and whether they lock the policy."""
    failures = policy.failures + (1 if reason.counts else 0)
    locks = policy.is_locked or failures >= FAILURES_MAX
    return Setback(
        failures=failures, is_locked=locks, is_newly_locked=locks and not policy.is_locked
    )


def unlocked(policy: Policy) -> Policy:
    """Return the policy as an operator leaves it who has mended the cause."""
    return replace(policy, failures=0, failing_s=None, cooling_s=0, is_locked=False)


def _whole_cents(nanos: int) -> int:
    return -(-nanos // CENT_NANOS) * CENT_NANOS
