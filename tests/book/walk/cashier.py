"""The oracle's half that settles: what an answer costs, and which lots pay for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.book.walk.oracle import FAILURES_MAX, Oracle
from tests.book.walk.rows import SENT_MAX, Job, Lot, held, price, rest, room, tokens_left

ANSWERS: Final = frozenset({"answer", "missing", "empty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ends, and `sent` and `got` tokens.

    Ways are `answer missing empty reject retry late drain stop`.
    """

    way: str
    sent: int = 0
    got: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt of a job, and how it ended."""

    job: str
    attempt: int
    ending: Ending


def settle(oracle: Oracle, calls: Sequence[Call]) -> None:
    """Settle a group: what only the lots can tell comes first, by the lots as they stand."""
    mine = [
        (oracle.jobs[call.job], call.ending)
        for call in calls
        if oracle.jobs[call.job]["state"] == "running"
        and oracle.jobs[call.job]["attempt"] == call.attempt
    ]
    drawable = {name for name, lot in oracle.lots.items() if not lot["expired"] and room(lot) > 0}
    ordered = sorted(mine, key=lambda each: not _is_due(*each))
    for job, ending in ordered:
        if ending.way in ANSWERS:
            _pay(oracle, job, ending, drawable)
        else:
            _end(oracle, job, ending.way)


def _end(oracle: Oracle, job: Job, way: str) -> None:
    job["failures"] += way == "retry"
    if way == "stop":
        oracle.release(job, "cancelled")
    elif way == "late":
        oracle.release(job, "expired")
    elif way == "reject" or job["failures"] == FAILURES_MAX:
        oracle.release(job, "failed")
    elif job["cancel"]:
        oracle.release(job, "cancelled")
    else:
        job["state"] = "pending"


def _pay(oracle: Oracle, job: Job, ending: Ending, drawable: set[str]) -> None:
    usage = _usage(job, ending)
    if ending.way == "empty":
        usage = (0, 0)
    further = [lot for lot in oracle.order(job["account"]) if lot["name"] in drawable]
    if usage is None:
        cost = sum(
            _spend(job, oracle.lots[part["lot"]], part["nanos"], part["tokens"], part["nanos"])
            for part in job["parts"]
        )
    else:
        cost = _pay_for(oracle, job, usage, further)
    oracle.close(job, "succeeded", cost)


def _pay_for(oracle: Oracle, job: Job, usage: tuple[int, int], further: list[Lot]) -> int:
    sent, got = usage
    cost = covered = 0
    for part in job["parts"]:
        if part["tokens"] is not None:
            tokens = min(part["tokens"], sent + got - covered)
            cost += _spend(job, oracle.lots[part["lot"]], part["nanos"], tokens, 0)
            covered += tokens
    money = sum(part["nanos"] for part in job["parts"] if part["tokens"] is None)
    lacking = 0
    while rest(sent, got, covered + lacking) > money:
        lacking += 1
    for lot in further:
        if lot["tokens"] is not None and (tokens := min(lacking, tokens_left(lot))):
            cost += _spend(job, lot, 0, tokens, 0)
            covered += tokens
            lacking -= tokens
    owed = rest(sent, got, covered)
    for part in job["parts"]:
        if part["tokens"] is None:
            nanos = min(owed, part["nanos"])
            cost += _spend(job, oracle.lots[part["lot"]], part["nanos"], None, nanos)
            owed -= nanos
    for lot in further if owed else ():
        if lot["tokens"] is None:
            nanos = min(owed, room(lot))
            cost += _spend(job, lot, 0, None, nanos)
            owed -= nanos
    oracle.shortfall += owed
    return cost


def _spend(job: Job, lot: Lot, release: int, tokens: int | None, nanos: int) -> int:
    """Give back what was held and spend a part; tokens cost the lot's price up to them."""
    if tokens is not None:
        assert lot["tokens"] is not None
        lot["tokens_used"] += tokens
        nanos = lot["amount"] * lot["tokens_used"] // lot["tokens"] - lot["used"]
    lot["held"] -= release
    lot["used"] += nanos
    job["paid"][lot["name"]] = job["paid"].get(lot["name"], 0) + nanos
    return nanos


def _usage(job: Job, ending: Ending) -> tuple[int, int] | None:
    """What is believed: nothing above twice the bound, and nothing negative."""
    believable = 0 <= ending.sent <= 2 * SENT_MAX and 0 <= ending.got <= 2 * job["out"]
    return (ending.sent, ending.got) if ending.way == "answer" and believable else None


def _is_due(job: Job, ending: Ending) -> bool:
    if ending.way not in {"answer", "missing"}:
        return False
    usage = _usage(job, ending)
    if any(part["tokens"] is not None for part in job["parts"]):
        return True
    return usage is not None and price(*usage) > held(job)
