"""Jobs that wait for their balance: which accounts can pay for some now, and their waking.

They are looked for by account, in steps, and never one by one: an account that has run dry may have
a hundred thousand of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Connection,
    Integer,
    Numeric,
    Select,
    Text,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)

from app.domain.pricing import Price, Usage, cost, uncovered
from app.store.prepared import Prepared, records, rows
from app.store.starting.starts import NANOS_MAX
from app.store.tables import IS_DRAWABLE, jobs, lots, number, word

SHARES: Final = (2_000, 200, 20, 2)
"""How many jobs of one account may be woken at once. A limit is part of a statement's text, so that
it is planned for; few different ones keep few plans."""

WOKEN_MAX: Final = 5_000
"""Woken jobs of one account that nobody has claimed yet; no more are woken beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An account with jobs of one instrument that wait for its balance.

    `least_nanos` is what the cheapest of them needs and `bound` the most tokens it may come to;
    `drawable_nanos` and `drawable_tokens` are what lots of money and of tokens have for it.
    """

    account_id: str
    instrument: str
    least_nanos: int
    drawable_nanos: int
    drawable_tokens: int
    bound: Usage

    def can_go_on(self, price: Price | None) -> bool:
        """True when the balance covers the cheapest of these jobs; `price` is that of today."""
        return self.drawable_nanos >= self.least_nanos - self._spared(price)

    def worth(self, price: Price | None) -> int:
        """What the balance is worth to these jobs, tokens at what they cost the cheapest of them.

        Jobs of other shapes make of that more or less; whoever is woken in vain waits again.
        """
        tokens = self.bound.input_tokens + self.bound.output_tokens
        average = self.drawable_tokens * self.least_nanos // tokens if price else 0
        return self.drawable_nanos + max(average, self._spared(price))

    def _spared(self, price: Price | None) -> int:
        """What lots of tokens spare the cheapest job."""
        if price is None or not self.drawable_tokens:
            return 0
        rest = cost(uncovered(self.bound, self.drawable_tokens), price)
        return max(0, self.least_nanos - rest)


def waiting(conn: Connection, *, after: tuple[str, str], limit: int) -> list[Waiting]:
    """Return up to `limit` accounts and instruments with such jobs, those after `after`, in order.

    One look at the index for each, however many jobs it has.
    """
    account_id, instrument = after
    found = _WAITING(conn, account_id=account_id, instrument=instrument, most=limit)
    return [
        Waiting(
            account_id=row.account_id,
            instrument=row.instrument,
            least_nanos=row.needed_nanos,
            drawable_nanos=row.drawable_nanos,
            drawable_tokens=row.drawable_tokens,
            bound=Usage(input_tokens=row.input_tokens_max, output_tokens=row.output_tokens_max),
        )
        for row in found
    ]


def wake(conn: Connection, able: Sequence[tuple[Waiting, int]], *, share: int) -> int:
    """Queue up to `share` jobs of each of `able`, the cheapest first; return how many.

    Each comes with what its balance is worth. No more than that covers beside the jobs that were
    woken before and not claimed yet, so that few are woken in vain. Rows another transaction works
    on are left out.
    """
    entries = [(each.account_id, each.instrument, min(worth, NANOS_MAX)) for each, worth in able]
    named = records("w", entries, "account_id", "instrument", "drawable_nanos")
    return _WAKE[share](conn, **named).rowcount


def _short(state: str) -> Any:
    """The rows of the index of jobs that lack balance, in one of its two states."""
    return (jobs.c.state == word(state)) & (jobs.c.needed_nanos > number(0))


def _waiting() -> Prepared:
    first = _next(bindparam("account_id", type_=Text()), bindparam("instrument", type_=Text()))
    pairs = select(first.subquery("first")).cte("pairs", recursive=True)
    following = _next(pairs.c.account_id, pairs.c.instrument).lateral("following")
    pairs = pairs.union_all(select(following).select_from(pairs.join(following, true())))
    looked = (
        select(pairs)
        .limit(bindparam("most", type_=Integer()))
        .cte("looked")
        .prefix_with("MATERIALIZED")
    )
    left = lots.c.amount_nanos - lots.c.used_nanos - lots.c.held_nanos
    in_money = func.sum(left).filter(lots.c.tokens.is_(None))
    in_tokens = func.sum(_available_tokens(left))
    drawable = (
        select(
            _to_bigint(func.coalesce(in_money, 0)).label("drawable_nanos"),
            _to_bigint(func.coalesce(in_tokens, 0)).label("drawable_tokens"),
        )
        .where(lots.c.account_id == looked.c.account_id, IS_DRAWABLE)
        .where(or_(lots.c.instrument.is_(None), lots.c.instrument == looked.c.instrument))
        .lateral("drawable")
    )
    return Prepared(
        select(looked, drawable)
        .select_from(looked.join(drawable, true()))
        .order_by(looked.c.account_id, looked.c.instrument)
    )


def _available_tokens(left: Any) -> Any:
    """What `Lot.available_tokens` says; NULL for a lot of money."""
    tokens = lots.c.tokens.cast(Numeric())
    worth = func.div(left * tokens, lots.c.amount_nanos.cast(Numeric()))
    held = func.div(lots.c.held_nanos * tokens, lots.c.amount_nanos.cast(Numeric()))
    fewer = func.least(worth, tokens - lots.c.tokens_used - held)
    return case((lots.c.tokens.is_not(None), func.greatest(fewer, 0)))


def _next(account_id: Any, instrument: Any) -> Select[Any]:
    """The cheapest waiting job of the account and instrument that come next."""
    return (
        select(
            *(jobs.c.account_id, jobs.c.instrument, jobs.c.needed_nanos),
            *(jobs.c.input_tokens_max, jobs.c.output_tokens_max),
        )
        .where(_short("waiting"))
        .where(tuple_(jobs.c.account_id, jobs.c.instrument) > tuple_(account_id, instrument))
        .order_by(jobs.c.account_id, jobs.c.instrument, jobs.c.needed_nanos)
        .limit(number(1))
    )


def _wake(share: int) -> Prepared:
    funded = _funded()
    cheapest = (
        select(jobs.c.id, jobs.c.needed_nanos)
        .where(_short("waiting"), jobs.c.account_id == funded.c.account_id)
        .where(jobs.c.instrument == funded.c.instrument)
        .where(jobs.c.needed_nanos <= funded.c.nanos)
        .order_by(jobs.c.needed_nanos)
        .limit(number(share))
        .with_for_update(skip_locked=True, key_share=True)
        .lateral("cheapest")
    )
    so_far = func.sum(cheapest.c.needed_nanos).over(
        partition_by=(funded.c.account_id, funded.c.instrument),
        order_by=(cheapest.c.needed_nanos, cheapest.c.id),
    )
    fitting = (
        select(cheapest.c.id, so_far.label("so_far"), funded.c.nanos)
        .select_from(funded.join(cheapest, true()))
        .cte("fitting")
        .prefix_with("MATERIALIZED")
    )
    return Prepared(
        update(jobs)
        .where(jobs.c.id == fitting.c.id, fitting.c.so_far <= fitting.c.nanos)
        .values(state="queued", reason=None, run_at=func.now(), nudged_at=None)
    )


def _funded() -> CTE:
    """What each account has for further jobs: less what those woken before will draw."""
    asked = rows("w", account_id=Text(), instrument=Text(), drawable_nanos=BigInteger())
    woken = (
        select(jobs.c.needed_nanos)
        .where(_short("queued"), jobs.c.account_id == asked.c.account_id)
        .limit(number(WOKEN_MAX))
        .correlate(asked)
        .subquery("woken")
    )
    promised = (
        select(
            func.coalesce(func.sum(woken.c.needed_nanos), 0).label("nanos"),
            func.count().label("jobs"),
        )
        .select_from(woken)
        .lateral("promised")
    )
    left = _to_bigint(asked.c.drawable_nanos - promised.c.nanos)
    return (
        select(asked.c.account_id, asked.c.instrument, left.label("nanos"))
        .select_from(asked.join(promised, true()))
        .where(promised.c.jobs < number(WOKEN_MAX))
        .cte("funded")
    )


def _to_bigint(nanos: Any) -> Any:
    """Several lots together may come to more than a BIGINT holds."""
    return func.greatest(func.least(nanos, number(NANOS_MAX)), 0).cast(BigInteger())


_WAITING: Final = _waiting()
_WAKE: Final = {share: _wake(share) for share in SHARES}
