"""What GET handlers and commands ask for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from app.domain.job import Job, JobState
from app.gateway import Gateway
from app.store import doctor, jobs, money
from app.store.doctor import Finding
from app.store.engine import statement
from app.store.money import LotView


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What became of all an account was credited, in nano-dollars that add up, and its lots.

    To spend, set aside, spent on jobs, taken back by operators, and expired. `next_expires_at` is
    when the next of its lots with something left will expire.
    """

    available_nanos: int
    held_nanos: int
    spent_nanos: int
    adjusted_nanos: int
    expired_nanos: int
    next_expires_at: datetime | None
    lots: tuple[LotView, ...]


def page(
    gateway: Gateway,
    account_id: str,
    *,
    state: JobState | None,
    custom_id: str | None,
    after: str | None,
    limit: int,
) -> tuple[list[Job], bool]:
    """Return a page of an account's jobs, newest first, and whether there are more."""
    with statement(gateway.engine) as conn:
        found = jobs.page(
            conn, account_id, state=state, custom_id=custom_id, after=after, limit=limit + 1
        )
    return found[:limit], len(found) > limit


def by_ids(gateway: Gateway, account_id: str, job_ids: Sequence[str]) -> list[Job]:
    """Return those of `job_ids` that the account has, in that order, with their answers."""
    with statement(gateway.engine) as conn:
        found = jobs.find_many(conn, [(account_id, job_id) for job_id in job_ids])
    return [found[job_id] for job_id in job_ids if job_id in found]


def balance(gateway: Gateway, account_id: str) -> Balance:
    """Return an account's balance."""
    with statement(gateway.engine) as conn:
        lots = money.lots_of(conn, account_id)
        sums = money.sums_of(conn, account_id)
    ends = [lot.expires_at for lot in lots if lot.expires_at is not None and lot.remaining_nanos]
    return Balance(**asdict(sums), next_expires_at=min(ends, default=None), lots=tuple(lots))


def examine(gateway: Gateway) -> Sequence[Finding]:
    """Run the doctor over the whole book."""
    with statement(gateway.engine) as conn:
        return doctor.examine(conn)
