"""Caps: the most an account or a key may spend in a day or a month, in UTC, what is held included.

A window is what was held and spent under a cap in one such period. A hold belongs to the window in
which it was made, whenever it is settled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final


class CapScope(StrEnum):
    """What a cap binds. Batches will have caps of their own."""

    ACCOUNT = "account"
    KEY = "key"
    BATCH = "batch"


class Period(StrEnum):
    """How long a window lasts."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that `subject_id`, an account or a key, may spend in each window of a period."""

    id: str
    account_id: str
    scope: CapScope
    subject_id: str
    period: Period
    limit_nanos: int

    def binds(self, account_id: str, key_id: str) -> bool:
        """True when a job of that account and key counts under this cap."""
        return account_id == self.account_id and self.subject_id in (account_id, key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is held and spent under a cap in the period that began on `starts_on`.

    `resets_in_s` is when the next one begins, by the database's clock, where that was asked.
    """

    cap: Cap
    starts_on: date
    held_nanos: int
    spent_nanos: int
    resets_in_s: float | None = None

    @property
    def left_nanos(self) -> int:
        """What a new hold may still take; negative after overruns, or a cap that was lowered."""
        return self.cap.limit_nanos - self.held_nanos - self.spent_nanos

    def may_fit(self, nanos: int) -> bool:
        """True when a new hold fits once all that is held now is given back."""
        return self.spent_nanos + nanos <= self.cap.limit_nanos

    @property
    def resets_at(self) -> datetime:
        """When the next window begins."""
        return datetime.combine(_next(self.cap.period, self.starts_on), time(), tzinfo=UTC)


def window_start(period: Period, at: datetime) -> date:
    """Return the first day of the window that holds that moment, in UTC."""
    day = at.astimezone(UTC).date()
    return day if period is Period.DAY else day.replace(day=1)


def reserve(windows: Iterable[Window], nanos: int) -> list[Window] | Window:
    """Return the windows with `nanos` held in each; or the first one that has too little left.

    Where several have, that one which is the longest in the way: those that others only hold last.
    """
    found = list(windows)
    full = [window for window in found if window.left_nanos < nanos]
    if full:
        return max(full, key=lambda window: (not window.may_fit(nanos), window.resets_at))
    return [replace(window, held_nanos=window.held_nanos + nanos) for window in found]


def smallest(windows: Iterable[Window]) -> Window | None:
    """Return the window with the lowest limit: a hold above it never fits."""
    return min(windows, key=lambda window: window.cap.limit_nanos, default=None)


def _next(period: Period, starts_on: date) -> date:
    if period is Period.DAY:
        return starts_on + timedelta(days=1)
    return (starts_on.replace(day=1) + _A_MONTH).replace(day=1)


_A_MONTH: Final = timedelta(days=31)
