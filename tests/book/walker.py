"""What a walk has in hand, and the few doors all its rules go through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.operate import caps, credit
from app.services.operate.credit import Credit
from app.services.settle import Finished, settle
from app.services.start import Started, start
from app.store.operating.crediting import Credited
from tests.book import cashier
from tests.book.cashier import Call, Ending
from tests.book.chance import ODD, outcome
from tests.book.oracle import Oracle, held
from tests.factories import WORKER, make_customer, make_job
from tests.services.book import at_price, change, look

WHO = "ann@bastion"


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
        self.deposits: list[tuple[str, Credit, str]] = []

    def teardown(self) -> None:
        """Give the connections back."""
        self.gateway.close()

    def _credit(
        self,
        give: Callable[..., Credited],
        whose: int,
        nanos: int,
        *,
        life: int | None = None,
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

    def _cancel(self, job_id: str) -> None:
        account = self.oracle.jobs[job_id]["account"]
        caller = next(o.caller for o in self.owners if o.account_id == account)
        cancel(self.gateway, caller, job_id)
        self.oracle.cancel(job_id)

    def _cap(self, whose: int, limit: int | None, *, by_key: bool) -> None:
        owner = self.owners[whose]
        key = owner.caller.key_id if by_key else None
        caps.set_caps(self.gateway, owner.account_id, key, {Period.MONTH: limit}, actor=WHO)
        rows = look(self.gateway, "SELECT id, account_id, limit_nanos, removed_at FROM caps")
        for row in rows:
            new = {"account": row.account_id, "limit": 0, "held": 0, "spent": 0, "removed": False}
            known: Any = self.oracle.caps.setdefault(row.id, new)  # type: ignore[arg-type]
            known["limit"], known["removed"] = row.limit_nanos, row.removed_at is not None

    def calls_run(self) -> bool:
        """True while there is a call that may end in time."""
        return bool(self._running())

    def _end(self, job: Started, ending: Ending) -> tuple[Finished, Call]:
        finished = Finished(job=job, outcome=outcome(ending))
        call = Call(job=job.id, attempt=job.attempt, ending=ending)
        self.over.append((finished, call))
        return finished, call

    def _live(self, which: int) -> Started:
        running = self._running()
        name = running[which % len(running)]
        return next(job for job in reversed(self.calls) if job.id == name)

    def _running(self) -> list[str]:
        return [name for name, job in self.oracle.jobs.items() if job["state"] == "running"]

    def _paid(self) -> list[str]:
        return [name for name, job in self.oracle.jobs.items() if job["state"] == "succeeded"]

    def _nth(self, named: dict[str, Any], which: int) -> str:
        return list(named)[which % len(named)]
