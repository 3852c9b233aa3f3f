"""What a group of jobs may draw on: lots, caps, and what its earlier jobs took of both."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import BusbarError, CapReached, HoldsExhausted, RequestExceedsLimit
from app.domain.hold import Hold, draw_parts
from app.domain.instrument import Instrument
from app.domain.limits.cap import Cap, Window, reserve, smallest
from app.domain.lots import Lot, drawing_order, held
from app.domain.money import format_dollars
from app.domain.pricing import Price, Usage, calibrated, cost
from app.store.starting.claims import Claimed
from app.store.starting.funds import Funds


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """A balance that does not cover a job: its bound and price, and what there is, nano-dollars."""

    bound: Usage
    price: Price
    available_nanos: int

    @property
    def needed_nanos(self) -> int:
        """What the job may cost at most in money alone."""
        return cost(self.bound, self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """A cap whose window has too little left for a job, though it would fit an empty one.

    `will_free`: it would fit if what jobs under way hold were given back.
    """

    window: Window
    will_free: bool
    error: BusbarError


class Purse:
    """The lots and windows of a group's accounts, with what its earlier jobs took held."""

    def __init__(self, funds: Funds) -> None:
        self._funds = funds
        self._lots: dict[str, list[Lot]] = {}
        for lot in sorted(funds.lots, key=drawing_order):
            self._lots.setdefault(lot.account_id, []).append(lot)
        self._windows = {window.cap.id: window for window in funds.windows}
        self._refused: dict[tuple[str, str], int] = {}

    def hold(self, job: Claimed, instrument: Instrument) -> Hold | Short | Full | BusbarError:
        """Draw what a job may cost at most; or say why it cannot be, for now or for good (error).

        A job whose body was not read has nothing to draw from.
        """
        bound = self._bound(job, instrument)
        listed = cost(bound, instrument.price)
        refused = self._refused.get((job.account_id, job.instrument))
        # A group only takes from a purse, so what was too much is too much still. Not where lots of
        # tokens pay: of two jobs the dearer one may have fewer tokens.
        hopeless = not job.is_read or (refused is not None and listed >= refused)
        hold = None if hopeless else self._draw(job, bound, instrument.price)
        nanos = listed if hold is None else hold.nanos
        windows = self._binding(job)
        too_much = _exceeds(nanos, job.max_cost_nanos, smallest(windows))
        if too_much is not None:
            return too_much
        if hold is None:
            if not hopeless and not self._has_tokens(job.account_id, job.instrument):
                self._refused[job.account_id, job.instrument] = listed
            available = self.available_nanos(job.account_id, job.instrument) if job.is_read else 0
            return Short(bound=bound, price=instrument.price, available_nanos=available)
        taken = reserve(windows, nanos)
        if isinstance(taken, Window):
            return _full(nanos, taken)
        self._windows.update((window.cap.id, window) for window in taken)
        self._take(hold)
        return hold

    def pays_from_one(self, job: Claimed, instrument: Instrument) -> bool:
        """True when a job draws from one lot of money at most, so that no other matters to it."""
        lots = self._fitting(job.account_id, job.instrument)
        nanos = cost(self._bound(job, instrument), instrument.price)
        if any(lot.tokens is not None for lot in lots):
            return False
        return not nanos or (bool(lots) and lots[0].available_nanos >= nanos)

    def available_nanos(self, account_id: str, instrument: str) -> int:
        """What is left for a job of that instrument, lots of tokens at what they cost."""
        return sum(lot.available_nanos for lot in self._fitting(account_id, instrument))

    def _bound(self, job: Claimed, instrument: Instrument) -> Usage:
        sent = job.input_tokens_max
        ratio_ppm = self._funds.ratios.get(instrument.name)
        if ratio_ppm is not None and job.account_id in self._funds.calibrated:
            sent = calibrated(sent, ratio_ppm)
        return Usage(input_tokens=sent, output_tokens=job.output_tokens_max)

    def _draw(self, job: Claimed, bound: Usage, price: Price) -> Hold | None:
        lots = self._fitting(job.account_id, job.instrument)
        of_tokens = [lot for lot in lots if lot.tokens is not None]
        of_money = [lot for lot in lots if lot.tokens is None]
        parts = draw_parts(of_tokens, of_money, bound, price)
        if parts is None:
            return None
        caps = tuple(window.cap.id for window in self._binding(job))
        return Hold(job_id=job.id, account_id=job.account_id, price=price, parts=parts, caps=caps)

    def _take(self, hold: Hold) -> None:
        taken = {part.lot_id for part in hold.parts}
        if taken:
            self._lots[hold.account_id] = [
                held(lot, hold.parts) if lot.id in taken else lot
                for lot in self._lots[hold.account_id]
            ]

    def _fitting(self, account_id: str, instrument: str) -> list[Lot]:
        mine = self._lots.get(account_id, ())
        return [lot for lot in mine if lot.instrument in (None, instrument)]

    def _has_tokens(self, account_id: str, instrument: str) -> bool:
        return any(lot.tokens is not None for lot in self._fitting(account_id, instrument))

    def _binding(self, job: Claimed) -> Sequence[Window]:
        if not self._windows:
            return ()
        windows = self._windows.values()
        return [each for each in windows if each.cap.binds(job.account_id, job.key_id)]


def _exceeds(
    nanos: int, max_cost_nanos: int | None, window: Window | None
) -> RequestExceedsLimit | None:
    may_cost = f"This job may cost up to ${format_dollars(nanos)}, more than"
    remedy = "lower max_tokens, send a shorter prompt, or raise"
    if max_cost_nanos is not None and nanos > max_cost_nanos:
        limit = format_dollars(max_cost_nanos)
        return RequestExceedsLimit(
            f"{may_cost} its own max_cost of ${limit}; {remedy} max_cost.", param="max_cost"
        )
    if window is not None and nanos > window.cap.limit_nanos:
        return RequestExceedsLimit(f"{may_cost} {_named(window.cap)} in all; {remedy} the cap.")
    return None


def _full(nanos: int, window: Window) -> Full:
    resets_at = window.resets_at.isoformat().replace("+00:00", "Z")
    told = (
        f"This job may cost up to ${format_dollars(nanos)}, and {_named(window.cap)} has"
        f" ${format_dollars(max(0, window.left_nanos))} left:"
        f" ${format_dollars(window.spent_nanos)} spent, ${format_dollars(window.held_nanos)} held"
        f" by jobs under way; it resets at {resets_at}."
    )
    if window.may_fit(nanos):
        soon = HoldsExhausted(f"{told} Send the request again, when some of them have ended.")
        return Full(window=window, will_free=True, error=soon)
    reached = CapReached(f"{told} Raise the cap, or send the request again then.")
    return Full(window=window, will_free=False, error=reached)


def _named(cap: Cap) -> str:
    return f"the {cap.scope}'s cap of ${format_dollars(cap.limit_nanos)} a {cap.period}"
