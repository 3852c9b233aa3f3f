"""Who pays for a call whose hold alone cannot tell: lots of tokens, overruns, shortfalls."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from app.domain.hold import Capture, Hold, Kind
from app.domain.lots import Lot, draw_tokens, drawing_order, spent
from app.domain.pricing import Usage, cost, uncovered

NANOS_MAX: Final = 2**63 - 1
"""No sum of money is above it."""


class Till:
    """The locked lots of a group of settlements; what one of them takes, the next does not find.

    `drawable` names those that a new hold could draw from: they pay for overruns too.
    """

    def __init__(self, lots: Iterable[Lot], drawable: Collection[str]) -> None:
        self._lots = {lot.id: lot for lot in sorted(lots, key=drawing_order)}
        self._drawable = drawable

    @property
    def lots(self) -> Mapping[str, Lot]:
        """The lots as they stand now."""
        return self._lots

    def pay(
        self,
        hold: Hold,
        usage: Usage | None,
        instrument: str,
        *,
        max_cost_nanos: int | None = None,
    ) -> tuple[Capture, ...]:
        """Settle a hold for what was used; without a usage report all of it is spent.

        The first tokens, input before output, are paid by the hold's lots of tokens, the rest at
        its price by its money. What that does not cover further lots of the account pay, in
        drawing order, as far as the job's own `max_cost_nanos` lets them; what is missing then is a
        shortfall.
        """
        captures, covered = self._spend_tokens(hold, usage)
        in_money = sum(part.nanos for part in hold.parts if part.tokens is None)
        if usage is None:
            return (*captures, *self._spend_money(hold, in_money))
        further = self._further(hold, instrument)
        # Only an overrun lacks any: the hold's own parts cover all that was bounded.
        lacking = _tokens_lacking(hold, usage, covered, in_money)
        for part in draw_tokens(further, lacking):
            # The money of the hold is spent as well: nothing but that was meant to pay.
            if part.nanos > _allowed(captures, max_cost_nanos) - in_money:
                continue
            captures.append(self._take(part.lot_id, 0, tokens=part.tokens, kind=Kind.OVERRUN))
            covered += part.tokens or 0
        owed = cost(uncovered(usage, covered), hold.price)
        captures += self._spend_money(hold, owed)
        missing = max(0, owed - in_money)
        allowed = min(missing, _allowed(captures, max_cost_nanos))
        overrun = self._overrun(hold, instrument, allowed)
        shortfall = missing - sum(each.captured_nanos for each in overrun)
        return (*captures, *overrun, *([_shortfall(shortfall)] if shortfall else []))

    def _spend_tokens(self, hold: Hold, usage: Usage | None) -> tuple[list[Capture], int]:
        captures, covered = [], 0
        for part in hold.parts:
            if part.tokens is None:
                continue
            left = part.tokens if usage is None else _total(usage) - covered
            tokens = min(part.tokens, left)
            captures.append(self._take(part.lot_id, part.nanos, tokens=tokens))
            covered += tokens
        return captures, covered

    def _spend_money(self, hold: Hold, owed: int) -> list[Capture]:
        captures = []
        for part in hold.parts:
            if part.tokens is None:
                nanos = min(owed, part.nanos)
                owed -= nanos
                captures.append(self._take(part.lot_id, part.nanos, nanos=nanos))
        return captures

    def _overrun(self, hold: Hold, instrument: str, missing: int) -> list[Capture]:
        captures = []
        for lot in self._further(hold, instrument) if missing else ():
            nanos = min(missing, lot.available_nanos) if lot.tokens is None else 0
            if nanos:
                missing -= nanos
                captures.append(self._take(lot.id, 0, nanos=nanos, kind=Kind.OVERRUN))
        return captures

    def _further(self, hold: Hold, instrument: str) -> list[Lot]:
        return [
            lot
            for lot in self._lots.values()
            if lot.id in self._drawable
            and lot.account_id == hold.account_id
            and lot.instrument in (None, instrument)
        ]

    def _take(
        self,
        lot_id: str,
        held_nanos: int,
        *,
        nanos: int = 0,
        tokens: int | None = None,
        kind: Kind = Kind.CAPTURE,
    ) -> Capture:
        lot = self._lots[lot_id]
        if tokens is not None:
            nanos = spent(lot, tokens)
        self._lots[lot_id] = replace(
            lot,
            held_nanos=lot.held_nanos - held_nanos,
            used_nanos=lot.used_nanos + nanos,
            tokens_used=lot.tokens_used + (tokens or 0),
        )
        return Capture(
            lot_id=lot_id,
            held_nanos=held_nanos,
            captured_nanos=nanos,
            tokens=tokens or 0,
            kind=kind,
        )


def _allowed(captures: Iterable[Capture], max_cost_nanos: int | None) -> int:
    """What a job may still cost after these captures, in nano-dollars."""
    if max_cost_nanos is None:
        return NANOS_MAX
    return max(0, max_cost_nanos - sum(each.captured_nanos for each in captures))


def _shortfall(nanos: int) -> Capture:
    return Capture(lot_id=None, held_nanos=0, captured_nanos=nanos, kind=Kind.SHORTFALL)


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _tokens_lacking(hold: Hold, usage: Usage, covered: int, in_money: int) -> int:
    """How many tokens must be paid otherwise, so that the hold's money is enough."""
    least, most = 0, _total(usage) - covered
    while least < most:
        middle = (least + most) // 2
        if cost(uncovered(usage, covered + middle), hold.price) <= in_money:
            most = middle
        else:
            least = middle + 1
    return least
