"""A balance for so many calls carries so many, whoever asks for them at the same moment."""

from collections.abc import Callable

import pytest

from app.domain.job import Lane, OnEmpty
from app.gateway import Gateway
from app.services import read
from app.services.settle import Finished, settle
from app.services.start import Started, start
from tests.factories import Customer, answer, make_customer, make_draft, submit
from tests.services.book import HOLD_NANOS, make_lot, states
from tests.services.faults import at_once
from tests.services.funds import make_tokens

CALLS, PAID, THREADS = 500, 100, 24
TOKENS = 209
"""What one call holds of a lot of tokens."""


def one_lot(gateway: Gateway, owner: Customer) -> None:
    """All of it in one lot."""
    make_lot(gateway, owner, PAID * HOLD_NANOS)


def many_lots(gateway: Gateway, owner: Customer) -> None:
    """Lots that no hold fits into evenly, some of which end."""
    for number in range(9):
        make_lot(gateway, owner, 10 * HOLD_NANOS + number - 4, ends_in_s=900.0 * number or None)
    make_lot(gateway, owner, 10 * HOLD_NANOS)


def tokens(gateway: Gateway, owner: Customer) -> None:
    """A lot of tokens, each of which costs more than a nano-dollar, and not evenly."""
    make_tokens(gateway, owner, PAID * TOKENS, PAID * TOKENS * 1_000)


@pytest.mark.parametrize("balance", [one_lot, many_lots, tokens])
@pytest.mark.parametrize("on_empty", OnEmpty)
def test_a_balance_for_a_hundred_starts_a_hundred(
    open_another: Callable[..., Gateway],
    balance: Callable[[Gateway, Customer], None],
    on_empty: OnEmpty,
) -> None:
    """Of 500 calls, started one by one by 24 threads of three processes, exactly 100 begin."""
    workers = [open_another() for _ in range(3)]
    owner = make_customer(workers[0], "0")
    balance(workers[0], owner)
    lane = Lane.BATCH if on_empty is OnEmpty.WAIT else Lane.INTERACTIVE
    new = [make_draft(workers[0], owner, lane=lane, on_empty=on_empty) for _ in range(CALLS)]
    ids = submit(workers[0], owner, new).job_ids

    def call(number: int) -> tuple[tuple[Started, ...], int]:
        started = start(workers[number % 3], [ids[number]], f"w:{number}:w").started
        seen = read.balance(workers[number % 3], owner.account_id) if number % 10 == 0 else None
        return started, seen.available_nanos if seen else 0

    calls = at_once(call, range(CALLS), threads=THREADS)
    started = [job for some, _ in calls for job in some]
    refused = "waiting balance" if on_empty is OnEmpty.WAIT else "failed"
    assert len(started) == PAID
    assert states(workers[0]) == {"running": PAID, refused: CALLS - PAID}
    assert min(available for _, available in calls) >= 0
    settle(workers[0], [Finished(job=job, outcome=answer(109, 100)) for job in started])
    left = read.balance(workers[0], owner.account_id)
    assert (left.available_nanos, left.held_nanos) == (0, 0)
