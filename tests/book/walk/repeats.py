"""Whatever was asked for comes once more, late or at once: it is done once."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.domain.errors import ReferenceReused
from app.services.settle import Finished
from tests.book.walk.cashier import Call, Ending
from tests.book.walk.chance import endings, maybe, pick
from tests.book.walk.desk import Desk


class Repeats(Desk):
    """Calls that are heard again."""

    @precondition(lambda self: self.deeds)
    @rule(which=pick, other=maybe)
    def repeat_a_deed(self, which: int, *, other: bool) -> None:
        """A deposit, grant, refund or adjustment under its reference: nothing is done once more.

        For another amount it is refused.
        """
        deed = self._nth(self.deeds, which)
        if not other:
            lot_ids, is_new = deed.ask(self.gateway, 0)
            assert (list(lot_ids), is_new) == (list(deed.lot_ids), False)
            return
        with suppress(ReferenceReused):
            deed.ask(self.gateway, 1)
            raise AssertionError

    @precondition(lambda self: self._paid(refunded=True))
    @rule(which=pick, nanos=st.none() | st.integers(1, 400_000))
    def refund_too_much(self, which: int, nanos: int | None) -> None:
        """What was given back whole is asked for by another reference: there is nothing left."""
        lots = len(self.oracle.lots)
        self._refund(self._nth(self._paid(refunded=True), which), nanos)
        assert len(self.oracle.lots) == lots

    @precondition(lambda self: self.capped)
    @rule(which=pick)
    def repeat_a_cap(self, which: int) -> None:
        """A cap is set to what it is, or taken away again: it keeps its name and what it counts."""
        whose, by_key, limit = self.capped[self._nth(self.capped, which)]
        caps = list(self.capped)
        self._cap(whose, limit, by_key=by_key)
        assert list(self.capped) == caps

    @precondition(lambda self: self.calls)
    @rule(which=pick, ending=endings)
    def settle_late(self, which: int, ending: Ending) -> None:
        """Any call there ever was ends, perhaps when its lease was lost long ago."""
        self._settle([self._end(self._nth(self.calls, which), ending)])

    @precondition(lambda self: self.over)
    @rule(which=st.lists(pick, min_size=1, max_size=3))
    def settle_again(self, which: list[int]) -> None:
        """What was settled before comes once more."""
        by_job: dict[str, tuple[Finished, Call]] = {}
        for each in which:
            finished, call = self._nth(self.over, each)
            by_job.setdefault(call.job, (finished, call))
        self._settle(list(by_job.values()))
