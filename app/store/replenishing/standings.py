"""How accounts stand: what they have settled, what is being bought, what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Numeric,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from app.domain.replenishing.outlook import Standing
from app.domain.replenishing.policy import FAILING_S_MAX, amount
from app.domain.replenishing.purchase import FailureReason
from app.store.prepared import Prepared, seconds
from app.store.replenishing.policies import COLUMNS, IN_FORCE, to_policy
from app.store.starting.starts import NANOS_MAX
from app.store.tables import jobs, lots, number, replenishments, word
from app.store.tables import replenish_policies as policies

WAITERS_MAX: Final = 100_000
"""Waiting jobs one purchase is counted for; the next one comes for the others."""

LIVE: Final = or_(lots.c.expires_at.is_(None), lots.c.expires_at > func.now())
IS_UNDER_WAY: Final = replenishments.c.state.in_([word("requested"), word("buying")])
THIS_MONTH: Final = func.coalesce(
    replenishments.c.first_asked_at, replenishments.c.created_at
) >= func.date_trunc("month", func.now())
"""A purchase belongs to the month in which the source was first asked: that is when its amount was
held against the cap. Connections are in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanting:
    """What an account's jobs lack, in nano-dollars.

    Counted are lots that any instrument may draw. `settled` is with every open hold given back,
    `available` without; `waiting` is what all waiting jobs need, `dearest` what one of them does.
    """

    settled_nanos: int
    available_nanos: int
    waiting_nanos: int
    dearest_nanos: int


def of(conn: Connection, account_id: str, instrument: str, *, has_source: bool) -> Standing:
    """Return how an account stands toward a job of that instrument. Changes and locks nothing."""
    row = _STANDING(conn, account_id=account_id, instrument=instrument).one()
    return Standing(
        settled_nanos=row.settled_nanos,
        settled_tokens=row.settled_tokens,
        worth_nanos=row.worth_nanos,
        policy=None if row.threshold_nanos is None else to_policy(row),
        has_source=has_source,
        under_way_s=row.under_way_s,
        under_way_nanos=row.under_way_nanos or 0,
        bought_nanos=row.bought_nanos,
        rested_s=row.rested_s,
    )


def wanting(conn: Connection, account_id: str) -> Wanting:
    """Return what an account's jobs lack."""
    row = _WANTING(conn, account_id=account_id).one()
    return Wanting(
        settled_nanos=row.settled_nanos,
        available_nanos=row.available_nanos,
        waiting_nanos=row.waiting_nanos,
        dearest_nanos=row.dearest_nanos,
    )


def bought(conn: Connection, account_id: str, *, besides: str = "") -> int:
    """Return what was bought since the month began, what is under way but `besides` included."""
    total = select(_nanos(replenishments.c.amount_nanos)).where(
        replenishments.c.account_id == account_id,
        replenishments.c.state != "failed",
        replenishments.c.id != besides,
        THIS_MONTH,
    )
    nanos: int = conn.execute(total).scalar_one()
    return nanos


def candidates(conn: Connection, *, after: str, limit: int) -> tuple[Sequence[str], str]:
    """Return accounts that may have to buy, of the next `limit` policies, and where to go on.

    They are below their threshold or have jobs that wait, and may buy now. Where the month has
    nothing left and that is written down, there is nothing to ask for. "" begins anew.
    """
    found = _CANDIDATES(conn, after=after, most=limit)
    go_on = found[-1].account_id if len(found) == limit else ""
    return [row.account_id for row in found if row.may_buy and not _is_spent(row)], go_on


def start_anew(conn: Connection, account_id: str) -> None:
    """Forget since when purchases have failed, where the next one comes long after it might have.

    What failed then would else send away the callers of now.
    """
    conn.execute(
        update(policies)
        .where(policies.c.account_id == account_id, policies.c.failing_since.is_not(None))
        .where(policies.c.not_before < func.now() - seconds(FAILING_S_MAX))
        .values(failing_since=None)
    )


def _is_spent(row: Any) -> bool:
    left = amount(to_policy(row), lacking_nanos=0, bought_nanos=row.bought_nanos)
    return not left and row.last_reason == FailureReason.MONTHLY_CAP_REACHED


def _standing() -> Prepared:
    account_id = bindparam("account_id", type_=Text())
    fits = or_(lots.c.instrument.is_(None), lots.c.instrument == bindparam("instrument"))
    has = lots.c.amount_nanos - lots.c.used_nanos
    settled = (
        select(
            _nanos(case((lots.c.tokens.is_(None), has))).label("settled_nanos"),
            _nanos(lots.c.tokens - lots.c.tokens_used).label("settled_tokens"),
            _nanos(has).label("worth_nanos"),
        )
        .where(lots.c.account_id == account_id, LIVE, fits)
        .subquery("settled")
    )
    mine = replenishments.c.account_id == account_id
    under_way = select(
        _age(replenishments.c.created_at).label("s"), replenishments.c.amount_nanos.label("nanos")
    )
    under = under_way.where(mine, IS_UNDER_WAY).subquery("under_way")
    in_force = and_(policies.c.account_id == account_id, IN_FORCE)
    return Prepared(
        select(
            settled,
            _bought(account_id).label("bought_nanos"),
            under.c.s.label("under_way_s"),
            under.c.nanos.label("under_way_nanos"),
            _age(policies.c.not_before).label("rested_s"),
            *COLUMNS,
        ).select_from(settled.outerjoin(policies, in_force).outerjoin(under, true()))
    )


def _wanting() -> Prepared:
    account_id = bindparam("account_id", type_=Text())
    has = lots.c.amount_nanos - lots.c.used_nanos
    balance = (
        select(
            _nanos(has).label("settled_nanos"),
            _nanos(has - lots.c.held_nanos).label("available_nanos"),
        )
        .where(lots.c.account_id == account_id, lots.c.instrument.is_(None), LIVE)
        .subquery("balance")
    )
    short = (
        select(jobs.c.needed_nanos)
        .where(*_SHORT, jobs.c.account_id == account_id)
        .limit(number(WAITERS_MAX))
        .subquery("short")
    )
    waiting = select(
        _nanos(short.c.needed_nanos).label("waiting_nanos"),
        func.coalesce(func.max(short.c.needed_nanos), 0).label("dearest_nanos"),
    ).subquery("waiting")
    return Prepared(select(balance, waiting).select_from(balance.join(waiting, true())))


def _candidates() -> Prepared:
    settled = select(_nanos(lots.c.amount_nanos - lots.c.used_nanos)).where(
        lots.c.account_id == policies.c.account_id, lots.c.instrument.is_(None), LIVE
    )
    waits = select(literal(1)).where(*_SHORT, jobs.c.account_id == policies.c.account_id)
    buys = select(literal(1)).where(
        replenishments.c.account_id == policies.c.account_id, IS_UNDER_WAY
    )
    may_buy = and_(
        policies.c.locked_at.is_(None),
        func.coalesce(policies.c.not_before, func.now()) <= func.now(),
        ~buys.exists(),
        or_(settled.scalar_subquery() < policies.c.threshold_nanos, waits.exists()),
    )
    judged = (
        select(policies.c.account_id, may_buy.label("may_buy"), *COLUMNS)
        .where(IN_FORCE, policies.c.account_id > bindparam("after", type_=Text()))
        .order_by(policies.c.account_id)
        .limit(bindparam("most", type_=BigInteger()))
        .subquery("judged")
    )
    last = (
        select(replenishments.c.reason)
        .where(replenishments.c.account_id == judged.c.account_id)
        .order_by(replenishments.c.id.desc())
        .limit(number(1))
        .scalar_subquery()
    )
    # Looked up only for the few that may buy.
    bought_nanos = case((judged.c.may_buy, _bought(judged.c.account_id)))
    return Prepared(
        select(
            judged,
            bought_nanos.label("bought_nanos"),
            case((judged.c.may_buy, last)).label("last_reason"),
        ).order_by(judged.c.account_id)
    )


def _bought(account_id: ColumnElement[str]) -> ColumnElement[int]:
    """What an account has bought since the month began, what is under way included."""
    total: Any = select(_nanos(replenishments.c.amount_nanos)).where(
        replenishments.c.account_id == account_id,
        replenishments.c.state != word("failed"),
        THIS_MONTH,
    )
    found: ColumnElement[int] = total.scalar_subquery()
    return found


def _age(moment: Any) -> Any:
    """Seconds since a moment, by the database's clock."""
    return func.extract("epoch", func.now() - moment).cast(Double())


def _nanos(value: Any) -> Any:
    """A sum as nano-dollars: rows together may come to more than a BIGINT holds."""
    total = func.coalesce(func.sum(value), 0).cast(Numeric())
    return func.least(total, number(NANOS_MAX)).cast(BigInteger())


_SHORT: Final = (jobs.c.state == word("waiting"), jobs.c.needed_nanos > number(0))
_STANDING: Final = _standing()
_WANTING: Final = _wanting()
_CANDIDATES: Final = _candidates()
