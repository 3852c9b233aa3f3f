"""The machine: chance calls the real services, the oracle says what the book must then hold."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.exc import DBAPIError

from app.domain.errors import InsufficientBalance, OutOfRange, ReferenceReused
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.operate import adjust, caps, credit, refund
from app.services.operate.credit import Credit
from app.services.settle import Finished, settle
from app.services.start import Started, start
from tests.book import cashier
from tests.book.cashier import Call, Ending
from tests.book.chance import ODD, amounts, endings, hours, outcome, outputs, pick, side, units
from tests.book.comparing import compare
from tests.book.oracle import INSTRUMENT, Oracle, held
from tests.factories import WORKER, Customer, make_customer, make_job
from tests.services.book import at_price, change, lapse, look
from tests.services.faults import answer_lost, cut

WHO = "ann@bastion"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a walk is made on: a way to open gateways, and one to begin with empty tables."""

    open: Callable[[], Gateway]
    empty: Callable[[], None]


class Book(RuleBasedStateMachine):
    """Two accounts, and whatever may happen to their money."""

    def __init__(self, house: House) -> None:
        super().__init__()
        house.empty()
        self.house = house
        self.gateway = at_price(house.open(), ODD)
        self.owners = [make_customer(self.gateway, "0") for _ in range(2)]
        self.oracle = Oracle()
        self.calls: list[Started] = []
        self.over: list[tuple[Finished, Call]] = []
        self.deposits: list[tuple[str, Credit, str]] = []

    def teardown(self) -> None:
        """Give the connections back."""
        self.gateway.close()

    @rule(whose=side, nanos=amounts, life=hours, scope=st.sampled_from([None, None, "text-max"]))
    def deposit(self, whose: int, nanos: int, life: int | None, scope: str | None) -> None:
        """Somebody pays in."""
        self._credit(credit.deposit, whose, nanos, life=life, instrument=scope)

    @rule(whose=side, nanos=amounts, life=hours)
    def grant(self, whose: int, nanos: int, life: int | None) -> None:
        """An operator gives."""
        self._credit(credit.grant, whose, nanos, life=life)

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

    @precondition(lambda self: self.calls)
    @rule(which=pick, ending=endings)
    def settle_one(self, which: int, ending: Ending) -> None:
        """A call ends: in time, or when its lease was lost long ago."""
        self._settle([self._end(which, ending)])

    @precondition(lambda self: self.calls)
    @rule(which=st.lists(st.tuples(pick, endings), min_size=2, max_size=4))
    def settle_together(self, which: list[tuple[int, Ending]]) -> None:
        """Calls that end in one group."""
        by_job = {}
        for each, ending in which:
            finished, call = self._end(each, ending)
            by_job.setdefault(call.job, (finished, call))
        self._settle(list(by_job.values()))

    @precondition(lambda self: self.over)
    @rule(which=st.lists(pick, min_size=1, max_size=3))
    def settle_again(self, which: list[int]) -> None:
        """What was settled before comes once more."""
        by_job = {}
        for each in which:
            finished, call = self.over[each % len(self.over)]
            by_job.setdefault(call.job, (finished, call))
        self._settle(list(by_job.values()))

    @precondition(lambda self: self.calls)
    @rule(which=pick, ending=endings, before=st.integers(0, 4))
    def die_while_settling(self, which: int, ending: Ending, before: int) -> None:
        """The worker's connection dies before one of its statements; a new one takes over."""
        finished, call = self._end(which, ending)
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

    @precondition(lambda self: self.calls)
    @rule(which=pick, ending=endings)
    def settle_unheard(self, which: int, ending: Ending) -> None:
        """It is committed, and nobody hears of it; so it is settled again."""
        finished, call = self._end(which, ending)
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
        job_id = self._nth(self.oracle.jobs, which)
        cancel(self.gateway, self._owner(self.oracle.jobs[job_id]["account"]).caller, job_id)
        self.oracle.cancel(job_id)

    @precondition(lambda self: self._running())
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

    @rule(whose=side, by_key=st.booleans(), limit=st.none() | st.integers(0, 3_000_000))
    def cap(self, whose: int, by_key: bool, limit: int | None) -> None:  # noqa: FBT001 - as above
        """A cap is set, changed or taken away; by the month, so that midnight changes nothing."""
        owner = self.owners[whose]
        key = owner.caller.key_id if by_key else None
        caps.set_caps(self.gateway, owner.account_id, key, {Period.MONTH: limit}, actor=WHO)
        rows = look(self.gateway, "SELECT id, account_id, limit_nanos, removed_at FROM caps")
        for row in rows:
            new = {"account": row.account_id, "limit": 0, "held": 0, "spent": 0, "removed": False}
            known: Any = self.oracle.caps.setdefault(row.id, new)  # type: ignore[arg-type]
            known["limit"], known["removed"] = row.limit_nanos, row.removed_at is not None

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

    def _credit(
        self,
        give: Callable[..., credit.Credited],
        whose: int,
        nanos: int,
        *,
        life: int | None,
        tokens: int | None = None,
        instrument: str | None = None,
    ) -> None:
        account = self.owners[whose].account_id
        wanted = Credit(
            nanos=nanos,
            reference=f"r{len(self.deposits)}" if give is credit.deposit else None,
            expires=timedelta(hours=life) if life else None,
            instrument=instrument,
            tokens=tokens,
        )
        lot_id = give(self.gateway, account, wanted, actor=WHO).lot_id
        self.oracle.credit(lot_id, account, nanos, tokens=tokens, instrument=instrument, hours=life)
        if wanted.reference is not None:
            self.deposits.append((account, wanted, lot_id))

    def _submit(self, whose: int, out: int) -> str:
        owner = self.owners[whose]
        job_id = make_job(self.gateway, owner, max_tokens=out)
        self.oracle.submit(job_id, owner.account_id, out)
        return job_id

    def _start(self, job_ids: Sequence[str]) -> None:
        change(self.gateway, "UPDATE jobs SET run_at = now() WHERE finished_at IS NULL")
        started = start(self.gateway, job_ids, WORKER).started
        assert [job.id for job in started] == self.oracle.start(job_ids)
        assert [job.hold.nanos for job in started] == [
            held(self.oracle.jobs[job.id]) for job in started
        ]
        self.calls += started

    def _settle(self, ended: Sequence[tuple[Finished, Call]]) -> None:
        settle(self.gateway, [finished for finished, _ in ended])
        cashier.settle(self.oracle, [call for _, call in ended])

    def _end(self, which: int, ending: Ending) -> tuple[Finished, Call]:
        # The newest call first: shrunk walks end what they have just begun.
        job = self.calls[-1 - which % len(self.calls)]
        finished = Finished(job=job, outcome=outcome(ending))
        call = Call(job=job.id, attempt=job.attempt, ending=ending)
        self.over.append((finished, call))
        return finished, call

    def _running(self) -> list[str]:
        return [name for name, job in self.oracle.jobs.items() if job["state"] == "running"]

    def _paid(self) -> list[str]:
        return [name for name, job in self.oracle.jobs.items() if job["state"] == "succeeded"]

    def _owner(self, account: str) -> Customer:
        return next(owner for owner in self.owners if owner.account_id == account)

    def _nth(self, named: dict[str, Any], which: int) -> str:
        return list(named)[which % len(named)]
