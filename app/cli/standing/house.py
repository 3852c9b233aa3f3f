"""The life of `busbar up`: everything is started, looked after, and stopped in order."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.cli.standing.account import Opened, open_account
from app.cli.standing.greeting import greeting
from app.cli.standing.interrupts import Interrupts
from app.cli.standing.plan import Plan, Wishes, make_plan
from app.cli.standing.ports import Refused
from app.cli.standing.processes import GaveUp, Processes
from app.cli.standing.programs import programs
from app.cli.standing.ready import READY_FILE, Notice, Ready
from app.cli.standing.servers import Servers, open_servers
from app.cli.standing.voice import Voice
from app.embedded.locks import Lock
from app.gateway import open_gateway
from app.services.upkeep import migrate
from app.settings import Settings

TICK_S: Final = 0.1
BOOT_SAY_S: Final = 10.0
"""After this long it is said what is being waited for."""
BOOT_S_MAX: Final = 120.0


def stand(wishes: Wishes, settings: Settings, interrupts: Interrupts, voice: Voice) -> None:
    """Run the whole gateway until a signal comes, then drain it.

    Nothing is left running, however it ends. Raises Refused, GaveUp, CatalogError, EmbeddedError,
    SQLAlchemyError, OSError and Interrupted.
    """
    with ExitStack() as undo:
        undo.enter_context(_alone(wishes.state))
        kept, was_killed = _kept(wishes)
        plan = make_plan(
            wishes, voice, after_a_kill=was_killed, has_funding=bool(settings.funding_url)
        )
        servers = undo.enter_context(open_servers(settings, plan.state, voice))
        is_embedded = not settings.database_url
        settings = servers.settings.model_copy(update={"catalog": plan.catalog})
        opened = _open(wishes, settings, known_key=None if kept is None else kept.key)
        notice = _notice(wishes, plan, settings, opened)
        undo.callback(notice.withdraw)
        processes = Processes(programs(plan, settings), say=voice.warn)
        undo.callback(processes.kill)
        interrupts.patient = True
        if _boot(processes, plan, interrupts, voice):
            notice.update({**processes.pids(), **servers.pids()})
            voice.show(greeting(plan, opened, is_embedded=is_embedded))
            _watch(processes, servers, notice, interrupts, voice)
        voice.tell(f"stopping; calls in flight get up to {settings.drain_s:g} s, Ctrl-C ends now")
        processes.stop()


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Make the state directory and keep every other `busbar up` out of it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Lock(state / "up.lock") as lock:
        if not lock.attempt():
            raise Refused(
                f"another busbar up runs in {state}; stop that one, or give this one --state DIR"
            )
        yield


def _kept(wishes: Wishes) -> tuple[Ready | None, bool]:
    """Return what an earlier start left, and whether that one was killed.

    Whoever waits for this gateway must not take a dead one for it, so its ready files go.
    """
    ready_file = wishes.state / READY_FILE
    kept = Ready.read(ready_file)
    was_killed = kept is not None and bool(kept.processes)
    if kept is not None and was_killed:
        replace(kept, processes={}).write(ready_file)
    if wishes.ready_file is not None:
        wishes.ready_file.parent.mkdir(parents=True, exist_ok=True)
        wishes.ready_file.unlink(missing_ok=True)
    return kept, was_killed


def _open(wishes: Wishes, settings: Settings, *, known_key: str | None) -> Opened:
    """Bring the schema up to date, and open the account."""
    gateway = open_gateway(settings, name="up")
    try:
        migrate(gateway)
        return open_account(
            gateway, wishes.account, first_nanos=wishes.balance_nanos, known_key=known_key
        )
    finally:
        gateway.close()


def _notice(wishes: Wishes, plan: Plan, settings: Settings, opened: Opened) -> Notice:
    ready = Ready(
        base_url=plan.base_url,
        key=opened.key,
        account=opened.name,
        simulator_url=plan.simulator_url,
        funding_url=plan.funding_url or settings.funding_url or None,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
    )
    return Notice(ready, kept=plan.state / READY_FILE, extra=wishes.ready_file)


def _boot(processes: Processes, plan: Plan, interrupts: Interrupts, voice: Voice) -> bool:
    """Start everything and wait until it works; False when a signal came first."""
    began_at = time.monotonic()
    has_said = False
    while not interrupts.heard:
        processes.tick()
        missing = ", ".join(processes.missing())
        if not missing:
            processes.settle()
            return True
        waited_s = time.monotonic() - began_at
        if waited_s > BOOT_S_MAX:
            raise GaveUp(f"{missing}: not ready after {BOOT_S_MAX:g} s, see {plan.logs}")
        if waited_s > BOOT_SAY_S and not has_said:
            voice.tell(f"waiting for {missing}; logs are in {plan.logs}")
            has_said = True
        time.sleep(TICK_S)
    return False


def _watch(
    processes: Processes, servers: Servers, notice: Notice, interrupts: Interrupts, voice: Voice
) -> None:
    """Look after everything until a signal comes."""
    while not interrupts.heard:
        processes.tick()
        try:
            notice.update({**processes.pids(), **servers.pids()})
        except OSError as error:
            voice.warn(f"{error.filename} is out of date, it cannot be written: {error.strerror}")
        time.sleep(TICK_S)
