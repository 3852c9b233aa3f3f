"""Workers that die in the middle, answers nobody hears, leases and deadlines that pass."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy.exc import DBAPIError

from app.services.operate import credit
from app.services.settle import settle
from app.services.start import Started, start
from tests.book.walk import cashier
from tests.book.walk.cashier import Ending
from tests.book.walk.chance import amounts, endings, maybe, pick, side
from tests.book.walk.desk import Ask, Desk
from tests.factories import WORKER
from tests.services.faults import answer_lost, cut

UNHEARD: Final = None
"""Not before a statement, but between the commit and its answer."""

of_start = st.sampled_from([*range(9), UNHEARD])
of_settle = st.sampled_from([*range(5), UNHEARD])
of_deed = st.sampled_from([*range(9), UNHEARD])
"""Before which statement a worker dies: of some more than there are, so that some live."""


class Accidents(Desk):
    """What must not cost anybody anything."""

    def _dies(self, before: int | None, work: Callable[[], object]) -> bool:
        """Do some work, die in it if it is long enough, and go on as another process."""
        killer = self.house.open()
        try:
            with (
                answer_lost(self.gateway.engine)
                if before is UNHEARD
                else cut(self.gateway, killer, before=before)
            ):
                work()
        except DBAPIError:
            return True
        else:
            return False
        finally:
            killer.close()
            self._reopen()

    def _persist(self, before: int | None, ask: Ask) -> Sequence[str]:
        """Ask, die of it, and ask again: what was rolled back is done now, and all else was."""
        dies = self._dies(before, lambda: ask(self.gateway, 0))
        lot_ids, is_new = ask(self.gateway, 0)
        assert is_new is (dies and before is not UNHEARD)
        return lot_ids

    @rule()
    def rebuild(self) -> None:
        """The process dies and another one goes on, from nothing but the rows."""
        self._reopen()

    @rule(which=st.lists(pick, max_size=3), whose=side, late=maybe, before=of_start)
    def die_while_starting(
        self, which: list[int], whose: int, before: int | None, *, late: bool
    ) -> None:
        """A worker dies before a statement of its start, or hears nothing of its commit.

        Nothing has started then, or what has is known to nobody until its lease lapses.
        """
        names = {self._submit(whose, 40)} | {self._nth(self.oracle.jobs, each) for each in which}
        if late and (pending := self._named("pending")):
            self._pass_deadline(pending[0])
            names.add(pending[0])
        job_ids = sorted(names)
        self._come_due()
        started: list[Started] = []
        if not self._dies(
            before, lambda: started.extend(start(self.gateway, job_ids, WORKER).started)
        ):
            self._begin(started, job_ids)
        elif before is UNHEARD:
            self.oracle.start(job_ids)

    @precondition(Desk.calls_run)
    @rule(which=pick, ending=endings, before=of_settle)
    def die_while_settling(self, which: int, ending: Ending, before: int | None) -> None:
        """The same in a settlement; what was committed unheard is settled once more."""
        finished, call = self._end(self._live(which), ending)
        dies = self._dies(before, lambda: settle(self.gateway, [finished]))
        if before is UNHEARD:
            self._settle([(finished, call)])
        elif not dies:
            cashier.settle(self.oracle, [call])

    @rule(whose=side, nanos=amounts, gift=maybe, before=of_deed)
    def die_while_crediting(
        self, whose: int, nanos: int, before: int | None, *, gift: bool
    ) -> None:
        """Whatever a deposit or grant dies of: asked for again, it is there once."""
        give = credit.grant if gift else credit.deposit
        self._credit(give, whose, nanos, do=partial(self._persist, before))

    @precondition(lambda self: self._paid(refunded=False))
    @rule(which=pick, before=of_deed)
    def die_while_refunding(self, which: int, before: int | None) -> None:
        """Whatever a refund dies of: asked for again, it gives back once."""
        job_id = self._nth(self._paid(refunded=False), which)
        self._refund(job_id, None, do=partial(self._persist, before))

    @rule(whose=side, nanos=amounts, up=maybe, before=of_deed)
    def die_while_adjusting(self, whose: int, nanos: int, before: int | None, *, up: bool) -> None:
        """Whatever an adjustment dies of: asked for again, it was made once."""
        self._adjust(whose, nanos if up else -nanos, do=partial(self._persist, before))

    @precondition(Desk.jobs_run)
    @rule(which=pick)
    def lose_a_worker(self, which: int) -> None:
        """A lease lapses, and the sweeper notices."""
        self._sweep([self._nth(self._named("running"), which)])

    @precondition(lambda self: self._named("new", "pending", "running"))
    @rule(which=pick)
    def pass_a_deadline(self, which: int) -> None:
        """The time of a job is over; whoever comes to it next ends it."""
        self._pass_deadline(self._nth(self._named("new", "pending", "running"), which))

    @precondition(lambda self: self._named("pending", "running"))
    @rule(which=pick, swept=maybe)
    def expire_a_hold(self, which: int, *, swept: bool) -> None:
        """The time of a job with a hold is over, as it waits or its worker is dead.

        The sweeper gives the hold back, also when a worker that was rung for comes before it.
        """
        job_id = self._nth(self._named("pending", "running"), which)
        runs = self.oracle.jobs[job_id]["state"] == "running"
        self._pass_deadline(job_id)
        if not swept:
            self._start([job_id])
        self._sweep([job_id] if runs else [])
        assert self.oracle.jobs[job_id]["state"] in {"expired", "cancelled"}

    @rule()
    def sweep(self) -> None:
        """A sweeper looks, and perhaps there is nothing."""
        self._sweep()
