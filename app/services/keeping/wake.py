"""Wake jobs that wait for their balance, as soon as their account can pay for them.

They do not look by themselves: an account that has run dry with a hundred thousand lines would keep
everybody busy with refusals. The keeper looks at each such account instead.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from app.gateway import Gateway
from app.services.keeping.rounds import rounds
from app.store.engine import again, statement
from app.store.keeping import waking
from app.store.keeping.waking import SHARES, Waiting

ACCOUNTS_MAX: Final = 1_000
"""Accounts (with an instrument each) one tick looks at; the next tick goes on with the others."""

INSTRUMENTS_MAX: Final = 100
"""Instruments of one account looked at when it gets a deposit."""

_woken = Counter("busbar_jobs_woken_total", "Jobs that waited for a balance which now covers them.")


def wake(gateway: Gateway) -> int:
    """Wake jobs of the next accounts that can pay; return how many. Safe to repeat at any time."""
    standing = rounds(gateway)
    with statement(gateway.engine) as conn:
        found = waking.waiting(conn, after=standing.account, limit=ACCOUNTS_MAX)
    woken = _wake(gateway, found)
    last = found[-1] if len(found) == ACCOUNTS_MAX else None
    standing.account = (last.account_id, last.instrument) if last else ("", "")
    return woken


def wake_account(gateway: Gateway, account_id: str) -> int:
    """Wake the first of one account's jobs; return how many. The keeper wakes the rest."""
    with statement(gateway.engine) as conn:
        found = waking.waiting(conn, after=(account_id, ""), limit=INSTRUMENTS_MAX)
    return _wake(gateway, [each for each in found if each.account_id == account_id])


def _wake(gateway: Gateway, found: Sequence[Waiting]) -> int:
    prices = {name: it.price for name, it in gateway.catalog.instruments.items()}
    able = [
        (each, each.worth(prices.get(each.instrument)))
        for each in found
        if each.can_go_on(prices.get(each.instrument))
    ]
    if not able:
        return 0
    share = next((share for share in SHARES if share * len(able) <= SHARES[0]), SHARES[-1])

    def write() -> int:
        with statement(gateway.engine) as conn:
            return waking.wake(conn, able, share=share)

    woken = again(write)
    _woken.inc(woken)
    return woken
