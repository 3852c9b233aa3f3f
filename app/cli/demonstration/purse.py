"""How much an account is given so that it runs dry in the middle of its prompts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.instrument import Instrument
from app.domain.pricing import hold_amount

FRAME_TOKENS: Final = 400
"""More than the allowances for a request and its messages come to."""

BYTES_PER_TOKEN: Final = 4
ANSWER_TOKENS: Final = 60
"""About what a prompt has in tokens, and what the simulator answers."""

COVERED_PERCENT: Final = 45
"""Prompts that the first deposit pays for."""

ALONE_MAX: Final = 8
"""Prompts that may have to go one after the other, because a hold of one is most of the balance."""

STEP_NANOS: Final = 100_000
"""Deposits are made in ten-thousandths of a dollar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A deposit, and the threshold under which no prompt can be sure to be paid for."""

    deposit_nanos: int
    threshold_nanos: int


def purse(prompts: Sequence[str], instrument: Instrument) -> Purse:
    """Return what about half of the prompts cost, and what the dearest of them may cost at most.

    Prompts are lines of a file; one that cannot be read costs nothing.
    """
    bodies = [body for line in prompts if (body := _body(line)) is not None]
    dearest = max((_hold(body, instrument) for body in bodies), default=0)
    about = sum(_about(body, instrument) for body in bodies)
    count = max(1, len(bodies))
    alone = min(ALONE_MAX, count // 3) * (about // count)
    wanted = max(about * COVERED_PERCENT // 100, dearest + alone)
    return Purse(deposit_nanos=_stepped(wanted), threshold_nanos=_stepped(dearest))


def _body(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if isinstance(found, dict) and isinstance(found.get("body"), dict):
        found = found["body"]
    return found if isinstance(found, dict) else None


def _hold(body: dict[str, Any], instrument: Instrument) -> int:
    return hold_amount(_bytes(body) + FRAME_TOKENS, _output(body, instrument), instrument.price)


def _about(body: dict[str, Any], instrument: Instrument) -> int:
    answer = min(_output(body, instrument), ANSWER_TOKENS)
    return hold_amount(_bytes(body) // BYTES_PER_TOKEN, answer, instrument.price)


def _bytes(body: dict[str, Any]) -> int:
    return len(json.dumps(body.get("messages"), ensure_ascii=False).encode("utf-8", "replace"))


def _output(body: dict[str, Any], instrument: Instrument) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    given = asked if isinstance(asked, int) and asked > 0 else instrument.output_tokens_default
    return min(given, instrument.output_tokens_max)


def _stepped(nanos: int) -> int:
    return -(-nanos // STEP_NANOS) * STEP_NANOS
