"""One process's handle on the limits: it asks Redis, and while Redis is away decides alone."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import Counter

from app.domain.limits.limit import Measure
from app.domain.limits.verdict import Order, Verdict, judge
from app.limiter import scripts
from app.limiter.alone import Alone
from app.limiter.line import Call, Line, Together, one_by_one
from app.limiter.seats import Held, Seats, held

SEAT_S: Final = 60.0
"""How long the seat of a process that has died stays taken."""

KEEP_SHARE: Final = 3
"""Seats are kept this many times in the time they last."""

OWED_MAX: Final = 10_000
"""Seats that are remembered to be given back when Redis returns; others lapse by themselves."""

_alone_takes = Counter(
    "busbar_limits_alone_total", "Requests that were limited without Redis, by a process's share."
)


class Limiter:
    """Checks and takes limits; for many threads. Its methods never raise because Redis is away.

    It connects with the first order. `together` lets many threads' orders share a round trip.
    `clock` replaces Redis's own clock, in seconds.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        prefix: str,
        processes: int = 1,
        together: Together = one_by_one,
        seat_s: float = SEAT_S,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._line = Line(redis_url, together)
        self._prefix = prefix
        self._clock = clock
        self._seat_s = seat_s
        self._seats = Seats()
        self._owed: deque[Held] = deque(maxlen=OWED_MAX)
        self._alone = Alone(processes, self._seats)
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._closed = False

    def take(self, order: Order) -> Verdict:
        """Take all that the order demands in one round trip, or nothing."""
        verdict = self._ask(order) if self._line.is_ready() else None
        if verdict is None:
            _alone_takes.inc()
            verdict = self._alone.take(order, (self._clock or time.monotonic)())
        elif verdict.seat is not None:
            self._seats.hold(held(order, verdict.seat))
        if verdict.seat is not None:
            self._keep_seats()
        return verdict

    def release(self, seat: str) -> None:
        """Give a seat back; harmless when that was done already."""
        released = self._seats.drop(seat)
        if released is not None and not self._free(released):
            self._owed.append(released)
            self._keep_seats()

    def close(self) -> None:
        """Give the connections back, and keep no seat any more: those that are held lapse."""
        self._closed = True
        self._line.returned.set()
        self._line.close()

    def _ask(self, order: Order) -> Verdict | None:
        """Ask Redis; None when it cannot tell."""
        demands = sorted(order.demands, key=lambda each: each.limit.measure is not Measure.CALLS)
        calls = sum(each.limit.measure is Measure.CALLS for each in demands)
        seat = order.seat
        arguments: list[str | int] = [calls, _micros(self._seat_s)]
        arguments += [seat.name, seat.spare, int(seat.joins)] if seat else ["", "", 0]
        for each in demands:
            arguments += [each.limit.most, each.amount, each.as_guest().amount]
        keys = [self._key(order.account_id, d.limit.owner, d.limit.measure) for d in demands]
        answer = self._run(scripts.TAKE, keys, [self._now(), *arguments])
        if answer is None:
            return None
        guest, name, *used = answer
        return judge(
            demands,
            [float(each) for each in used],
            seat=name.decode() if seat else None,
            guest=bool(guest),
        )

    def _free(self, seat: Held) -> bool:
        """Give a seat back; False when that must be done again."""
        if not self._line.is_ready():
            return False
        return self._run(scripts.RELEASE, self._call_keys(seat), [seat.name]) is not None

    def _keep_seats(self) -> None:
        """See to it that a thread keeps the seats of this process for as long as it has any."""
        with self._lock:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="seats", daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        while True:
            self._line.returned.wait(self._seat_s / KEEP_SHARE)
            self._line.returned.clear()
            with self._lock:
                seats = self._seats.all()
                if self._closed or not (seats or self._owed):
                    self._keeper = None
                    return
            if self._renew(seats):
                self._pay()

    def _renew(self, seats: Sequence[Held]) -> bool:
        """Renew seats; those taken while Redis was away, or lost by it, are written anew."""
        by_key: dict[str, list[str]] = {}
        for seat in seats:
            for key in self._call_keys(seat):
                by_key.setdefault(key, []).append(seat.name)
        for key, names in by_key.items():
            arguments = [self._now(), _micros(self._seat_s), *names]
            if not self._line.is_ready() or self._run(scripts.KEEP, [key], arguments) is None:
                return False
        # One that was given back meanwhile was perhaps written anew right after that.
        self._owed.extend(seat for seat in seats if seat.name not in self._seats)
        return True

    def _pay(self) -> None:
        """Give back what could not be given back before."""
        while self._owed:
            if self._owed[0].name not in self._seats and not self._free(self._owed[0]):
                return
            self._owed.popleft()

    def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        return self._line.run(Call(script=script, keys=keys, arguments=arguments))

    def _call_keys(self, seat: Held) -> list[str]:
        return [self._key(seat.account_id, owner, Measure.CALLS) for owner in seat.owners]

    def _key(self, account_id: str, owner: str, measure: Measure) -> str:
        return f"{self._prefix}limit:{{{account_id}}}:{owner}:{measure}"

    def _now(self) -> str | int:
        return _micros(self._clock()) if self._clock else ""


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
