"""`busbar up`: everything in one terminal."""

import signal
from typing import Final

import typer

from app.catalog import load
from app.cli import orphan
from app.cli.standing import options
from app.cli.standing.house import stand
from app.cli.standing.interrupts import Interrupted, Interrupts
from app.cli.standing.plan import Wishes, own_catalog
from app.cli.standing.ports import Refused
from app.cli.standing.processes import GaveUp
from app.cli.standing.ready import READY_FILE
from app.cli.standing.voice import Voice
from app.cli.terminal import failing, missing
from app.domain.money import parse_dollars
from app.settings import Settings

INTERRUPTED: Final = 130

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def up(
    port: options.Port = None,
    host: options.Host = None,
    state: options.State = None,
    catalog: options.CatalogFile = None,
    workers: options.Workers = 1,
    simulator_port: options.SimulatorPort = options.SIMULATOR_PORT,
    ready_file: options.ReadyFile = None,
    account: options.Account = "demo",
    balance: options.Balance = "100",
    *,
    simulator: options.WithSimulator = True,
    quiet: options.Quiet = False,
) -> None:
    """Run everything in one terminal: servers, migrations, submitter, workers, simulator.

    Real PostgreSQL and Valkey are started where BUSBAR_DATABASE_URL and BUSBAR_REDIS_URL are not
    set. What dies is started again. Ctrl-C drains; a second Ctrl-C does not wait.
    """
    settings = Settings()
    try:
        balance_nanos = parse_dollars(balance)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--balance") from error
    chosen = own_catalog(catalog or settings.catalog)
    if chosen is None and not simulator:
        raise typer.BadParameter(
            "the example catalog needs the simulator; name your own with --catalog FILE",
            param_hint="--no-simulator",
        )
    _check_metrics_ports(settings, workers)
    voice = Voice(quiet=quiet)
    if chosen is not None:
        for line in missing.remarks(load(chosen)):
            voice.warn(line)
    place = (state or settings.state_dir).resolve()
    extra = None if ready_file is None else ready_file.resolve()
    wishes = Wishes(
        host=host or settings.host,
        port=settings.port if port is None else port,
        state=place,
        catalog=chosen,
        workers=workers,
        simulator=simulator,
        simulator_port=simulator_port,
        ready_file=None if extra == place / READY_FILE else extra,
        account=account,
        balance_nanos=balance_nanos,
    )
    _stand(wishes, settings, voice)


def _check_metrics_ports(settings: Settings, workers: int) -> None:
    """Raise BadParameter unless there is a port for each worker, from the first one's upwards."""
    first = settings.metrics_port
    if first and first + workers - 1 > options.PORT_MAX:
        what = f"BUSBAR_METRICS_PORT={first} and the ports after it are too few for {workers}"
        raise typer.BadParameter(what, param_hint="--workers")


def _stand(wishes: Wishes, settings: Settings, voice: Voice) -> None:
    """Run until a signal comes; say in one line, and in the exit code, how it ended."""
    with Interrupts() as interrupts:
        orphan.watch(settings.parent_pid, signal.SIGTERM)
        try:
            stand(wishes, settings, interrupts, voice)
        except (Refused, GaveUp) as error:
            failing.fail(str(error), failing.FAILED)
        except OSError as error:
            failing.fail(
                f"{error.filename or wishes.state}: {error.strerror}; "
                "--state and --ready-file choose other places",
                failing.FAILED,
            )
        except Interrupted:
            if interrupts.heard > 1:
                raise SystemExit(INTERRUPTED) from None
    voice.tell("stopped")
