"""How a run goes, on stderr: a live bar on a terminal, elsewhere one line every few seconds."""

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from app.cli.client.answers import Balance
from app.cli.running.kept.results import Results

LINE_EVERY_S: Final = 5.0
REFRESHES_PER_S: Final = 8
ETA_AFTER: Final = 30
"""Results that must have come before the time left is guessed."""
RATE_MEMORY_S: Final = 10.0
"""How much of the past the shown rate remembers."""
RATE_EVERY_S: Final = 0.25
STALL_S: Final = 15.0
"""How long nothing may finish before that is said, instead of a rate that means nothing."""
NANOS_PER_SHOWN: Final = 100_000
"""Money is shown in ten-thousandths of a dollar."""


class Progress:
    """Shows a run of `total` lines; `remedy` is what to do when the balance is used up."""

    def __init__(
        self,
        console: Console,
        *,
        total: int,
        done: int,
        remedy: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._clock = clock
        self._total = total
        self._remedy = remedy
        self._done = done
        self._ended = 0
        self._pace = self._counts = ""
        self._waiting = 0
        self._trouble: str | None = None
        self._is_limit_told = False
        self._rate = _Rate(clock())
        self._began_at = self._moved_at = self._line_at = clock()
        self._live = (
            Live(get_renderable=self._render, console=console, refresh_per_second=REFRESHES_PER_S)
            if console.is_terminal
            else None
        )

    def show(self, results: Results, balance: Balance, *, waiting_for_balance: int) -> None:
        """Take the news in, and show them when it is time."""
        now = self._clock()
        if results.done > self._done:
            self._moved_at = now
        self._done, self._ended = results.done, results.ended_since
        self._waiting = waiting_for_balance
        self._pace = self._pace_at(now)
        refused = f"{results.refused} refused, " if results.refused else ""
        unusable = f"{results.unusable} unusable, " if results.unusable else ""
        self._counts = (
            f"{results.failed} failed, {refused}{unusable}{dollars(results.cost_nanos)} spent, "
            f"{dollars(balance.available_nanos)} in balance"
        )
        self._print_line()

    def trouble(self, what: str | None) -> None:
        """Say what keeps the run from going on; None when nothing does any more."""
        self._trouble = what
        self._print_line()

    def limited(self, limit: str | None) -> None:
        """Say that the run waits for a limit on its key; once, however often it does."""
        if not self._is_limit_told:
            named = f" ({limit})" if limit else ""
            text = f"busbar: waiting for the rate limit of this key{named}"
            self._console.print(Text(text), soft_wrap=True)
            self._is_limit_told = True

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pace = self._pace_overall()
        if self._live is not None:
            self._live.stop()
        elif self._counts:
            self._print_line(now=True)

    def _pace_at(self, now: float) -> str:
        """Return how fast it goes and, when that can be guessed, how long it will take."""
        rate = self._rate.seen(self._ended, now)
        quiet_s = now - self._moved_at
        if quiet_s >= STALL_S and self._done < self._total:
            return f"nothing finished for {_duration(quiet_s)}, "
        if not self._ended:
            return ""
        left = self._total - self._done
        guess = (
            f", {_duration(left / rate)} left" if self._ended >= ETA_AFTER and rate and left else ""
        )
        return f"{_number(rate)}/s{guess}, "

    def _pace_overall(self) -> str:
        """Return how fast it went from the beginning of this session to now.

        What had ended before and was only collected counts for nothing.
        """
        passed = self._clock() - self._began_at
        if not self._ended or passed <= 0:
            return ""
        return f"{_number(self._ended / passed)}/s over {_duration(passed)}, "

    def _facts(self) -> str:
        return self._pace + self._counts

    def _print_line(self, *, now: bool = False) -> None:
        if self._live is not None or not (now or self._clock() - self._line_at > LINE_EVERY_S):
            return
        self._line_at = self._clock()
        note = self._note()
        text = f"{self._done}/{self._total} done, {self._facts()}" + (f", {note}" if note else "")
        self._console.print(Text(text), soft_wrap=True)

    def _note(self) -> str:
        if self._trouble is not None:
            return self._trouble
        return f"{self._waiting} waiting for balance: {self._remedy}" if self._waiting else ""

    def _render(self) -> RenderableType:
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(justify="right", no_wrap=True)
        bar.add_row(
            ProgressBar(total=self._total, completed=self._done), f"{self._done}/{self._total}"
        )
        lines = Table.grid(expand=True)
        lines.add_row(bar)
        lines.add_row(Text(self._facts(), style="dim"))
        if note := self._note():
            lines.add_row(Text(note, style="yellow"))
        return lines


def dollars(nanos: int) -> str:
    """Return an amount as people read it, "$1.2346", rounded up to four decimals."""
    sign, shown = ("-" if nanos < 0 else ""), -(-abs(nanos) // NANOS_PER_SHOWN)
    return f"{sign}${shown // 10_000}.{shown % 10_000:04d}"


class _Rate:
    """Ended jobs per second: an average that forgets, right from the first moment on."""

    def __init__(self, now: float) -> None:
        self._ended, self._at = 0, now
        self._sum = self._weight = 0.0

    def seen(self, ended: int, now: float) -> float:
        """Take in how many have ended by now, and return the rate."""
        passed = now - self._at
        if passed >= RATE_EVERY_S:
            fade = math.exp(-passed / RATE_MEMORY_S)
            self._sum = self._sum * fade + (ended - self._ended) / passed * (1 - fade)
            self._weight = self._weight * fade + (1 - fade)
            self._ended, self._at = ended, now
        return self._sum / self._weight if self._weight else 0.0


def _number(rate: float) -> str:
    return f"{rate:.{0 if rate >= 10 else 1}f}"


def _duration(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} m"
    return f"{hours // 24} d {hours % 24:02d} h"
