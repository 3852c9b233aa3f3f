"""What a walk has in hand, and the few doors all its rules go through."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import Started, start
from tests.book.walk import cashier
from tests.book.walk.cashier import Call, Ending
from tests.book.walk.chance import ODD, outcome
from tests.book.walk.oracle import Oracle
from tests.book.walk.rows import held
from tests.factories import WORKER, make_customer, make_job
from tests.services.book import at_price, change, lapse

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a walk is made on: a way to open gateways, and one to begin with empty tables."""

    open: Callable[[], Gateway]
    empty: Callable[[], None]


class Walker(RuleBasedStateMachine):
    """A gateway, an oracle beside it, and all calls there ever were."""

    def __init__(self, house: House) -> None:
        super().__init__()
        house.empty()
        self.house = house
        self.gateway = at_price(house.open(), ODD)
        self.owners = [make_customer(self.gateway, "0") for _ in range(2)]
        self.oracle = Oracle()
        self.calls: list[Started] = []
        self.over: list[tuple[Finished, Call]] = []

    def teardown(self) -> None:
        """Give the connections back."""
        self.gateway.close()

    def _reopen(self) -> None:
        self.gateway.close()
        self.gateway = at_price(self.house.open(), ODD)

    def _submit(self, whose: int, out: int) -> str:
        owner = self.owners[whose]
        job_id = make_job(self.gateway, owner, max_tokens=out)
        self.oracle.submit(job_id, owner.account_id, out)
        return job_id

    def _start(self, job_ids: Sequence[str]) -> None:
        self._come_due()
        self._begin(start(self.gateway, job_ids, WORKER).started, job_ids)

    def _come_due(self) -> None:
        change(self.gateway, "UPDATE jobs SET run_at = now() WHERE finished_at IS NULL")

    def _begin(self, started: Sequence[Started], job_ids: Sequence[str]) -> None:
        """Take what a start gave, which is what the oracle expects."""
        assert [job.id for job in started] == self.oracle.start(job_ids)
        assert [job.hold.nanos for job in started] == [
            held(self.oracle.jobs[job.id]) for job in started
        ]
        self.calls += started

    def _settle(self, ended: Sequence[tuple[Finished, Call]]) -> None:
        settle(self.gateway, [finished for finished, _ in ended])
        cashier.settle(self.oracle, [call for _, call in ended])

    def _cancel(self, job_id: str) -> None:
        account = self.oracle.jobs[job_id]["account"]
        caller = next(o.caller for o in self.owners if o.account_id == account)
        cancel(self.gateway, caller, job_id)
        self.oracle.cancel(job_id)

    def _pass_deadline(self, job_id: str) -> None:
        moved = "UPDATE jobs SET deadline_at = now() - interval '1 s' WHERE id = :id"
        assert change(self.gateway, moved, id=job_id) == 1
        self.oracle.jobs[job_id]["is_late"] = True

    def _sweep(self, lapsed: Collection[str] = ()) -> None:
        lapse(self.gateway, *lapsed)
        assert sweep(self.gateway) >= len(lapsed)
        self.oracle.sweep(lapsed)

    def calls_run(self) -> bool:
        """True while there is a call that may end in time."""
        return bool(self._in_hand())

    def jobs_run(self) -> bool:
        """True while there are jobs whose worker may die."""
        return bool(self._named("running"))

    def _end(self, job: Started, ending: Ending) -> tuple[Finished, Call]:
        finished = Finished(job=job, outcome=outcome(ending))
        call = Call(job=job.id, attempt=job.attempt, ending=ending)
        self.over.append((finished, call))
        return finished, call

    def _live(self, which: int) -> Started:
        return self._nth(self._in_hand(), which)

    def _in_hand(self) -> list[Started]:
        """Return the calls under way; of a start that nobody heard of there is none."""
        newest = {job.id: job for job in self.calls}
        return [
            newest[name]
            for name in self._named("running")
            if name in newest and newest[name].attempt == self.oracle.jobs[name]["attempt"]
        ]

    def _named(self, *states: str) -> list[str]:
        """Return the jobs in one of these states."""
        return [name for name, job in self.oracle.jobs.items() if job["state"] in states]

    def _nth(self, some: Iterable[T], which: int) -> T:
        found = list(some)
        return found[which % len(found)]
