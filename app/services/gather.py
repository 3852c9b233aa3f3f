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
        try:
            results = self._work([caller.item for caller in group])
            for caller, result in zip(group, results, strict=True):
                caller.result = result
        except BaseException as error:  # noqa: BLE001  every caller of the group must hear of it
            for caller in group:
                caller.error = error
        self._pass_on()
        for caller in group[1:]:
            caller.turn.release()

    def _pass_on(self) -> None:
        with self._lock:
            following = self._gathered[: self._most]
            del self._gathered[: self._most]
            self._busy = bool(following)
        if following:
            following[0].group = following
            following[0].turn.release()
