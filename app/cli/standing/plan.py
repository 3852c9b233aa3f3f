"""What `busbar up` decides before anything runs: where everything is, and what it sells."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app import catalog
from app.cli.standing.ports import another_port, listening_port, url_of
from app.cli.standing.voice import Voice
from app.settings import Settings

OWN_CATALOG: Final = Path("busbar.toml")
FAVOURITE: Final = "text-standard"
SIMULATOR_HOST: Final = "127.0.0.1"
SIMULATOR_IN_EXAMPLE: Final = "http://127.0.0.1:8090"
SECRET_BYTES: Final = 16
LEFTOVERS_S: Final = 5.0
"""Within this time the processes of a killed `busbar up` have found out and left their ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the options ask for, with the settings where they are silent."""

    host: str
    port: int
    state: Path
    """Absolute."""
    catalog: Path | None
    """Absolute; None: the example catalog, served by the simulator."""
    workers: int
    simulator: bool
    simulator_port: int
    ready_file: Path | None
    """Another than the one in the state directory."""
    account: str
    balance_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where everything will be."""

    state: Path
    host: str
    port: int
    simulator_port: int | None
    """None: no simulator."""
    funding_port: int | None
    """None: no simulated payment service, because there is another one, or no simulator."""
    funding_secret: str = field(repr=False)
    workers: int
    catalog: Path
    instrument: str
    """One that the catalog has, for examples."""

    @property
    def base_url(self) -> str:
        """Where clients on this machine find the gateway."""
        return url_of(self.host, self.port)

    @property
    def simulator_url(self) -> str | None:
        """Where the simulator answers."""
        return url_of(SIMULATOR_HOST, self.simulator_port) if self.simulator_port else None

    @property
    def funding_url(self) -> str | None:
        """Where the simulated payment service answers."""
        return url_of(SIMULATOR_HOST, self.funding_port) if self.funding_port else None

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.state / "logs"

    def heartbeat_file(self, worker: str) -> Path:
        """Return the file that a worker touches."""
        return self.state / "run" / worker


def own_catalog(chosen: Path | None) -> Path | None:
    """Return the operator's catalog: the chosen one, else ./busbar.toml; None without either."""
    if chosen is None and OWN_CATALOG.exists():
        chosen = OWN_CATALOG
    return None if chosen is None else chosen.resolve()


def with_catalog(settings: Settings) -> tuple[Settings, str | None]:
    """Return settings that name the operator's catalog, and what to say where nobody named one."""
    if settings.catalog is not None:
        return settings, None
    found = own_catalog(None)
    if found is None:
        return settings, (
            f"neither BUSBAR_CATALOG nor ./{OWN_CATALOG} names a catalog; the example is used, "
            "whose provider is the simulator"
        )
    return settings.model_copy(update={"catalog": found}), f"the catalog is {found}"


def make_plan(
    wishes: Wishes, voice: Voice, *, after_a_kill: bool, has_funding: bool = False
) -> Plan:
    """Choose ports, check the catalog, make the folders.

    `after_a_kill` says that the last `busbar up` in this state directory may just have died, so
    that its ports come free soon; `has_funding`, that the settings name a funding source. Raises
    Refused, CatalogError and OSError.
    """
    if wishes.catalog is not None:
        catalog.load(wishes.catalog)
    patience_s = LEFTOVERS_S if after_a_kill else 0.0
    port = listening_port(wishes.host, wishes.port, patience_s=patience_s)
    simulator_port = _simulator_port(wishes, port, patience_s, voice) if wishes.simulator else None
    for folder in ("logs", "run"):
        (wishes.state / folder).mkdir(mode=0o700, exist_ok=True)
    chosen = wishes.catalog or _example(wishes.state, url_of(SIMULATOR_HOST, simulator_port or 0))
    names = catalog.load(chosen).instruments
    return Plan(
        state=wishes.state,
        host=wishes.host,
        port=port,
        simulator_port=simulator_port,
        funding_port=None if has_funding else _funding_port(port, simulator_port),
        funding_secret=secrets.token_hex(SECRET_BYTES),
        workers=wishes.workers,
        catalog=chosen,
        instrument=FAVOURITE if FAVOURITE in names else next(iter(names)),
    )


def _simulator_port(wishes: Wishes, port: int, patience_s: float, voice: Voice) -> int:
    wanted = wishes.simulator_port
    found = another_port(SIMULATOR_HOST, wanted, besides=port, patience_s=patience_s)
    if wanted not in (0, found):
        line = f"port {wanted} is taken; the simulator listens on {found}"
        if wishes.catalog is None:
            voice.tell(line)
        else:
            voice.warn(f"{line}, which {wishes.catalog} may not know")
    return found


def _funding_port(port: int, simulator_port: int | None) -> int | None:
    """Return any free port: nobody but our own processes needs to know it beforehand."""
    if simulator_port is None:
        return None
    while (found := another_port(SIMULATOR_HOST, 0, besides=port, patience_s=0)) == simulator_port:
        pass
    return found


def _example(state: Path, simulator_url: str) -> Path:
    """Write the example catalog with the simulator's real address in it."""
    text = catalog.EXAMPLE.read_text("utf-8").replace(SIMULATOR_IN_EXAMPLE, simulator_url)
    path = state / "catalog.toml"
    path.write_text(text, "utf-8")
    return path
