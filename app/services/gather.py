"""Group commit: while one transaction runs, others gather; the next takes them all.

One caller alone goes at once, in its own thread, so an idle gateway pays nothing for it. Under load
the cost of a transaction is shared by everybody who came while the last one ran. What a transaction
cannot carry as a whole is carried in parts.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from app.services.outage import as_unavailable

GROUP_MAX: Final = 500
"""Callers one transaction serves at most."""
GROUP_BYTES_MAX: Final = 16_000_000
"""Bytes one transaction carries at most, unless a single item has more."""
TIMEOUTS_MAX: Final = 2
"""Time limits one group runs into before whoever is left of it is told; each takes 10 s. With 0 no
group is ever taken apart."""

TIME_LIMIT: Final = "57014"
"""SQLSTATE of a statement that was cancelled, here always by its time limit."""

T = TypeVar("T")
R = TypeVar("R")


class _Caller(Generic[T, R]):
    __slots__ = ("error", "group", "item", "result", "turn")

    def __init__(self, item: T) -> None:
        self.item = item
        self.turn = threading.Lock()
        self.turn.acquire()
        self.group: list[_Caller[T, R]] = []
        self.result: R | None = None
        self.error: BaseException | None = None


class Gather(Generic[T, R]):
    """Turns concurrent calls with one item each into few calls of `work` with many.

    `work` returns one result per item, in order. `size` says how many bytes an item brings, where
    that matters. An error of `work` is raised in every caller whose item cannot be told apart from
    the one at fault: see `in_parts`.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        most: int = GROUP_MAX,
        size: Callable[[T], int] | None = None,
        bytes_max: int = GROUP_BYTES_MAX,
        timeouts_max: int = TIMEOUTS_MAX,
    ) -> None:
        self._work = work
        self._most = most
        self._size = size
        self._bytes_max = bytes_max
        self._timeouts_max = timeouts_max
        self._lock = threading.Lock()
        self._gathered: list[_Caller[T, R]] = []
        self._busy = False

    def __call__(self, item: T) -> R:
        """Hand in one item and return its result once its group is done."""
        caller: _Caller[T, R] = _Caller(item)
        with self._lock:
            if self._busy:
                self._gathered.append(caller)
            else:
                self._busy = True
                caller.group = [caller]
        if not caller.group:
            caller.turn.acquire()
        if caller.group:
            self._lead(caller.group)
        if caller.error is not None:
            raise caller.error
        return caller.result  # type: ignore[return-value]  # set by _lead for every caller

    def _lead(self, group: Sequence[_Caller[T, R]]) -> None:
        """Carry one group, whose first item is this thread's own, then pass the lead on."""
        carried = 0
        for part in in_parts(self._carry, group, timeouts_max=self._timeouts_max):
            carried += len(part.items)
            if carried == len(group):
                self._pass_on()
            for caller in part.items:
                caller.error = part.error
                if caller is not group[0]:
                    caller.turn.release()

    def _carry(self, callers: Sequence[_Caller[T, R]]) -> None:
        results = self._work([caller.item for caller in callers])
        for caller, result in zip(callers, results, strict=True):
            caller.result = result

    def _pass_on(self) -> None:
        with self._lock:
            count = self._following()
            following = self._gathered[:count]
            del self._gathered[:count]
            self._busy = bool(following)
        if following:
            following[0].group = following
            following[0].turn.release()

    def _following(self) -> int:
        if self._size is None:
            return self._most
        sizes = (self._size(caller.item) for caller in self._gathered)
        return fitting(sizes, most=self._most, bytes_max=self._bytes_max)


def fitting(sizes: Iterable[int], *, most: int, bytes_max: int) -> int:
    """Return how many of these go together, from the first on: one at least, if there is one."""
    count = total = 0
    for size in islice(sizes, most):
        total += size
        if count and total > bytes_max:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Part(Generic[T, R]):
    """Items that were worked on together, and what came of them: a result, or an error."""

    items: Sequence[T]
    result: R | None = None
    error: BaseException | None = None


def in_parts(
    work: Callable[[Sequence[T]], R], items: Sequence[T], *, timeouts_max: int
) -> Iterator[Part[T, R]]:
    """Do `work` with all items at once, and with halves of them where that fails; in order.

    So one bad item fails by itself, and what was too much for the database's time limit goes in
    pieces. What fails while the database is away fails with all that is left, as it does after
    `timeouts_max` time limits: then it is slow rather than asked for too much.
    """
    left, most, timeouts = [items], len(items), 0
    while left:
        part = left.pop()
        if len(part) > most:
            left += _halves(part)
            continue
        try:
            done = Part(part, result=work(part))
        except BaseException as error:  # noqa: BLE001  each item's owner must hear of it
            if ran_out_of_time(error):
                timeouts, most = timeouts + 1, max(1, len(part) // 2)
            if len(part) > 1 and timeouts < timeouts_max and _may_be_one_items_fault(error):
                left += _halves(part)
                continue
            done = Part(part, error=error)
        yield done
        if done.error is not None and _fails_all(done.error):
            yield from (Part(each, error=done.error) for each in reversed(left))
            return


def ran_out_of_time(error: BaseException) -> bool:
    """True when a statement ran into its time limit: slow database, or too much at once."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == TIME_LIMIT


def _may_be_one_items_fault(error: BaseException) -> bool:
    return ran_out_of_time(error) or not _fails_all(error)


def _fails_all(error: BaseException) -> bool:
    return not isinstance(error, Exception) or as_unavailable(error) is not None


def _halves(part: Sequence[T]) -> list[Sequence[T]]:
    """Return the second half and the first, so that a stack gives the first one back first."""
    middle = len(part) // 2
    return [part[middle:], part[:middle]]
