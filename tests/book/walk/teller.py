"""The oracle's half that operators use: what they give back, take back, and cap."""

from dataclasses import dataclass

from tests.book.walk.oracle import Oracle
from tests.book.walk.rows import Cap, End, held, lasting, room


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A part of a refund, on the terms of the lots that had paid."""

    nanos: int
    instrument: str | None
    ends: End


def refund(oracle: Oracle, job_id: str, nanos: int | None) -> list[Back]:
    """Give back so much of what a job cost, or all there is; nothing if there is not so much.

    What lots paid that last longest comes first, and of what has expired nothing comes back.
    """
    job = oracle.jobs[job_id]
    paid = _paid(oracle, job_id)
    left = sum(part.nanos for part in paid) - job["refunded"]
    wanted = left if nanos is None else nanos
    if not 0 < wanted <= left:
        return []
    skipped, back = job["refunded"], []
    for part in paid:
        before = min(skipped, part.nanos)
        given = min(part.nanos - before, wanted)
        skipped, wanted = skipped - before, wanted - given
        if given:
            back.append(Back(nanos=given, instrument=part.instrument, ends=part.ends))
    job["refunded"] += sum(part.nanos for part in back)
    return back


def left(oracle: Oracle, job_id: str) -> int:
    """Return what a refund may still give back."""
    paid = sum(part.nanos for part in _paid(oracle, job_id))
    return max(0, paid - oracle.jobs[job_id]["refunded"])


def take(oracle: Oracle, account: str, nanos: int) -> list[str]:
    """Take of any money that nobody holds, or nothing at all; return from which lots."""
    mine = [lot for lot in oracle.order(account, None) if lot["tokens"] is None]
    if sum(map(room, mine)) < nanos:
        return []
    drawn = []
    for lot in mine:
        if give := min(nanos, room(lot)):
            lot["used"] += give
            lot["taken"] += give
            nanos -= give
            drawn.append(lot["name"])
    return drawn


def cap(oracle: Oracle, cap_id: str, account: str, limit: int | None) -> None:
    """Set a cap or take it away.

    When it comes into force, all that was made without it counts as if it had been there, but for
    calls under way, whose workers have not heard of it.
    """
    none = Cap(account=account, limit=0, held=0, spent=0, removed=True)
    mine = oracle.caps.setdefault(cap_id, none)
    was_in_force, mine["removed"] = not mine["removed"], limit is None
    if limit is None:
        return
    mine["limit"] = limit
    if was_in_force:
        return
    for job in oracle.jobs.values():
        if job["account"] != account or cap_id in job["caps"]:
            continue
        if job["state"] == "pending" or job["cost"]:
            job["caps"].append(cap_id)
            mine["held"] += held(job) if job["state"] == "pending" else 0
            mine["spent"] += job["cost"] or 0


def _paid(oracle: Oracle, job_id: str) -> list[Back]:
    """What a job cost by the terms of the lots that paid, as far as they have not expired."""
    sums: dict[tuple[End, str | None], int] = {}
    for name, nanos in oracle.jobs[job_id]["paid"].items():
        lot = oracle.lots[name]
        if not lot["expired"]:
            terms = lot["ends"], lot["instrument"]
            sums[terms] = sums.get(terms, 0) + nanos
    by_scope = sorted(sums, key=lambda terms: terms[1] or "")
    ordered = sorted(by_scope, key=lambda terms: lasting(terms[0]), reverse=True)
    return [Back(nanos=sums[each], instrument=each[1], ends=each[0]) for each in ordered]
