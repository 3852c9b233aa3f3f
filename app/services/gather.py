"""Group commit: while one transaction runs, others gather; the next takes them all.

One caller alone goes at once, in its own thread, so an idle gateway pays nothing for it. Under load
the cost of a transaction is shared by everybody who came while the last one ran.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

GROUP_MAX: Final = 500
"""Callers one transaction serves at most."""

T = TypeVar("T")
R = TypeVar("R")


class _Caller(Generic[T, R]):
    __slots__ = ("error", "item", "leads", "result", "turn")

    def __init__(self, item: T) -> None:
        self.item = item
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = False
        self.result: R | None = None
        self.error: BaseException | None = None


class Gather(Generic[T, R]):
    """Turns concurrent calls with one item each into few calls of `work` with many.

    `work` returns one result per item, in order. An error of `work` is raised in every caller of
    that group.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, most: int = GROUP_MAX
    ) -> None:
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._gathered: list[_Caller[T, R]] = []
        self._busy = False

    def __call__(self, item: T) -> R:
        """Hand in one item and return its result once its group is done."""
        caller: _Caller[T, R] = _Caller(item)
        with self._lock:
            self._gathered.append(caller)
            leads, self._busy = not self._busy, True
        if not leads:
            caller.turn.acquire()
        if leads or caller.leads:
            self._lead()
        if caller.error is not None:
            raise caller.error
        return caller.result  # type: ignore[return-value]  # set by _lead for every caller

    def _lead(self) -> None:
        """Carry one group, which holds this thread's own item, then pass the lead on."""
        with self._lock:
            group = self._gathered[: self._most]
            del self._gathered[: self._most]
        try:
            results = self._work([caller.item for caller in group])
            for caller, result in zip(group, results, strict=True):
                caller.result = result
        except BaseException as error:  # noqa: BLE001  every caller of the group must hear of it
            for caller in group:
                caller.error = error
        with self._lock:
            self._busy = bool(self._gathered)
            if self._gathered:
                self._gathered[0].leads = True
                self._gathered[0].turn.release()
        for caller in group:
            if caller.turn.locked():
                caller.turn.release()
