"""Jobs that wait for their balance: which accounts can pay for some now, and their waking.

They are looked for by account, in steps, and never one by one: an account that has run dry may have
a hundred thousand of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
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
)

from app.domain.pricing import TOKENS_PER_PRICE, Price
from app.store.keeping import choosing
from app.store.keeping.choosing import ABLE, PPM, cheapest_of, short, to_bigint
from app.store.prepared import Prepared, records
from app.store.starting.starts import NANOS_MAX
from app.store.tables import IS_DRAWABLE, accounts, calibrations, jobs, lots, number, word

SHARES: Final = (2_000, 200, 20, 2)
"""How many jobs of one account may be woken at once. A limit is part of a statement's text, so that
it is planned for; few different ones keep few plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a balance pays for: jobs that need no more money in all, or no more tokens in all.

    Each is enough by itself. What lots of tokens pay for is `tokens`; 0 where there are none.
    """

    nanos: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An account with jobs of one instrument that wait for its balance.

    `least_nanos` is what the cheapest of them needs and `fewest_tokens` what the shortest comes to
    at most, as it would be held; None where no lots of tokens pay. `drawable_nanos` and
    `drawable_tokens` are what lots of money and of tokens have for them. `ratio_ppm` is that of
    holds by calibration.
    """

    account_id: str
    instrument: str
    least_nanos: int
    fewest_tokens: int | None
    drawable_nanos: int
    drawable_tokens: int
    ratio_ppm: int

    def can_go_on(self, price: Price | None) -> bool:
        """True when the balance covers one of these jobs; `price` is that of today."""
        reach = self.worth(price)
        is_short = self.fewest_tokens is not None and self.fewest_tokens <= reach.tokens
        return is_short or self.least_nanos <= reach.nanos

    def worth(self, price: Price | None) -> Reach:
        """Return what the balance pays for.

        Lots of tokens spare jobs at least their number at the lower price, and leave money to pay
        for at most so many tokens more at the higher one. Where input is not dearer than output,
        that is just what `draw_parts` makes of them for a single job.
        """
        if price is None or not self.drawable_tokens:
            return Reach(nanos=self.drawable_nanos, tokens=0)
        low, high = sorted((price.input_nanos, price.output_nanos))
        spared = self.drawable_tokens * low // TOKENS_PER_PRICE
        paid = self.drawable_nanos * TOKENS_PER_PRICE // high if high else NANOS_MAX
        return Reach(nanos=self.drawable_nanos + spared, tokens=self.drawable_tokens + paid)


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
            fewest_tokens=row.fewest_tokens,
            drawable_nanos=row.drawable_nanos,
            drawable_tokens=row.drawable_tokens,
            ratio_ppm=row.ratio_ppm,
        )
        for row in found
    ]


def wake(conn: Connection, able: Sequence[tuple[Waiting, Reach]], *, share: int) -> int:
    """Queue up to `share` jobs of each of `able`, the cheapest first; return how many.

    Each comes with what its balance is worth. No more than that covers beside the jobs that were
    woken before and not claimed yet, so that few are woken in vain. Rows another transaction works
    on are left out.
    """
    woken = 0
    for statements, has_tokens in ((_WAKE, False), (_WAKE_BY_TOKENS, True)):
        entries = [
            (
                *(each.account_id, each.instrument, each.ratio_ppm),
                *(min(reach.nanos, NANOS_MAX), min(reach.tokens, NANOS_MAX)),
            )
            for each, reach in able
            if (reach.tokens > 0) is has_tokens
        ]
        if entries:
            woken += statements[share](conn, **records("w", entries, *ABLE)).rowcount
    return woken


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
            to_bigint(func.coalesce(in_money, 0)).label("drawable_nanos"),
            to_bigint(func.coalesce(in_tokens, 0)).label("drawable_tokens"),
        )
        .where(lots.c.account_id == looked.c.account_id, IS_DRAWABLE)
        .where(or_(lots.c.instrument.is_(None), lots.c.instrument == looked.c.instrument))
        .lateral("drawable")
    )
    # An aggregate is made for each account, by its key; a plain join might go through all accounts.
    held = (
        select(func.coalesce(func.max(calibrations.c.ratio_ppm), number(PPM)).label("ratio_ppm"))
        .select_from(accounts.join(calibrations, accounts.c.hold_mode == word("calibrated")))
        .where(accounts.c.id == looked.c.account_id)
        .where(calibrations.c.instrument == looked.c.instrument)
        .lateral("held")
    )
    # Looked for only where it matters: it takes a look at many jobs.
    near = (
        cheapest_of(looked.c.account_id, looked.c.instrument, held.c.ratio_ppm)
        .where(drawable.c.drawable_tokens > number(0))
        .correlate(looked, drawable, held)
        .subquery("near")
    )
    fewest = select(func.min(near.c.tokens))
    return Prepared(
        select(looked, drawable, held, fewest.scalar_subquery().label("fewest_tokens"))
        .select_from(looked.join(drawable, true()).join(held, true()))
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
        select(jobs.c.account_id, jobs.c.instrument, jobs.c.needed_nanos)
        .where(short("waiting"))
        .where(tuple_(jobs.c.account_id, jobs.c.instrument) > tuple_(account_id, instrument))
        .order_by(jobs.c.account_id, jobs.c.instrument, jobs.c.needed_nanos)
        .limit(number(1))
    )


_WAITING: Final = _waiting()
_WAKE: Final = {share: Prepared(choosing.by_money(share)) for share in SHARES}
_WAKE_BY_TOKENS: Final = {share: Prepared(choosing.by_tokens(share)) for share in SHARES}
