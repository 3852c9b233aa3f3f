"""The oracle: what the book should say, kept in plain dicts, by arithmetic of its own.

It knows the rules (drawing order, holds, caps), not the code that carries them out.
"""

from collections.abc import Collection, Sequence
from typing import Final, TypedDict

INPUT_NANOS: Final = 500_000_003
OUTPUT_NANOS: Final = 1_999_999_999
"""Nano-dollars per million tokens: odd ones, so that there is something to round."""

SENT_MAX: Final = 109
"""The bound of the prompt all jobs have."""

INSTRUMENT: Final = "text-prime"
DEATHS_MAX: Final = 3
FAILURES_MAX: Final = 8


class Lot(TypedDict):
    """A credit; `hours` is its life, which no walk outlasts, and None for ever."""

    account: str
    amount: int
    used: int
    held: int
    tokens: int | None
    tokens_used: int
    instrument: str | None
    hours: int | None
    expired: bool


class Part(TypedDict):
    """What a lot gives to a hold."""

    lot: str
    nanos: int
    tokens: int | None


class Job(TypedDict):
    """A job: `new running pending` (with a hold, between attempts), or how it ended."""

    account: str
    out: int
    state: str
    attempt: int
    parts: list[Part]
    caps: list[str]
    cancel: bool
    deaths: int
    failures: int
    cost: int | None
    refunded: int


class Cap(TypedDict):
    """A cap with what is held and spent in its only window."""

    account: str
    limit: int
    held: int
    spent: int
    removed: bool


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
        hours: int | None = None,
    ) -> None:
        """A new lot."""
        self.lots[lot_id] = Lot(
            account=account,
            amount=nanos,
            used=0,
            held=0,
            tokens=tokens,
            tokens_used=0,
            instrument=instrument,
            hours=hours,
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
            deaths=0,
            failures=0,
            cost=None,
            refunded=0,
        )

    def start(self, job_ids: Collection[str]) -> list[str]:
        """Start those that can be; return them. Each hold is drawn before the next is looked at."""
        started = []
        for job_id in sorted(job_ids):
            job = self.jobs[job_id]
            if job["state"] not in {"new", "pending"}:
                continue
            job["attempt"] += 1
            if job["state"] == "pending" or self._hold(job):
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

    def lose(self, job_id: str) -> None:
        """Its worker died; it goes on with its hold, unless that was one too many."""
        job = self.jobs[job_id]
        job["deaths"] += 1
        if job["cancel"]:
            self.release(job, "cancelled")
        elif job["deaths"] == DEATHS_MAX:
            self.release(job, "failed")
        else:
            job["state"] = "pending"

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

    def take(self, account: str, nanos: int) -> bool:
        """Take what an operator takes: of any money that nobody holds, or nothing at all."""
        mine = [lot for lot in self.order(account, None) if lot["tokens"] is None]
        if sum(map(room, mine)) < nanos:
            return False
        for lot in mine:
            give = min(nanos, room(lot))
            lot["used"] += give
            nanos -= give
        return True

    def order(self, account: str, instrument: str | None = INSTRUMENT) -> list[Lot]:
        """An account's lots that serve an instrument (any, for None), as they are drawn."""
        mine = [
            (lot["hours"] or 10**9, lot_id)
            for lot_id, lot in self.lots.items()
            if lot["account"] == account
            and not lot["expired"]
            and (instrument is None or lot["instrument"] in {None, instrument})
        ]
        return [self.lots[lot_id] for _, lot_id in sorted(mine)]

    def balance(self, account: str) -> tuple[int, int, int]:
        """What is available, held and spent."""
        mine = [lot for lot in self.lots.values() if lot["account"] == account]
        available = sum(room(lot) for lot in mine if not lot["expired"])
        return available, sum(lot["held"] for lot in mine), sum(lot["used"] for lot in mine)

    def _hold(self, job: Job) -> bool:
        parts = self._draw(job)
        nanos = price(SENT_MAX, job["out"]) if parts is None else _sum(parts)
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
        lots, names = self.order(job["account"]), {id(lot): k for k, lot in self.lots.items()}
        parts: list[Part] = []
        left = SENT_MAX + job["out"]
        for lot in lots:
            if lot["tokens"] is not None and (give := min(left, tokens_left(lot))):
                nanos = -(-give * lot["amount"] // lot["tokens"])
                parts.append(Part(lot=names[id(lot)], nanos=nanos, tokens=give))
                left -= give
        owed = rest(SENT_MAX, job["out"], SENT_MAX + job["out"] - left)
        for lot in lots:
            if lot["tokens"] is None and (nanos := min(owed, room(lot))):
                parts.append(Part(lot=names[id(lot)], nanos=nanos, tokens=None))
                owed -= nanos
        return None if owed else parts


def price(sent: int, got: int) -> int:
    """What so many tokens cost, rounded up."""
    return -(-(sent * INPUT_NANOS + got * OUTPUT_NANOS) // 1_000_000)


def rest(sent: int, got: int, covered: int) -> int:
    """What they cost when the first of them, input before output, are paid for already."""
    return price(max(0, sent - covered), got - max(0, covered - sent))


def room(lot: Lot) -> int:
    """What a lot has for a new hold."""
    return lot["amount"] - lot["used"] - lot["held"]


def tokens_left(lot: Lot) -> int:
    """How many tokens a lot has for a new hold: never more than its room pays for."""
    assert lot["tokens"] is not None
    by_worth = room(lot) * lot["tokens"] // lot["amount"]
    held_tokens = lot["held"] * lot["tokens"] // lot["amount"]
    return max(0, min(by_worth, lot["tokens"] - lot["tokens_used"] - held_tokens))


def held(job: Job) -> int:
    """What a job's hold comes to."""
    return _sum(job["parts"])


def _sum(parts: Sequence[Part]) -> int:
    return sum(part["nanos"] for part in parts)
