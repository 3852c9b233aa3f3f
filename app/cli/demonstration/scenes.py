"""The demo's scenes: a worker killed midway, answers, retries, money."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from rich.console import Console
from rich.table import Table

from app.cli.demonstration.stage import Actor, Stage
from app.domain.money import format_dollars, parse_dollars

LOOK_S: Final = 0.1
TEXT_CHARACTERS: Final = 88
VICTIM: Final = "worker-1"


@contextmanager
def killer(
    stage: Stage, *, after: int, unless: Callable[[], bool], console: Console
) -> Iterator[None]:
    """Kill a worker by force once the provider has given `after` answers, but not `unless`."""
    over = threading.Event()

    def wait_and_kill() -> None:
        while not over.wait(LOOK_S):
            try:
                if stage.answered() < after or unless():
                    continue
            except requests.RequestException:
                continue
            pid = stage.kill(VICTIM)
            if pid is not None:
                console.print(f"[bold red]kill -9[/] {VICTIM} (process {pid}) with calls in flight")
                return

    thread = threading.Thread(target=wait_and_kill, name="killer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def answers(
    results: Sequence[dict[str, Any]], prompts: Path, console: Console, *, most: int
) -> None:
    """Show a few prompts and what came back."""
    asked = [json.loads(line) for line in prompts.read_text("utf-8").splitlines()]
    console.print("\n[bold]A few answers[/]")
    step = max(1, len(asked) // most)
    for index in range(0, step * most, step):
        question = _short(asked[index]["messages"][-1]["content"])
        console.print(f"  > {question}", markup=False, soft_wrap=True)
        body = (results[index]["response"] or {}).get("body", {})
        text = body.get("choices", [{}])[0].get("message", {}).get("content", "")
        console.print(f"    {_short(text)}", markup=False, style="green", soft_wrap=True)


def ledger(
    stage: Stage, actors: Sequence[Actor], results: Sequence[dict[str, Any]], console: Console
) -> None:
    """Show what each account got and paid, and how often a call had to be made again."""
    states = Counter(result["status"] for result in results)
    job_ids = [result["job_id"] for result in results]
    tries = Counter(count for actor in actors for count in stage.attempts(actor, job_ids))
    again = ", ".join(f"{jobs} took {n} calls" for n, jobs in sorted(tries.items()) if n > 1)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    console.print(f"\n[bold]{len(results)} jobs:[/] {told}; {again or 'none was retried'}")
    spent = sum(parse_dollars(result["cost"] or "0") for result in results)
    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in ("account", "instrument", "deposited", "bought", "after"):
        table.add_column(name, justify="left" if name in ("account", "instrument") else "right")
    for actor in actors:
        bought = " + ".join(f"${format_dollars(nanos)}" for nanos in stage.replenishments(actor))
        deposited = f"${format_dollars(actor.deposit_nanos)}"
        after = f"${format_dollars(stage.balance(actor))}"
        table.add_row(actor.name, actor.model, deposited, bought or "-", after)
    console.print(table)
    console.print(f"  the answers' own costs sum to ${format_dollars(spent)}")


def _short(text: Any) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= TEXT_CHARACTERS else line[: TEXT_CHARACTERS - 1] + "…"
