"""`busbar demo`: the whole gateway on real prompts, with one worker killed midway."""

import json
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from app.catalog import EXAMPLE
from app.cli.demonstration import scenes
from app.cli.demonstration.curtain import Curtain
from app.cli.demonstration.scratch import scratch
from app.cli.demonstration.stage import Actor, Stage, StageFailed, open_stage
from app.cli.standing.interrupts import Interrupted
from app.cli.terminal import failing
from app.domain.money import format_dollars

app = typer.Typer(add_completion=False, rich_markup_mode=None)

PROMPTS: Final = EXAMPLE.with_name("prompts.jsonl")
ACTORS: Final = (("ada", "text-standard"), ("grace", "text-prime"))
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
    and then. One worker is killed midway. No server, catalog or setting of yours is used, nothing
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
            actors = [stage.actor(name, model) for name, model in ACTORS]
            clean = _play(stage, actors, _parts(lines, folder), console)
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


def _play(stage: Stage, actors: list[Actor], files: list[Path], console: Console) -> bool:
    total = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    console.print(f"\n[bold]{total} prompts, two accounts, a provider that fails now and then[/]")
    for actor in actors:
        console.print(f"  {actor.name:<6} has ${format_dollars(stage.balance(actor))}")
    console.print(f"  a worker will be killed (kill -9) once {KILL_AFTER_SHARE:.0%} are answered\n")
    with scenes.killer(stage, after=int(total * KILL_AFTER_SHARE), console=console):
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
