"""The loop of a run: submit a chunk, look for results, show how it goes, until all are there."""

import time
from collections.abc import Iterator
from typing import Final, Protocol

from app.cli.client.answers import Balance, Limited
from app.cli.client.session import Client
from app.cli.running.chunks import Submitted, submit
from app.cli.running.cutting import CHUNK_LINES_MAX, Chunk
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.results import Results
from app.cli.running.stops import RefusedLines
from app.cli.running.supply import Supply
from app.cli.running.window import Window

WINDOW_LINES_MAX: Final = 5_000
"""Submitted lines whose results are not here yet."""
BALANCE_EVERY_S: Final = 2.0
BALANCE_PATIENCE_S: Final = 10.0
"""How long nothing may happen but waiting for balance before the run stops."""


class OutOfBalance(Exception):
    """Jobs wait for balance, and nothing else has happened for BALANCE_PATIENCE_S."""

    def __init__(self, balance: Balance | None) -> None:
        super().__init__()
        self.balance = balance


class Watcher(Protocol):
    """Whoever shows how a run goes."""

    def show(self, results: Results, balance: Balance, *, waiting_for_balance: int) -> None:
        """Hear how it goes; called at least once a second while the gateway answers."""

    def limited(self, limit: str | None) -> None:
        """Hear that the run waits for a limit on its key, and which one if that is known."""


class Loop:
    """A run under way. `key` is the API key that `client` uses."""

    def __init__(self, client: Client, journal: Journal, results: Results, *, key: str) -> None:
        self._client = client
        self._journal = journal
        self._results = results
        self._key = key
        self._window = Window(client)
        self._balance_at = 0.0
        self._balance: Balance | None = None
        self._stuck_since: float | None = None
        self._all_sent = False
        self._send_at = 0.0
        for index, job_id in journal.jobs():
            if not results.has(index):
                self._window.add(job_id, index, is_old=True)

    @property
    def balance(self) -> Balance:
        """The balance as it was last asked for."""
        if self._balance is None:
            self._ask_balance()
        assert self._balance is not None
        return self._balance

    def carry(self, chunks: Iterator[Chunk], watcher: Watcher, *, wait_for_balance: bool) -> None:
        """Carry the run until every line has its result; a line that is refused has one as well.

        Raises OutOfBalance (unless it shall wait), RefusedLines when the gateway takes none,
        Doubtful, Vanished, InputChanged, Refused and Unreachable; whatever happens, what is done
        stays done.
        """
        supply = Supply(chunks, self._journal)
        while not self._all_sent or len(self._window):
            sent = self._may_send() and self._send(supply, watcher)
            moved = self._window.look(self._results.add)
            self._results.flush()
            self._report(watcher)
            is_stuck = self._is_stuck(is_quiet=not (sent or moved))
            if is_stuck and not wait_for_balance:
                raise OutOfBalance(self._balance)
            if not sent and (len(self._window) or not self._all_sent):
                time.sleep(self._pause_s())
        # The last results have moved money since the balance was asked for.
        self._ask_balance()
        self._report(watcher)

    def _may_send(self) -> bool:
        has_space = len(self._window) + CHUNK_LINES_MAX <= WINDOW_LINES_MAX
        return not self._all_sent and has_space and time.monotonic() >= self._send_at

    def _pause_s(self) -> float:
        """Return how long to wait before the next look, or before a limit has room again."""
        limited_s = self._send_at - time.monotonic()
        pause_s = self._window.pause_s
        return pause_s if self._all_sent or limited_s <= 0 else min(pause_s, limited_s)

    def _send(self, supply: Supply, watcher: Watcher) -> bool:
        """Send the next lines; return False when there are none, or a limit has no room for any."""
        chunk = supply.take()
        if chunk is None:
            self._all_sent = True
            return False
        try:
            submitted = submit(self._client, self._journal, chunk, key=self._key)
        except Limited as limited:
            supply.heed(limited.room)
            if supply.put_back(chunk):
                return True
            self._send_at = time.monotonic() + limited.pause_s
            watcher.limited(limited.room.lacking(len(chunk.lines)))
            return False
        supply.heed(submitted.room)
        supply.leave(submitted.left, taken=len(submitted.jobs))
        self._take(submitted)
        return True

    def _take(self, submitted: Submitted) -> None:
        for index, job_id in submitted.jobs.items():
            self._window.add(job_id, index, is_old=submitted.is_replay)
        for line in submitted.refused:
            fault = line.fault
            self._results.refuse(line.index, fault, custom_id=line.custom_id, code=line.code)
        if self._journal.is_untouched:
            # Something is wrong with all lines alike, a model or an option; no need to try more.
            raise RefusedLines(self._results.refusals)

    def _report(self, watcher: Watcher) -> None:
        if time.monotonic() - self._balance_at > BALANCE_EVERY_S:
            self._ask_balance()
        waiting = self._window.waiting_for_balance
        watcher.show(self._results, self.balance, waiting_for_balance=waiting)

    def _ask_balance(self) -> None:
        self._balance, self._balance_at = self._client.balance(), time.monotonic()

    def _is_stuck(self, *, is_quiet: bool) -> bool:
        """Return whether jobs have waited for balance, and nothing else happened, for too long."""
        window, now = self._window, time.monotonic()
        if not (is_quiet and window.waiting_for_balance and window.nothing_else_runs):
            self._stuck_since = None
            return False
        if self._stuck_since is None:
            self._stuck_since = now
        return now - self._stuck_since >= BALANCE_PATIENCE_S
