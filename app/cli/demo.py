"""`busbar demo`: the gateway on real prompts; a worker is killed, a balance runs dry midway."""

import json
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from app.catalog import EXAMPLE
from app.cli.demonstration import replenishing, scenes
from app.cli.demonstration.curtain import Curtain
from app.cli.demonstration.opening import StageFailed, open_stage
from app.cli.demonstration.purse import purse
from app.cli.demonstration.scratch import scratch
from app.cli.demonstration.stage import REPLENISHMENT_NANOS, Actor, Stage
from app.cli.standing.interrupts import Interrupted
from app.cli.terminal import failing
from app.domain.money import format_dollars

app = typer.Typer(add_completion=False, rich_markup_mode=None)

PROMPTS: Final = EXAMPLE.with_name("prompts.jsonl")
ACTORS: Final = (("ada", "text-standard"), ("grace", "text-prime"))
"""The second one runs dry."""

KILL_AFTER_SHARE: Final = 0.3
ANSWERS_SHOWN: Final = 4
INTERRUPTED: Final = 130
NEXT: Final = "busbar up (or ./dev up)"


@app.command()
def demo(
    prompts: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="JSONL of chat completion requests to send.",
            exists=True,
            dir_okay=False,
            show_default="prompts that come along",
        ),
    ] = PROMPTS,
) -> None:
    """Send real prompts through a whole gateway under two accounts, and show what became of them.

    Real PostgreSQL, real Valkey, a submitter, two workers and a simulated provider that fails now
    and then. One worker is killed midway, and one balance runs dry and buys more at a simulated
    payment service, which declines once. No server, catalog or setting of yours is used, nothing
    is paid for, and everything is stopped and removed at the end.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    lines = [line for line in prompts.read_text("utf-8").splitlines() if line.strip()]
    if len(lines) < len(ACTORS):
        failing.fail(f"{prompts}: a demo needs {len(ACTORS)} prompts or more", failing.USAGE)
    try:
        with (
            Curtain() as curtain,
            scratch() as folder,
            open_stage(folder, curtain, console) as stage,
        ):
            files = _parts(lines, folder)
            clean = _play(stage, _actors(stage, files), files, console)
    except StageFailed as error:
        failing.fail(str(error), failing.FAILED)
    except Interrupted:
        failing.fail("stopped, and nothing of the demo is left", INTERRUPTED)
    console.print(f"\n[bold]Done in {time.monotonic() - started:.0f} s.[/] Next: {NEXT}")
    if not clean:
        raise SystemExit(failing.FAILED)


def _parts(lines: list[str], folder: Path) -> list[Path]:
    """Write each actor's share of the prompts to a file."""
    files = [folder / f"prompts-{name}.jsonl" for name, _ in ACTORS]
    for number, file in enumerate(files):
        share = lines[number :: len(files)]
        file.write_text("".join(f"{line}\n" for line in share), encoding="utf-8")
    return files


def _actors(stage: Stage, files: list[Path]) -> list[Actor]:
    """Open both accounts; what the second one gets lasts for a part of its prompts."""
    (rich, rich_model), (poor, poor_model) = ACTORS
    prompts = files[1].read_text(encoding="utf-8").splitlines()
    small = purse(prompts, stage.instrument(poor_model))
    actors = [
        stage.actor(rich, rich_model),
        stage.actor(poor, poor_model, deposit_nanos=small.deposit_nanos),
    ]
    stage.replenish(actors[1], threshold_nanos=small.threshold_nanos)
    return actors


def _announce(stage: Stage, actors: list[Actor], total: int, console: Console) -> None:
    console.print(f"\n[bold]{total} prompts, two accounts, a provider that fails now and then[/]")
    for actor in actors:
        console.print(f"  {actor.name:<6} has ${format_dollars(stage.balance(actor))}")
    console.print(
        f"  {actors[1].name} buys ${format_dollars(REPLENISHMENT_NANOS)} when that does not last,"
        " at a payment service that declines at first"
    )
    console.print(f"  a worker will be killed (kill -9) once {KILL_AFTER_SHARE:.0%} are answered\n")


def _play(stage: Stage, actors: list[Actor], files: list[Path], console: Console) -> bool:
    total = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    _announce(stage, actors, total, console)
    poor = actors[1]
    with (
        scenes.killer(
            stage,
            after=int(total * KILL_AFTER_SHARE),
            # Whoever carried the purchase would be waited for until its lease is over.
            unless=lambda: replenishing.is_buying(stage, poor),
            console=console,
        ),
        replenishing.teller(stage, poor, console),
    ):
        runs = [stage.run(actor, file) for actor, file in zip(actors, files, strict=True)]
        codes = [run.wait() for run in runs]
    if not all(run.out.exists() for run in runs):
        console.print(f"\n[bold red]A run ended early[/], with the exit codes {codes}; see above.")
        return False
    results = [json.loads(line) for run in runs for line in run.out.read_text("utf-8").splitlines()]
    scenes.answers(results, files[0], console, most=ANSWERS_SHOWN)
    scenes.ledger(stage, actors, results, console)
    findings = stage.doctor()
    console.print(
        "\n[bold]The doctor:[/] "
        + ("the book is clean: every job settled once" if not findings else str(findings))
    )
    return not findings and not any(codes) and len(results) == total
