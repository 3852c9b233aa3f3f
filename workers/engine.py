"""The engine: one asyncio loop in one thread that holds this process's provider calls.

Everything else in a worker is plain synchronous code; the engine is spoken to from other threads
with `launch`, `cancel` and `drain`, and speaks back through `finish`.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import aiohttp
import uvloop

from app.domain.attempt import Answer, Failure, Interrupted, Outcome
from app.domain.instrument import OnDisconnect
from app.gateway import Gateway
from app.providers.base import Call
from app.providers.registry import open_providers
from app.services.settle import Finished
from app.services.start import Started
from app.settings import provider_key
from app.streams.writing import LiveStream, StreamWriter
from workers.calls import call_of, failure

DNS_CACHE_S: Final = 30
KEEPALIVE_S: Final = 30

log = logging.getLogger("busbar.engine")


@dataclass(frozen=True, slots=True)
class _Held:
    """A call this process holds, and where its frames go if it is a stream."""

    job: Started
    task: "asyncio.Task[Outcome]"
    live: LiveStream | None


class Engine:
    """Holds calls; `finish` hears of each one that is over, on the engine's own thread."""

    def __init__(self, gateway: Gateway, finish: Callable[[Finished], None]) -> None:
        self._settings = gateway.settings
        self._now = gateway.now
        self._entries = gateway.catalog.providers
        self._finish = finish
        self._calls: dict[tuple[str, int], _Held] = {}
        self._cancelled: set[str] = set()
        self._loop = uvloop.new_event_loop()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def open(self) -> None:
        """Start the loop's thread and wait until calls can be made. Raises what prevents that."""
        self._thread.start()
        self._opened.result()

    def launch(self, jobs: Sequence[Started]) -> None:
        """Begin the calls of `jobs`."""
        if jobs:
            self._loop.call_soon_threadsafe(self._launch, jobs)

    def cancel(self, job_ids: Sequence[str]) -> None:
        """End the calls of cancelled jobs; each is still settled.

        Who cancels a stream of which something was sent has had it: that is as leaving it.
        """
        if job_ids:
            self._loop.call_soon_threadsafe(self._cancel, frozenset(job_ids))

    def leave(self, job_ids: Sequence[str]) -> None:
        """The clients of these jobs are gone: do with each call what its provider's entry says."""
        if job_ids:
            self._loop.call_soon_threadsafe(self._leave, frozenset(job_ids))

    def drop(self, job_ids: Sequence[str]) -> None:
        """End the calls of jobs that belong to another worker now."""
        self._loop.call_soon_threadsafe(self._drop, frozenset(job_ids))

    def in_flight(self) -> list[tuple[str, int]]:
        """Return (job id, attempt) of every call held now."""
        return list(self._calls)

    def drain(self, grace_s: float) -> int:
        """Wait up to `grace_s` for calls to end, then interrupt the rest; return how many."""
        waiting = asyncio.run_coroutine_threadsafe(self._drain(grace_s), self._loop)
        return waiting.result()

    def close(self) -> None:
        """Close connections and end the thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=DNS_CACHE_S, keepalive_timeout=KEEPALIVE_S
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
        ) as session:
            keys = {name: provider_key(e.api_key_env) for name, e in self._entries.items()}
            self._providers = open_providers(self._entries, keys, session, self._now)
            self._gates = {
                name: asyncio.Semaphore(entry.concurrency) for name, entry in self._entries.items()
            }
            self._streams = StreamWriter(
                self._settings.redis_url, prefix=self._settings.redis_prefix
            )
            self._opened.set_result(None)
            await self._stopped.wait()
            await self._streams.close()

    def _launch(self, jobs: Sequence[Started]) -> None:
        for job in jobs:
            live = self._streams.begin(job.id, job.attempt) if job.stream else None
            task = self._loop.create_task(self._call(job, live))
            held = self._calls[job.id, job.attempt] = _Held(job, task, live)
            task.add_done_callback(partial(self._over, held))

    def _drop(self, job_ids: frozenset[str]) -> None:
        for held in self._untold(job_ids):
            held.task.cancel()

    def _cancel(self, job_ids: frozenset[str]) -> None:
        for held in self._untold(job_ids):
            if held.live is not None and held.live.sent:
                self._let_go(held)
            else:
                self._cancelled.add(held.job.id)
                held.task.cancel()

    def _leave(self, job_ids: frozenset[str]) -> None:
        for held in self._untold(job_ids):
            self._let_go(held)

    def _untold(self, job_ids: frozenset[str]) -> list[_Held]:
        """Return the calls that have not been told to end: the keeper tells them every second."""
        wanted = [held for held in self._calls.values() if held.job.id in job_ids]
        return [held for held in wanted if not held.task.cancelling()]

    def _let_go(self, held: _Held) -> None:
        """Do with a call nobody listens to what its provider's entry says."""
        policy = self._entries[held.job.route.provider].on_disconnect
        if policy is OnDisconnect.DRAIN:
            return
        if held.live is not None:
            held.live.cut_short = policy is OnDisconnect.ESTIMATE
        self._cancelled.add(held.job.id)
        held.task.cancel()

    def _over(self, held: _Held, task: "asyncio.Task[Outcome]") -> None:
        """Report how a call ended, also one that was cancelled before it began."""
        job = held.job
        outcome: Outcome
        if task.cancelled():
            begun = held.live is not None and held.live.sent > 0
            outcome = Interrupted(cancelled=job.id in self._cancelled, begun=begun)
        elif (error := task.exception()) is not None:
            log.error("engine.call_broke job=%s attempt=%d", job.id, job.attempt, exc_info=error)
            outcome = failure("internal", "The gateway's own fault.")
        else:
            outcome = task.result()
        self._cancelled.discard(job.id)
        self._calls.pop((job.id, job.attempt), None)
        self._finish(Finished(job=job, outcome=outcome))

    async def _call(self, job: Started, live: LiveStream | None) -> Outcome:
        """Make the call within the provider's time and what the job has left."""
        entry, gate = self._entries[job.route.provider], self._gates[job.route.provider]
        ends = self._loop.time() + job.left_s
        if gate.locked():
            try:
                async with asyncio.timeout(job.left_s):
                    await gate.acquire()
            except TimeoutError:
                return failure("deadline", "The deadline passed.")
        else:
            await gate.acquire()
        try:
            left_s = ends - self._loop.time()
            call = call_of(
                job, created=int(self._now().timestamp()), timeout_s=min(entry.timeout_s, left_s)
            )
            if live is None:
                outcome = await self._providers[entry.name].complete(call)
            else:
                outcome = await self._stream(call, entry.name, live)
        finally:
            gate.release()
        timed_out = isinstance(outcome, Failure) and outcome.symbol == "timeout"
        if timed_out and left_s < entry.timeout_s:
            return failure("deadline", "The deadline passed.")
        return outcome

    async def _stream(self, call: Call, provider: str, live: LiveStream) -> Answer | Failure:
        """Make a call whose frames go out as they come; once some went, no other may follow."""
        if call.attempt > 1 and await self._streams.has_begun(call.job_id):
            return replace(failure("stream_interrupted", "Its worker was lost."), begun=True)
        began = self._loop.time()
        outcome = await self._providers[provider].stream(call, live)
        if isinstance(outcome, Answer):
            outcome = _timed(outcome, live, began, self._loop.time())
            # The answer is here: who is in a hurry now only spares its readers the end mark.
            with suppress(asyncio.CancelledError):
                await live.end()
        elif live.sent:
            return replace(outcome, begun=True)
        return outcome

    async def _drain(self, grace_s: float) -> int:
        tasks = [held.task for held in self._calls.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)


def _timed(answer: Answer, live: LiveStream, began: float, ended: float) -> Answer:
    first = None if live.first_at is None else round(1_000 * (live.first_at - began))
    return replace(answer, first_token_ms=first, call_ms=round(1_000 * (ended - began)))
