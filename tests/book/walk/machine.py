"""The machine: chance calls the real services, the oracle says what the book must then hold."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from app.services.operate import credit
from app.services.settle import Finished
from tests.book.walk.accidents import Accidents
from tests.book.walk.cashier import Call, Ending
from tests.book.walk.chance import (
    amounts,
    endings,
    hours,
    limits,
    maybe,
    outputs,
    pick,
    scopes,
    side,
    units,
)
from tests.book.walk.comparing import compare
from tests.book.walk.repeats import Repeats
from tests.book.walk.rows import INSTRUMENT
from tests.book.walk.walker import Walker
from tests.services.book import change


class Book(Repeats, Accidents):
    """Two accounts, and whatever may happen to their money."""

    @initialize(nanos=amounts, unit=units, out=outputs, limit=limits)
    def begin(self, nanos: int, unit: tuple[int, int], out: int, limit: int | None) -> None:
        """Both accounts have something, jobs under way, and one that was paid."""
        tokens, cost = unit
        self._credit(credit.deposit, 0, nanos + 600_000)
        self._credit(credit.deposit, 0, nanos, life=1, instrument="text-max")
        self._credit(credit.deposit, 1, nanos + 60_000)
        self._credit(credit.grant, 1, cost, tokens=tokens, instrument=INSTRUMENT)
        self._cap(0, None if limit is None else limit + 254_500, by_key=False)
        for whose in (0, 1):
            self._start([self._submit(whose, out) for _ in range(2)])
        self._settle([self._end(self._live(0), Ending(way="answer", sent=50, got=out))])

    @rule(whose=side, nanos=amounts, life=hours, scope=scopes, gift=maybe)
    def credit(
        self, whose: int, nanos: int, life: int | None, scope: str | None, *, gift: bool
    ) -> None:
        """Somebody pays in, or an operator gives."""
        give = credit.grant if gift else credit.deposit
        self._credit(give, whose, nanos, life=life, instrument=scope)

    @rule(whose=side, unit=units, life=hours)
    def buy_tokens(self, whose: int, unit: tuple[int, int], life: int | None) -> None:
        """Tokens come, at what they cost together."""
        tokens, nanos = unit
        self._credit(credit.deposit, whose, nanos, life=life, tokens=tokens, instrument=INSTRUMENT)

    @rule(whose=side, out=outputs, number=st.integers(1, 3))
    def submit_and_start(self, whose: int, out: int, number: int) -> None:
        """Jobs come and are started together."""
        self._start([self._submit(whose, out) for _ in range(number)])

    @rule(whose=side, out=outputs)
    def submit(self, whose: int, out: int) -> None:
        """A job comes."""
        self._submit(whose, out)

    @precondition(lambda self: self.oracle.jobs)
    @rule(which=st.lists(pick, min_size=1, max_size=4))
    def start_any(self, which: list[int]) -> None:
        """Jobs are started, whatever state they are in."""
        names = sorted(self.oracle.jobs)
        self._start(sorted({names[each % len(names)] for each in which}))

    @rule(whose=side, out=outputs, ending=endings)
    def carry(self, whose: int, out: int, ending: Ending) -> None:
        """A job comes, starts if it can, and its call ends."""
        job_id = self._submit(whose, out)
        self._start([job_id])
        if self.oracle.jobs[job_id]["state"] == "running":
            self._settle([self._end(self.calls[-1], ending)])

    @precondition(Walker.calls_run)
    @rule(which=pick, ending=endings, wished=maybe)
    def settle_one(self, which: int, ending: Ending, *, wished: bool) -> None:
        """A call ends in time, perhaps right after somebody cancelled it."""
        job = self._live(which)
        if wished:
            self._cancel(job.id)
        self._settle([self._end(job, ending)])

    @precondition(Walker.calls_run)
    @rule(which=st.lists(st.tuples(pick, endings), min_size=2, max_size=4))
    def settle_together(self, which: list[tuple[int, Ending]]) -> None:
        """Calls that end in one group."""
        by_job: dict[str, tuple[Finished, Call]] = {}
        for each, ending in which:
            finished, call = self._end(self._live(each), ending)
            by_job.setdefault(call.job, (finished, call))
        self._settle(list(by_job.values()))

    @precondition(lambda self: self.oracle.jobs)
    @rule(which=pick)
    def cancel(self, which: int) -> None:
        """A job is cancelled, whatever state it is in."""
        self._cancel(self._nth(self.oracle.jobs, which))

    @precondition(lambda self: self.oracle.lots)
    @rule(which=pick)
    def expire(self, which: int) -> None:
        """A lot's time is over."""
        lot_id = self._nth(self.oracle.lots, which)
        change(
            self.gateway,
            "UPDATE lots SET expires_at = now() - interval '1 s' WHERE id = :id",
            id=lot_id,
        )
        self.oracle.lots[lot_id]["expired"] = True

    @rule(whose=side, by_key=maybe, limit=limits)
    def cap(self, whose: int, limit: int | None, *, by_key: bool) -> None:
        """A cap is set, changed or taken away; by the month, so that midnight changes nothing."""
        self._cap(whose, limit, by_key=by_key)

    @precondition(lambda self: self._named("succeeded"))
    @rule(which=pick, nanos=st.none() | st.integers(1, 400_000))
    def refund(self, which: int, nanos: int | None) -> None:
        """A job's cost is given back, if there is so much of it left."""
        self._refund(self._nth(self._named("succeeded"), which), nanos)

    @rule(whose=side, nanos=amounts, up=maybe)
    def adjust(self, whose: int, nanos: int, *, up: bool) -> None:
        """An operator puts something right, upward, or downward as far as there is anything."""
        self._adjust(whose, nanos if up else -nanos)

    @invariant()
    def agrees(self) -> None:
        """The book says what the oracle says, is nowhere below zero, and the doctor is content."""
        compare(self.gateway, self.owners, self.oracle)
