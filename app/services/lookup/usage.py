"""What an account's jobs used and cost: one receipt, a page of them, sums over days."""

from collections.abc import Collection
from datetime import date, datetime

from app.domain.errors import InvalidRequest, NotFound
from app.domain.ids import is_plausible
from app.domain.job import JobState
from app.domain.usage import summary as summing
from app.domain.usage.receipt import STATES_OF, Receipt, Standing, job_id_of
from app.domain.usage.summary import Grouping, Summary, id_at
from app.gateway import Gateway
from app.store.engine import statement
from app.store.usage import days as by_days
from app.store.usage import receipts


def receipt(gateway: Gateway, account_id: str, identifier: str) -> Receipt:
    """Return the receipt of a job, named by its id or its request's. Raises NotFound."""
    job_id = job_id_of(identifier)
    found = None
    if job_id is not None and is_plausible(job_id):
        with statement(gateway.engine) as conn:
            found = receipts.find(conn, account_id, job_id)
    if found is None:
        raise NotFound(
            "No such request: send what `x-busbar-request-id` said (req_…), or a job's id (job_…).",
            param="request_id",
        )
    return found


def page(
    gateway: Gateway,
    account_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    standings: Collection[Standing] | None,
    instrument: str | None,
    key_id: str | None,
    after: str | None,
    limit: int,
) -> tuple[list[Receipt], bool]:
    """Return a page of an account's receipts, newest first, and whether there are more.

    Of the jobs submitted from `since` on and before `until`, which stand at one of `standings`,
    or at any; after the one that `after` names. Raises InvalidRequest when it names none.
    """
    before = [id_at(until)] if until is not None else []
    if after is not None:
        last = job_id_of(after)
        if last is None or not is_plausible(last):
            message = "after: must be the request_id of the last receipt of the page before"
            raise InvalidRequest(message, param="after")
        before.append(last)
    states = None
    if standings is not None:
        states = frozenset[JobState]().union(*(STATES_OF[each] for each in standings))
    with statement(gateway.engine) as conn:
        found = receipts.page(
            conn,
            account_id,
            since=id_at(since) if since is not None else None,
            before=min(before, default=None),
            states=states,
            instrument=instrument.lower() if instrument is not None else None,
            key_id=key_id,
            limit=limit + 1,
        )
    return found[:limit], len(found) > limit


def summary(
    gateway: Gateway,
    account_id: str,
    *,
    first: date | None,
    last: date | None,
    grouping: Grouping,
) -> Summary:
    """Return what an account's jobs come to over some days, which are those of UTC.

    Days that are closed were summed up by the keeper; open ones are summed up now. Raises
    InvalidRequest for days that cannot be.
    """
    try:
        days = summing.window(first, last, today=gateway.now().date())
    except ValueError as error:
        raise InvalidRequest(str(error), param="from") from None
    with statement(gateway.engine) as conn:
        found = by_days.sums(conn, account_id, days, grouping)
    return summing.summed(days, grouping, found)
