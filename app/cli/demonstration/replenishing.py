"""The demo's scene of money: a balance runs dry, is replenished, and its prompts go on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from rich.console import Console

from app.cli.demonstration.stage import Actor, Stage
from app.cli.terminal import failing
from app.domain.money import format_dollars
from app.domain.replenishing.purchase import UNDER_WAY, PurchaseState

T = TypeVar("T")

LOOK_S: Final = 0.1


@contextmanager
def teller(stage: Stage, actor: Actor, console: Console) -> Iterator[None]:
    """Tell of each purchase of an account: that it is asked for, and what came of it."""
    over = threading.Event()
    scene = _Scene(stage, actor, console)

    def watch() -> None:
        while not over.wait(LOOK_S):
            _asked(scene.look)
        _asked(scene.look)

    thread = threading.Thread(target=watch, name="teller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_buying(stage: Stage, actor: Actor) -> bool:
    """True while a purchase of that account is under way."""
    found = _asked(lambda: stage.replenishing(actor))
    return found is not None and found.latest is not None and found.latest.state in UNDER_WAY


class _Scene:
    """What was told so far."""

    def __init__(self, stage: Stage, actor: Actor, console: Console) -> None:
        self._stage = stage
        self._actor = actor
        self._console = console
        self._told: set[tuple[str, bool]] = set()

    def look(self) -> None:
        found = self._stage.replenishing(self._actor)
        latest = found.latest
        if latest is None or (latest.id, latest.state not in UNDER_WAY) in self._told:
            return
        amount = format_dollars(latest.amount_nanos)
        if not self._told:
            self._tell_dry(amount)
        self._told.update({(latest.id, False), (latest.id, latest.state not in UNDER_WAY)})
        if latest.state is PurchaseState.DONE:
            self._console.print(f"[bold green]${amount} bought[/]: what waited goes on by itself")
        elif latest.state is PurchaseState.FAILED:
            again = f"the next try is in {found.kept.policy.cooling_s:.0f} s"
            self._console.print(f"the payment service says no ({latest.reason}); {again}")

    def _tell_dry(self, amount: str) -> None:
        waiting = self._stage.waiting(self._actor)
        self._console.print(
            f"[bold yellow]{self._actor.name} has run dry[/]: {waiting} prompts wait, none fails,"
            f" and ${amount} more is asked for"
        )


def _asked(ask: Callable[[], T]) -> T | None:
    """Return what there is to know; None when the gateway is going down, which ends the play."""
    try:
        return ask()
    except Exception as error:
        if failing.explain(error) is None:
            raise
        return None
