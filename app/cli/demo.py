"""`busbar demo`: the whole gateway on real prompts, with one worker killed midway."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from app.catalog import EXAMPLE
from app.cli.demonstration import scenes
from app.cli.demonstration.stage import Actor, Stage, open_stage
from app.cli.terminal import failing
from app.domain.money import format_dollars

app = typer.Typer(add_completion=False, rich_markup_mode=None)

PROMPTS: Final = EXAMPLE.parent / "examples" / "prompts.jsonl"
ACTORS: Final = (("ada", "text-standard"), ("grace", "text-prime"))
KILL_AFTER_SHARE: Final = 0.3
ANSWERS_SHOWN: Final = 4


@app.command()
def demo(
    prompts: Annotated[Path, typer.Option(help="JSONL of chat-completions requests.")] = PROMPTS,
) -> None:
    """Send real prompts through a whole gateway under two accounts, and show what became of them.

    Real PostgreSQL, real Valkey, a submitter, two workers and a simulated provider that fails now
    and then. One worker is killed midway. Everything is stopped and removed at the end.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="busbar-demo-"))
    try:
        with open_stage(folder, console) as stage:
            actors = [stage.actor(name, model) for name, model in ACTORS]
            halves = _halves(prompts, folder, len(actors))
            clean = _play(stage, actors, halves, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"\n[bold]Done in {time.monotonic() - started:.0f} s.[/] Next: ./dev up")
    if not clean:
        raise SystemExit(failing.FAILED)


def _halves(prompts: Path, folder: Path, parts: int) -> list[Path]:
    lines = prompts.read_text(encoding="utf-8").splitlines(keepends=True)
    files = []
    for part in range(parts):
        files.append(folder / f"prompts-{part}.jsonl")
        files[-1].write_text("".join(lines[part::parts]), encoding="utf-8")
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
    results = [json.loads(line) for run in runs for line in run.out.read_text("utf-8").splitlines()]
    scenes.answers(results, files[0], console, most=ANSWERS_SHOWN)
    scenes.ledger(stage, actors, results, console)
    findings = stage.doctor()
    console.print(
        "\n[bold]The doctor:[/] "
        + ("the book is clean: every job settled once" if not findings else str(findings))
    )
    return not findings and not any(codes) and len(results) == total
