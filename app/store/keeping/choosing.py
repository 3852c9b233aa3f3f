"""Which of the jobs that wait for their balance it pays for: the statements that queue them.

Money pays for the cheapest. Where lots of tokens pay too, the cheapest by the price may be out of
their reach while a dearer job with fewer tokens is not; so those are chosen by either.
"""

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Numeric,
    Select,
    Text,
    Update,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.selectable import LateralFromClause
from sqlalchemy.types import TypeEngine

from app.store.prepared import rows
from app.store.starting.starts import NANOS_MAX
from app.store.tables import jobs, number, word

WOKEN_MAX: Final = 5_000
"""Woken jobs of one account that nobody has claimed yet; no more are woken beside them."""

LOOKED_AT_MAX: Final = 2_000
"""Of how many jobs of an account, the cheapest first, those with few tokens are looked for."""

PPM: Final = 1_000_000
"""The ratio, in millionths, of an account that holds the whole bound."""

ABLE: Final[dict[str, TypeEngine[Any]]] = {
    "account_id": Text(),
    "instrument": Text(),
    "ratio_ppm": BigInteger(),
    "nanos": BigInteger(),
    "tokens": BigInteger(),
}
"""What the statements' parameter `w` says of each account: what its balance pays for."""


def short(state: str) -> Any:
    """The rows of the index of jobs that lack balance, in one of its two states."""
    return (jobs.c.state == word(state)) & (jobs.c.needed_nanos > number(0))


def cheapest_of(account_id: Any, instrument: Any, ratio_ppm: Any) -> Select[Any]:
    """Return the cheapest jobs that wait, with the tokens that each is held for at most."""
    # What `pricing.calibrated` says.
    parts = jobs.c.input_tokens_max.cast(Numeric()) * ratio_ppm
    sent = func.greatest(func.div(parts + number(PPM - 1), number(PPM)), number(1))
    tokens = to_bigint(sent + jobs.c.output_tokens_max)
    return (
        select(jobs.c.id, jobs.c.needed_nanos, tokens.label("tokens"))
        .where(short("waiting"), jobs.c.account_id == account_id, jobs.c.instrument == instrument)
        .order_by(jobs.c.needed_nanos)
        .limit(number(LOOKED_AT_MAX))
    )


def to_bigint(value: Any) -> Any:
    """Several rows together may come to more than a BIGINT holds."""
    return func.greatest(func.least(value, number(NANOS_MAX)), number(0)).cast(BigInteger())


def by_money(share: int) -> Update:
    """Queue up to `share` jobs of each account that its money covers together."""
    funded = _funded()
    cheapest = (
        select(jobs.c.id, jobs.c.needed_nanos)
        .where(short("waiting"), jobs.c.account_id == funded.c.account_id)
        .where(jobs.c.instrument == funded.c.instrument)
        .where(jobs.c.needed_nanos <= funded.c.nanos)
        .order_by(jobs.c.needed_nanos)
        .limit(number(share))
        .with_for_update(skip_locked=True, key_share=True)
        .lateral("cheapest")
    )
    fitting = _so_far(funded, cheapest, nanos=cheapest.c.needed_nanos)
    return _queue(fitting, fitting.c.nanos_so_far <= fitting.c.nanos)


def by_tokens(share: int) -> Update:
    """Queue up to `share` jobs of each account that its lots of tokens and money cover together."""
    funded = _funded()
    near = (
        cheapest_of(funded.c.account_id, funded.c.instrument, funded.c.ratio_ppm)
        .correlate(funded)
        .subquery("near")
    )
    payable = or_(near.c.needed_nanos <= funded.c.nanos, near.c.tokens <= funded.c.tokens)
    chosen = (
        select(jobs.c.id, jobs.c.needed_nanos, near.c.tokens)
        .join(near, near.c.id == jobs.c.id)
        .where(short("waiting"), payable)
        .order_by(jobs.c.needed_nanos)
        .limit(number(share))
        .with_for_update(skip_locked=True, key_share=True, of=jobs)
        .correlate(funded)
        .lateral("chosen")
    )
    fitting = _so_far(funded, chosen, nanos=chosen.c.needed_nanos, tokens=chosen.c.tokens)
    is_covered = or_(
        fitting.c.nanos_so_far <= fitting.c.nanos, fitting.c.tokens_so_far <= fitting.c.tokens
    )
    return _queue(fitting, is_covered)


def _so_far(funded: CTE, some: LateralFromClause, **summed: Any) -> CTE:
    """Jobs in turn, the cheapest first, with what each and those before it need."""
    sums = [
        func.sum(column)
        .over(
            partition_by=(funded.c.account_id, funded.c.instrument),
            order_by=(some.c.needed_nanos, some.c.id),
        )
        .label(f"{name}_so_far")
        for name, column in summed.items()
    ]
    return (
        select(some.c.id, funded.c.nanos, funded.c.tokens, *sums)
        .select_from(funded.join(some, true()))
        .cte("fitting")
        .prefix_with("MATERIALIZED")
    )


def _queue(fitting: CTE, is_covered: Any) -> Update:
    return (
        update(jobs)
        .where(jobs.c.id == fitting.c.id, is_covered)
        .values(state="queued", reason=None, run_at=func.now(), nudged_at=None)
    )


def _funded() -> CTE:
    """What each account has for further jobs: less what those woken before will draw."""
    able = rows("w", **ABLE)
    tokens = jobs.c.input_tokens_max.cast(Numeric()) + jobs.c.output_tokens_max
    woken = (
        select(jobs.c.needed_nanos, tokens.label("tokens"))
        .where(short("queued"), jobs.c.account_id == able.c.account_id)
        .limit(number(WOKEN_MAX))
        .correlate(able)
        .subquery("woken")
    )
    promised = (
        select(
            func.coalesce(func.sum(woken.c.needed_nanos), 0).label("nanos"),
            func.coalesce(func.sum(woken.c.tokens), 0).label("tokens"),
            func.count().label("jobs"),
        )
        .select_from(woken)
        .lateral("promised")
    )
    return (
        select(
            *(able.c.account_id, able.c.instrument, able.c.ratio_ppm),
            to_bigint(able.c.nanos - promised.c.nanos).label("nanos"),
            to_bigint(able.c.tokens - promised.c.tokens).label("tokens"),
        )
        .select_from(able.join(promised, true()))
        .where(promised.c.jobs < number(WOKEN_MAX))
        .cte("funded")
    )
