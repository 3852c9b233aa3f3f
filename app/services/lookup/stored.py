"""Stored completions, as their owner asks for them: shown, listed, given other pairs, deleted."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

from app.domain.errors import NotFound
from app.domain.ids import ENTROPY_BYTES, is_plausible, new_id
from app.gateway import Gateway
from app.store import stored
from app.store.engine import again, statement, transaction
from app.store.stored import Stored

T = TypeVar("T")


def find(gateway: Gateway, account_id: str, job_id: str) -> Stored:
    """Return a stored completion. Raises NotFound."""
    _check(job_id)
    with statement(gateway.engine) as conn:
        return _there(stored.find(conn, account_id, job_id))


def page(
    gateway: Gateway,
    account_id: str,
    *,
    after: str | None,
    limit: int,
    is_newest_first: bool,
    instrument: str | None,
    metadata: Mapping[str, str],
) -> tuple[list[Stored], bool]:
    """Return a page of an account's stored completions, and whether there are more."""
    with statement(gateway.engine) as conn:
        found = stored.page(
            conn,
            account_id,
            since=_oldest(gateway),
            after=after,
            limit=limit + 1,
            is_newest_first=is_newest_first,
            instrument=instrument.lower() if instrument is not None else None,
            metadata=metadata,
        )
    return found[:limit], len(found) > limit


def request_of(gateway: Gateway, account_id: str, job_id: str) -> bytes:
    """Return the request a stored completion answers. Raises NotFound."""
    _check(job_id)
    with statement(gateway.engine) as conn:
        return _there(stored.request_of(conn, account_id, job_id))


def update_metadata(
    gateway: Gateway, account_id: str, job_id: str, metadata: Mapping[str, str] | None
) -> Stored:
    """Replace the pairs of a stored completion and return it. Raises NotFound."""
    _check(job_id)

    def write() -> Stored | None:
        with transaction(gateway.engine) as conn:
            return stored.update_metadata(conn, account_id, job_id, metadata)

    return _there(again(write))


def remove(gateway: Gateway, account_id: str, job_id: str) -> None:
    """Delete a stored completion for good; its job and what it cost stay. Raises NotFound."""
    _check(job_id)

    def write() -> bool:
        with transaction(gateway.engine) as conn:
            return stored.remove(conn, account_id, job_id)

    is_gone = again(write)
    if not is_gone:
        raise _missing()


def _oldest(gateway: Gateway) -> str:
    """Return an id before that of every job whose answer is kept: ids tell when they were made."""
    made = gateway.now() - timedelta(days=gateway.settings.payload_days)
    return new_id("job", made, bytes(ENTROPY_BYTES))


def _check(job_id: str) -> None:
    if not is_plausible(job_id):
        raise _missing()


def _there(found: T | None) -> T:
    if found is None:
        raise _missing()
    return found


def _missing() -> NotFound:
    return NotFound(
        "No such stored completion: it was not asked for with `store: true`, has no answer, was"
        " deleted, or is older than answers are kept.",
        param="id",
    )
