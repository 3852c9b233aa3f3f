"""The user's side: get the servers of a state directory running and hold on to them."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.embedded.errors import EmbeddedError
from app.embedded.locks import Lock
from app.embedded.opener import START_S_MAX, ensure_running
from app.embedded.place import Place, make, place_of
from app.embedded.plan import POSTGRES, VALKEY, ServerPlan, Status
from app.embedded.programs.binaries import Search
from app.embedded.programs.cluster import ROLE
from app.embedded.programs.postgres import DATABASE
from app.embedded.programs.process import command_line
from app.embedded.programs.valkey import SOCKET

EVERYWHERE = Search()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Servers this process uses: they run at least until close(), or until it dies."""

    database_url: str | None
    """For SQLAlchemy with psycopg; None when PostgreSQL was not asked for."""
    redis_url: str | None
    """For redis-py; None when Valkey was not asked for."""
    pids: Mapping[str, int]
    """The processes named `postgres` and `valkey` when the stack was opened."""
    banner: str
    """One line for people: what runs, which version, where its data lies."""
    _hold: "Hold | None" = field(repr=False, compare=False)

    def current_pids(self) -> Mapping[str, int]:
        """Return the processes that run now; one that is being restarted is missing.

        The supervisor restarts a server that dies. Should the supervisor itself have been killed,
        asking brings it and the servers back; that may raise EmbeddedError.
        """
        return {} if self._hold is None else self._hold.pids()

    def close(self) -> None:
        """Stop using the servers; they end when nobody else uses them. Closing twice is fine."""
        if self._hold is not None:
            self._hold.users.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_stack(
    state_dir: Path,
    *,
    postgres: bool = True,
    valkey: bool = True,
    durable: bool = True,
    search: Search = EVERYWHERE,
) -> Stack:
    """Start or join the servers of a state directory, and use them until close() or death.

    With durable=False a crash of the machine may ruin the data, and Valkey keeps none. Raises
    EmbeddedError, which names the way out, when there is no program or it does not start.
    """
    names = tuple(name for name, wanted in ((POSTGRES, postgres), (VALKEY, valkey)) if wanted)
    if not names:
        return Stack(
            database_url=None, redis_url=None, pids={}, banner="no embedded servers", _hold=None
        )
    place = place_of(state_dir)
    with ExitStack() as undo:
        try:
            make(place)
            users = undo.enter_context(Lock(place.users_lock))
            hold = Hold(place=place, users=users, names=names, durable=durable, search=search)
            servers = hold.ensure()
        except (OSError, ValueError) as error:
            raise EmbeddedError(
                f"cannot use {place.state}: {error}; choose another state directory, "
                "or set BUSBAR_DATABASE_URL and BUSBAR_REDIS_URL"
            ) from error
        undo.pop_all()
    return Stack(
        database_url=database_url(servers[POSTGRES]) if postgres else None,
        redis_url=redis_url(servers[VALKEY]) if valkey else None,
        pids=hold.pids(),
        banner=banner(servers),
        _hold=hold,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A user's lock, and what it takes to get its servers running again."""

    place: Place
    users: Lock
    names: tuple[str, ...]
    durable: bool
    search: Search

    def ensure(self) -> Mapping[str, ServerPlan]:
        """Become a user and see to it that the servers run."""
        with Lock(self.place.start_lock) as start:
            # The supervisor takes the users' lock alone only for moments while we hold the other.
            if not (
                start.wait(within_s=START_S_MAX)
                and self.users.wait(shared=True, within_s=START_S_MAX)
            ):
                raise EmbeddedError(
                    f"another process has been starting or stopping the servers of "
                    f"{self.place.state} for {START_S_MAX:.0f} s; see the logs there"
                )
            return ensure_running(self.place, self.names, durable=self.durable, search=self.search)

    def pids(self) -> dict[str, int]:
        """Return the processes that run now, after bringing back a supervisor that was killed."""
        status = Status.read(self.place.status)
        if not self.users.closed and (status is None or command_line(status.supervisor) is None):
            self.ensure()
            status = Status.read(self.place.status)
        running = {} if status is None else status.pids()
        return {name: running[name] for name in self.names if name in running}


def database_url(plan: ServerPlan) -> str:
    """Return SQLAlchemy's spelling of a socket."""
    return f"postgresql+psycopg://{ROLE}@/{DATABASE}?host={quote(plan.sockets)}"


def redis_url(plan: ServerPlan) -> str:
    """Return redis-py's spelling of a socket."""
    return f"unix://{quote(f'{plan.sockets}/{SOCKET}')}?db=0"


def banner(servers: Mapping[str, ServerPlan]) -> str:
    """Return the start line."""
    parts = (f"{plan.version} in {shown(Path(plan.data))}" for plan in servers.values())
    return f"embedded {' · '.join(parts)}"


def shown(path: Path) -> str:
    """Return a path as short as it stays true."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
