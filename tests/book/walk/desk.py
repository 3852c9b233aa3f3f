"""The doors of operators: what they ask for, each time under a reference, and what it made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.errors import InsufficientBalance, OutOfRange
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.operate import adjust, caps, refund
from app.services.operate.credit import Credit
from app.store.operating.crediting import Credited
from tests.book.walk import teller
from tests.book.walk.walker import House, Walker
from tests.services.book import look

WHO = "ann@bastion"

Ask = Callable[[Gateway, int], tuple[Sequence[str], bool]]
"""Ask for it, or for so many nano-dollars more: which lots it is about, and whether it is new."""

Give = Callable[..., Credited]
"""Deposit or grant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What was done, to ask for it again."""

    ask: Ask
    lot_ids: Sequence[str]


class Desk(Walker):
    """Lots that come, come back or are taken back, and caps."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.asked = 0
        self.deeds: list[Deed] = []
        self.capped: dict[str, tuple[int, bool, int | None]] = {}

    def _do(self, ask: Ask) -> Sequence[str]:
        """Ask twice, as one does who has not heard the answer."""
        lot_ids, is_new = ask(self.gateway, 0)
        assert is_new
        assert ask(self.gateway, 0) == (lot_ids, False)
        return lot_ids

    def _reference(self) -> str:
        self.asked += 1
        return f"r{self.asked}"

    def _credit(
        self,
        give: Give,
        whose: int,
        nanos: int,
        *,
        life: int | None = None,
        tokens: int | None = None,
        instrument: str | None = None,
        do: Callable[[Ask], Sequence[str]] | None = None,
    ) -> None:
        account = self.owners[whose].account_id
        wanted = Credit(
            nanos=nanos,
            reference=self._reference(),
            expires=timedelta(hours=life) if life else None,
            instrument=instrument,
            tokens=tokens,
        )

        def ask(gateway: Gateway, more: int) -> tuple[Sequence[str], bool]:
            done = give(gateway, account, replace(wanted, nanos=nanos + more), actor=WHO)
            return (done.lot_id,), done.is_new

        (lot_id,) = (do or self._do)(ask)
        self.deeds.append(Deed(ask=ask, lot_ids=(lot_id,)))
        ends = (life, lot_id) if life else None
        self.oracle.credit(lot_id, account, nanos, tokens=tokens, instrument=instrument, ends=ends)

    def _refund(
        self,
        job_id: str,
        nanos: int | None,
        *,
        do: Callable[[Ask], Sequence[str]] | None = None,
    ) -> None:
        account, name = self.oracle.jobs[job_id]["account"], self._reference()
        back = teller.refund(self.oracle, job_id, nanos)
        given = sum(part.nanos for part in back)

        def ask(gateway: Gateway, more: int) -> tuple[Sequence[str], bool]:
            wanted = given + more if more else nanos
            done = refund.refund(gateway, account, job_id, wanted, actor=WHO, reference=name)
            assert done.nanos == given
            return done.lot_ids, done.is_new

        try:
            lot_ids = (do or self._do)(ask)
        except OutOfRange:
            assert not back
            return
        assert back
        self.deeds.append(Deed(ask=ask, lot_ids=lot_ids))
        for part, lot_id in zip(back, lot_ids, strict=True):
            self.oracle.credit(
                lot_id, account, part.nanos, instrument=part.instrument, ends=part.ends
            )

    def _adjust(
        self, whose: int, nanos: int, *, do: Callable[[Ask], Sequence[str]] | None = None
    ) -> None:
        account, name = self.owners[whose].account_id, self._reference()
        taken = teller.take(self.oracle, account, -nanos) if nanos < 0 else []

        def ask(gateway: Gateway, more: int) -> tuple[Sequence[str], bool]:
            wanted = nanos - more if nanos < 0 else nanos + more
            done = adjust.adjust(gateway, account, wanted, actor=WHO, why="wrong", reference=name)
            return done.lot_ids, done.is_new

        try:
            lot_ids = (do or self._do)(ask)
        except InsufficientBalance:
            assert nanos < 0
            assert not taken
            return
        self.deeds.append(Deed(ask=ask, lot_ids=lot_ids))
        if nanos > 0:
            (lot_id,) = lot_ids
            self.oracle.credit(lot_id, account, nanos)
        else:
            assert list(lot_ids) == taken

    def _cap(self, whose: int, limit: int | None, *, by_key: bool) -> None:
        owner = self.owners[whose]
        key = owner.caller.key_id if by_key else None
        caps.set_caps(self.gateway, owner.account_id, key, {Period.MONTH: limit}, actor=WHO)
        subject = key or owner.account_id
        rows = look(self.gateway, "SELECT id FROM caps WHERE subject_id = :id", id=subject)
        for row in rows:
            teller.cap(self.oracle, row.id, owner.account_id, limit)
            self.capped[row.id] = (whose, by_key, limit)
        assert len(rows) <= 1

    def _paid(self, *, refunded: bool) -> list[str]:
        """Return jobs that cost something of which there is nothing left to refund, or is."""
        return [
            name
            for name, job in self.oracle.jobs.items()
            if job["cost"] and (teller.left(self.oracle, name) == 0) is refunded
        ]
