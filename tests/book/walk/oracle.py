"""The oracle: what the book should say, kept in plain dicts, by arithmetic of its own.

It knows the rules (drawing order, holds, caps), not the code that carries them out.
"""

from collections.abc import Collection
from typing import Final

from tests.book.walk.rows import (
    INSTRUMENT,
    SENT_MAX,
    Cap,
    End,
    Job,
    Lot,
    Part,
    held,
    lasting,
    price,
    rest,
    room,
    tokens_left,
    total,
)

DEATHS_MAX: Final = 3
FAILURES_MAX: Final = 8


class Oracle:
    """Lots, jobs and caps by their ids, and what the platform had to pay."""

    def __init__(self) -> None:
        self.lots: dict[str, Lot] = {}
        self.jobs: dict[str, Job] = {}
        self.caps: dict[str, Cap] = {}
        self.shortfall = 0

    def credit(
        self,
        lot_id: str,
        account: str,
        nanos: int,
        *,
        tokens: int | None = None,
        instrument: str | None = None,
        ends: End = None,
    ) -> None:
        """A new lot."""
        self.lots[lot_id] = Lot(
            name=lot_id,
            account=account,
            amount=nanos,
            used=0,
            taken=0,
            held=0,
            tokens=tokens,
            tokens_used=0,
            instrument=instrument,
            ends=ends,
            expired=False,
        )

    def submit(self, job_id: str, account: str, out: int) -> None:
        """A new job of at most `out` tokens of output."""
        self.jobs[job_id] = Job(
            account=account,
            out=out,
            state="new",
            attempt=0,
            parts=[],
            caps=[],
            cancel=False,
            is_late=False,
            deaths=0,
            failures=0,
            cost=None,
            paid={},
            refunded=0,
        )

    def start(self, job_ids: Collection[str]) -> list[str]:
        """Start those that can be; return them. Each hold is drawn before the next is looked at.

        What is too late ends here when it holds nothing, else in the sweep.
        """
        started = []
        for job_id in sorted(job_ids):
            job = self.jobs[job_id]
            if job["state"] not in {"new", "pending"}:
                continue
            job["attempt"] += 1
            if job["is_late"]:
                job["state"] = job["state"] if job["parts"] else "expired"
            elif job["state"] == "pending" or self._hold(job):
                job["state"] = "running"
                started.append(job_id)
        return started

    def cancel(self, job_id: str) -> None:
        """A running job goes on until its worker hears of it; any other ends now."""
        job = self.jobs[job_id]
        if job["state"] == "running":
            job["cancel"] = True
        elif job["state"] in {"new", "pending"}:
            self.release(job, "cancelled")

    def sweep(self, lapsed: Collection[str] = ()) -> None:
        """Take the jobs whose lease has lapsed from their workers; end what waits too long."""
        for job_id in lapsed:
            self._lose(self.jobs[job_id])
        for job in self.jobs.values():
            if job["is_late"] and job["state"] in {"new", "pending"}:
                self.release(job, "expired" if job["parts"] else "late")

    def release(self, job: Job, state: str) -> None:
        """End a job for nothing."""
        for part in job["parts"]:
            self.lots[part["lot"]]["held"] -= part["nanos"]
        self.close(job, state, None)

    def close(self, job: Job, state: str, cost: int | None) -> None:
        """End a job: what it held in its caps is spent there as far as it cost anything."""
        for cap_id in job["caps"]:
            self.caps[cap_id]["held"] -= held(job)
            self.caps[cap_id]["spent"] += cost or 0
        job["state"], job["cost"] = state, cost

    def order(self, account: str, instrument: str | None = INSTRUMENT) -> list[Lot]:
        """An account's lots that serve an instrument (any, for None), as they are drawn."""
        mine = [
            lot
            for lot in self.lots.values()
            if lot["account"] == account
            and not lot["expired"]
            and (instrument is None or lot["instrument"] in {None, instrument})
        ]
        return sorted(mine, key=lambda lot: (*lasting(lot["ends"]), lot["name"]))

    def balance(self, account: str) -> tuple[int, ...]:
        """What is available, held, spent on jobs, taken back, and expired."""
        mine = [lot for lot in self.lots.values() if lot["account"] == account]
        return (
            sum(room(lot) for lot in mine if not lot["expired"]),
            sum(lot["held"] for lot in mine),
            sum(lot["used"] - lot["taken"] for lot in mine),
            sum(lot["taken"] for lot in mine),
            sum(room(lot) for lot in mine if lot["expired"]),
        )

    def _lose(self, job: Job) -> None:
        """Its worker died; it goes on with its hold, unless that was one too many."""
        job["deaths"] += 1
        if job["cancel"]:
            self.release(job, "cancelled")
        elif job["is_late"]:
            self.release(job, "expired")
        elif job["deaths"] == DEATHS_MAX:
            self.release(job, "failed")
        else:
            job["state"] = "pending"

    def _hold(self, job: Job) -> bool:
        parts = self._draw(job)
        nanos = price(SENT_MAX, job["out"]) if parts is None else total(parts)
        binding = {
            cap_id: cap
            for cap_id, cap in self.caps.items()
            if cap["account"] == job["account"] and not cap["removed"]
        }
        if any(nanos > cap["limit"] for cap in binding.values()):
            job["state"] = "failed"
            return False
        if parts is None:
            return False
        if any(nanos > cap["limit"] - cap["held"] - cap["spent"] for cap in binding.values()):
            return False
        job["parts"], job["caps"] = parts, list(binding)
        for part in parts:
            self.lots[part["lot"]]["held"] += part["nanos"]
        for cap in binding.values():
            cap["held"] += nanos
        return True

    def _draw(self, job: Job) -> list[Part] | None:
        lots = self.order(job["account"])
        parts: list[Part] = []
        left = SENT_MAX + job["out"]
        for lot in lots:
            if lot["tokens"] is not None and (give := min(left, tokens_left(lot))):
                nanos = -(-give * lot["amount"] // lot["tokens"])
                parts.append(Part(lot=lot["name"], nanos=nanos, tokens=give))
                left -= give
        owed = rest(SENT_MAX, job["out"], SENT_MAX + job["out"] - left)
        for lot in lots:
            if lot["tokens"] is None and (nanos := min(owed, room(lot))):
                parts.append(Part(lot=lot["name"], nanos=nanos, tokens=None))
                owed -= nanos
        return None if owed else parts
