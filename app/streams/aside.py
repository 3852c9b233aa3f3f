"""A few threads beside those that must not wait."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any


class Aside:
    """Does work that may hang, in order, on at most so many threads; they begin when needed.

    The standard library's pool would not do: a process waits for its threads when it ends.
    """

    def __init__(self, name: str, threads_max: int) -> None:
        self._name = name
        self._threads_max = threads_max
        self._wanted: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0

    def do(
        self, work: Callable[[], Any], tell: Callable[[Future[Any]], None] | None = None
    ) -> None:
        """Begin `work` as soon as a thread is free; `tell` gets what became of it."""
        done: Future[Any] = Future()
        if tell is not None:
            done.add_done_callback(tell)
        self._wanted.put((work, done))
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._threads < self._threads_max:
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while True:
            _carry(*self._wanted.get())
            self._idle.release()


def _carry(work: Callable[[], Any], done: Future[Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  whoever asked is told of any
        done.set_exception(error)
    else:
        done.set_result(result)
