"""The machine: chance calls the real services, the oracle says what the book must then hold."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy.exc import DBAPIError

from app.domain.errors import InsufficientBalance, OutOfRange, ReferenceReused
from app.services.keeping.sweep import sweep
from app.services.operate import adjust, credit, refund
from app.services.settle import Finished, settle
from tests.book import cashier
from tests.book.cashier import Call, Ending
from tests.book.chance import (
    ODD,
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
from tests.book.comparing import compare
from tests.book.oracle import INSTRUMENT
from tests.book.walker import WHO, Walker
from tests.services.book import at_price, change, lapse
from tests.services.faults import answer_lost, cut


class Book(Walker):
    """Two accounts, and whatever may happen to their money."""

    @initialize(nanos=amounts, unit=units, out=outputs, limit=limits)
    def begin(self, nanos: int, unit: tuple[int, int], out: int, limit: int | None) -> None:
        """Both accounts have something, and jobs under way."""
        tokens, cost = unit
        self._credit(credit.deposit, 0, nanos + 600_000)
        self._credit(credit.deposit, 0, nanos, life=1, instrument="text-max")
        self._credit(credit.deposit, 1, nanos + 60_000)
        self._credit(credit.grant, 1, cost, tokens=tokens, instrument=INSTRUMENT)
        self._cap(0, None if limit is None else limit + 254_500, by_key=False)
        for whose in (0, 1):
            self._start([self._submit(whose, out) for _ in range(2)])

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

    @precondition(lambda self: self.deposits)
    @rule(which=pick, other=st.booleans())
    def repeat_a_deposit(self, which: int, other: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """The same reference again, perhaps for another amount: nothing is credited."""
        account, wanted, lot_id = self.deposits[which % len(self.deposits)]
        if not other:
            again = credit.deposit(self.gateway, account, wanted, actor=WHO)
            assert (again.lot_id, again.is_new) == (lot_id, False)
            return
        with suppress(ReferenceReused):
            another = replace(wanted, nanos=wanted.nanos + 1)
            credit.deposit(self.gateway, account, another, actor=WHO)
            raise AssertionError

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

    @precondition(lambda self: self.calls)
    @rule(which=pick, ending=endings)
    def settle_late(self, which: int, ending: Ending) -> None:
        """Any call there ever was ends, perhaps when its lease was lost long ago."""
        self._settle([self._end(self.calls[which % len(self.calls)], ending)])

    @precondition(lambda self: self.over)
    @rule(which=st.lists(pick, min_size=1, max_size=3))
    def settle_again(self, which: list[int]) -> None:
        """What was settled before comes once more."""
        by_job: dict[str, tuple[Finished, Call]] = {}
        for each in which:
            finished, call = self.over[each % len(self.over)]
            by_job.setdefault(call.job, (finished, call))
        self._settle(list(by_job.values()))

    @precondition(Walker.calls_run)
    @rule(which=pick, ending=endings, before=st.integers(0, 4))
    def die_while_settling(self, which: int, ending: Ending, before: int) -> None:
        """The worker's connection dies before one of its statements; a new one takes over."""
        finished, call = self._end(self._live(which), ending)
        killer = self.house.open()
        try:
            with cut(self.gateway, killer, before=before):
                settle(self.gateway, [finished])
        except DBAPIError:
            pass
        else:
            cashier.settle(self.oracle, [call])
        finally:
            killer.close()
        self.rebuild()

    @precondition(Walker.calls_run)
    @rule(which=pick, ending=endings)
    def settle_unheard(self, which: int, ending: Ending) -> None:
        """It is committed, and nobody hears of it; so it is settled again."""
        finished, call = self._end(self._live(which), ending)
        with suppress(DBAPIError), answer_lost(self.gateway.engine):
            settle(self.gateway, [finished])
        self._settle([(finished, call)])

    @rule()
    def rebuild(self) -> None:
        """The process dies and another one goes on, from nothing but the rows."""
        self.gateway.close()
        self.gateway = at_price(self.house.open(), ODD)

    @precondition(lambda self: self.oracle.jobs)
    @rule(which=pick)
    def cancel(self, which: int) -> None:
        """A job is cancelled, whatever state it is in."""
        self._cancel(self._nth(self.oracle.jobs, which))

    @precondition(Walker.calls_run)
    @rule(which=pick)
    def lose_a_worker(self, which: int) -> None:
        """A lease lapses, and the sweeper notices."""
        running = self._running()
        job_id = running[which % len(running)]
        lapse(self.gateway, job_id)
        assert sweep(self.gateway) >= 1
        self.oracle.lose(job_id)

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

    @rule(whose=side, by_key=st.booleans(), limit=limits)
    def cap(self, whose: int, by_key: bool, limit: int | None) -> None:  # noqa: FBT001 - as above
        """A cap is set, changed or taken away; by the month, so that midnight changes nothing."""
        self._cap(whose, limit, by_key=by_key)

    @precondition(lambda self: self._paid())
    @rule(which=pick, nanos=st.none() | st.integers(1, 400_000))
    def refund(self, which: int, nanos: int | None) -> None:
        """A job's cost is given back, if there is so much of it left."""
        paid = self._paid()
        job_id = paid[which % len(paid)]
        job = self.oracle.jobs[job_id]
        left = (job["cost"] or 0) - job["refunded"]
        wanted = left if nanos is None else nanos
        try:
            done = refund.refund(self.gateway, job["account"], job_id, nanos, actor=WHO)
        except OutOfRange:
            assert wanted > left or left == 0
        else:
            assert done.nanos == wanted <= left
            job["refunded"] += wanted
            self.oracle.credit(done.lot_id, job["account"], wanted)

    @rule(whose=side, nanos=amounts, up=st.booleans())
    def adjust(self, whose: int, nanos: int, up: bool) -> None:  # noqa: FBT001 - as above
        """An operator puts something right, upward, or downward as far as there is anything."""
        account = self.owners[whose].account_id
        try:
            done = adjust.adjust(
                self.gateway, account, nanos if up else -nanos, actor=WHO, why="it was wrong"
            )
        except InsufficientBalance:
            assert not up
            assert not self.oracle.take(account, nanos)
            return
        if up:
            self.oracle.credit(done.lot_ids[0], account, nanos)
        else:
            assert self.oracle.take(account, nanos)

    @invariant()
    def agrees(self) -> None:
        """The book says what the oracle says, is nowhere below zero, and the doctor is content."""
        compare(self.gateway, self.owners, self.oracle)
