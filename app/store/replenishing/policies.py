"""Policies of replenishment: the rules of each account, and where it stands with them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Double, case, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.replenishing.policy import Policy, Setback
from app.store.prepared import seconds
from app.store.tables import replenish_policies as policies

IN_FORCE: Final = policies.c.removed_at.is_(None)

COLUMNS: Final[tuple[Any, ...]] = (
    *(policies.c.threshold_nanos, policies.c.amount_nanos, policies.c.monthly_cap_nanos),
    policies.c.failures,
    func.extract("epoch", func.now() - policies.c.failing_since).cast(Double()).label("failing_s"),
    func.greatest(func.extract("epoch", policies.c.not_before - func.now()), 0)
    .cast(Double())
    .label("cooling_s"),
    policies.c.locked_at,
)
"""What a policy is read from. Seconds are counted by the database's clock, and by no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A policy as operators see it."""

    policy: Policy
    locked_at: datetime | None


def put(
    conn: Connection,
    account_id: str,
    *,
    threshold_nanos: int,
    amount_nanos: int,
    monthly_cap_nanos: int,
) -> None:
    """Set an account's policy. A lock stays until it is taken away."""
    values = {
        "threshold_nanos": threshold_nanos,
        "amount_nanos": amount_nanos,
        "monthly_cap_nanos": monthly_cap_nanos,
        "removed_at": None,
    }
    conn.execute(
        pg_insert(policies)
        .values(account_id=account_id, **values)
        .on_conflict_do_update(index_elements=[policies.c.account_id], set_=values)
    )


def remove(conn: Connection, account_id: str) -> bool:
    """Take a policy away; False when there was none. What is being bought is still credited."""
    gone = (
        update(policies)
        .where(policies.c.account_id == account_id, IN_FORCE)
        .values(removed_at=func.now())
    )
    return conn.execute(gone).rowcount > 0


def unlock(conn: Connection, account_id: str) -> bool:
    """Forget the failures of a policy, and its cooldown; False when there is no policy."""
    fresh = (
        update(policies)
        .where(policies.c.account_id == account_id, IN_FORCE)
        .values(failures=0, failing_since=None, not_before=None, locked_at=None)
    )
    return conn.execute(fresh).rowcount > 0


def find(conn: Connection, account_id: str, *, lock: bool = False) -> Kept | None:
    """Return the policy in force; `lock` it, so that one at a time decides what to buy."""
    query = select(*COLUMNS).where(policies.c.account_id == account_id, IN_FORCE)
    row = conn.execute(query.with_for_update() if lock else query).first()
    return Kept(policy=to_policy(row), locked_at=row.locked_at) if row else None


def lock_any(conn: Connection, account_id: str) -> Policy:
    """Lock and return a policy, one that was taken away too: a purchase may outlive it."""
    query = select(*COLUMNS).where(policies.c.account_id == account_id).with_for_update()
    return to_policy(conn.execute(query).one())


def succeed(conn: Connection, account_id: str, *, cooldown_s: float) -> None:
    """Note a purchase that went well."""
    _note(conn, account_id, failures=0, failing_since=None, not_before=_in(cooldown_s))


def fail(conn: Connection, account_id: str, setback: Setback, *, cooldown_s: float) -> None:
    """Note a purchase that failed."""
    since = func.coalesce(policies.c.failing_since, func.now())
    locked_at = func.coalesce(policies.c.locked_at, func.now())
    _note(
        conn,
        account_id,
        failures=setback.failures,
        failing_since=since if setback.failures else policies.c.failing_since,
        not_before=_in(cooldown_s),
        locked_at=case((setback.is_locked, locked_at)),  # type: ignore[arg-type]
    )


def doubt(conn: Connection, account_id: str) -> None:
    """Note that nobody knows whether the source has charged: callers are not told so for ever."""
    _note(conn, account_id, failing_since=func.coalesce(policies.c.failing_since, func.now()))


def to_policy(row: Any) -> Policy:
    """Turn a row of COLUMNS into a policy."""
    return Policy(
        threshold_nanos=row.threshold_nanos,
        amount_nanos=row.amount_nanos,
        monthly_cap_nanos=row.monthly_cap_nanos,
        failures=row.failures,
        failing_s=row.failing_s,
        cooling_s=row.cooling_s or 0,
        is_locked=row.locked_at is not None,
    )


def _note(conn: Connection, account_id: str, **values: Any) -> None:
    conn.execute(update(policies).where(policies.c.account_id == account_id).values(**values))


def _in(cooldown_s: float) -> Any:
    return func.now() + seconds(cooldown_s)
