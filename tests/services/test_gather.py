"""Group commit itself: who is carried, by whom, with what result."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from app.services.gather import Gather
from tests.simulator.running import eventually

TIMEOUT_S = 10


def _away() -> DBAPIError:
    return DBAPIError("SELECT 1", None, psycopg.errors.AdminShutdown())


def _too_long() -> DBAPIError:
    return DBAPIError("SELECT 1", None, psycopg.errors.QueryCanceled())


class Held:
    """Work that notes its groups and threads, and whose first group waits until it may go on.

    A group with -1 in it breaks, as does one of more than `most` items, with `error`.
    """

    def __init__(self, error: BaseException | None = None, *, most: int = 500) -> None:
        self.groups: list[list[int]] = []
        self.threads: list[int] = []
        self.go = threading.Event()
        self._error = error or ValueError("a bad item")
        self._most = most

    def __call__(self, items: Sequence[int]) -> list[int]:
        """Return the square of each item; -1 among them breaks the group."""
        self.groups.append(list(items))
        self.threads.append(threading.get_ident())
        if len(self.groups) == 1:
            assert self.go.wait(TIMEOUT_S)
        if -1 in items or (len(self.groups) > 1 and len(items) > self._most):
            raise self._error
        return [item * item for item in items]


def test_a_lone_caller_is_carried_by_its_own_thread() -> None:
    """With nobody else about, the work is done at once and where it was asked for."""
    gather = Gather[int, int](lambda items: [threading.get_ident() for _ in items])
    assert gather(1) == threading.get_ident()


def test_callers_that_come_meanwhile_go_together() -> None:
    """While the first is carried the others gather, and the next group takes them all."""
    work = Held()
    assert _carry(work, [0], [1, 2, 3]) == [0, 1, 4, 9]
    assert [sorted(group) for group in work.groups] == [[0], [1, 2, 3]]


def test_each_caller_gets_its_own_result() -> None:
    """Results go to their items, whatever the order in which callers came."""
    items = list(range(100))
    work = Held()
    assert _carry(work, items[:1], items[1:]) == [item * item for item in items]


def test_a_group_has_a_greatest_size() -> None:
    """Who does not fit in leads, or follows, the next group."""
    work = Held()
    assert _carry(work, [0], list(range(1, 8)), most=3) == [item * item for item in range(8)]
    assert [len(group) for group in work.groups] == [1, 3, 3, 1]


def test_a_group_has_a_greatest_weight() -> None:
    """Items go together up to so many bytes, and one that has more goes alone."""
    work = Held()
    items = [3, 4, 3, 11, 2, 8, 1]
    gather = Gather[int, int](work, size=lambda item: item, bytes_max=10)
    assert _carry(work, [0], items, gather=gather) == [item * item for item in [0, *items]]
    assert work.groups == [[0], [3, 4, 3], [11], [2, 8], [1]]


def test_an_error_reaches_only_the_caller_whose_fault_it_is() -> None:
    """A broken group is tried again in halves, until the bad item is found alone."""
    work = Held()
    outcomes = _carry(work, [0], [1, -1, 2, 3, 4])
    assert isinstance(outcomes.pop(2), ValueError)
    assert outcomes == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("error", [_away(), KeyboardInterrupt()], ids=["outage", "interrupt"])
def test_an_outage_reaches_every_caller_of_its_group(error: BaseException) -> None:
    """What is nobody's fault is not tried again: all who share the transaction hear of it."""
    work = Held(error)
    outcomes = _carry(work, [0], [1, -1, 2])
    assert (outcomes[0], outcomes[1:]) == (0, [error] * 3)
    assert len(work.groups) == 2


def test_a_group_that_takes_too_long_is_halved() -> None:
    """A transaction that ran into its time limit was perhaps too large: its halves may be not."""
    work = Held(_too_long(), most=4)
    items = list(range(1, 9))
    assert _carry(work, [0], items) == [item * item for item in [0, *items]]
    assert [len(group) for group in work.groups] == [1, 8, 4, 4]


def test_callers_do_not_wait_for_ever_for_a_slow_database() -> None:
    """After so many time-outs of one group whoever is left of it is told."""
    error = _too_long()
    work = Held(error, most=0)
    outcomes = _carry(work, [0], list(range(1, 9)))
    assert (outcomes[0], outcomes[1:]) == (0, [error] * 8)
    assert [len(group) for group in work.groups] == [1, 8, 4]


def test_an_error_stays_in_its_group() -> None:
    """Those who came before and after it are served."""
    work = Held()
    outcomes = _carry(work, [-1], [1, 2])
    assert isinstance(outcomes[0], ValueError)
    assert outcomes[1:] == [1, 4]


def test_work_that_forgets_a_result_is_an_error_for_all() -> None:
    """A result too few is found out, so that nobody is given another one's."""
    gather = Gather[int, int](lambda items: [1 for _ in items[1:]])
    with pytest.raises(ValueError, match="shorter"):
        gather(1)


def test_the_lead_is_handed_over() -> None:
    """A leader carries one group, its own; the next group is led by one of its callers."""
    work = Held()
    _carry(work, [0], list(range(1, 8)), most=3)
    assert len(set(work.threads)) == len(work.threads) == 4


def test_after_a_rest_it_serves_again() -> None:
    """A door that has been idle, or broken, serves the next caller."""
    gather = Gather[int, int](lambda items: [1 // item for item in items])
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            gather(0)
        assert gather(1) == 1


def test_many_threads_never_lock_each_other_out() -> None:
    """200 threads with 20 calls each, in groups of at most 7, all get their answers."""
    gather = Gather[int, int](lambda items: [item + 1 for item in items], most=7)
    gate = threading.Barrier(200)

    def call(number: int) -> bool:
        gate.wait(TIMEOUT_S)
        return all(gather(number + step) == number + step + 1 for step in range(20))

    with ThreadPoolExecutor(200) as pool:
        assert all(pool.map(call, range(200), timeout=60))


def _carry(
    work: Held,
    first: Sequence[int],
    later: Sequence[int],
    *,
    most: int = 500,
    gather: Gather[int, int] | None = None,
) -> list[int | BaseException]:
    """Let `first` be carried while `later` gathers behind it; return what each caller got."""
    gather = gather or Gather[int, int](work, most=most)
    with ThreadPoolExecutor(len(first) + len(later)) as pool:
        calls = [pool.submit(gather, item) for item in first]
        assert eventually(lambda: work.groups)
        for count, item in enumerate(later, 1):
            calls.append(pool.submit(gather, item))
            assert eventually(_gathered(gather, count))
        work.go.set()
        return [_outcome(call) for call in calls]


def _gathered(gather: Gather[int, int], count: int) -> Callable[[], bool]:
    return lambda: len(gather._gathered) == count


def _outcome(call: Future[int]) -> int | BaseException:
    return call.exception(TIMEOUT_S) or call.result()
