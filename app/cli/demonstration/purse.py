"""How much an account is given so that it runs dry in the middle of its prompts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.instrument import Instrument
from app.domain.pricing import hold_amount, input_bound

BYTES_PER_TOKEN: Final = 4
ANSWER_TOKENS: Final = 8
"""About what a prompt has in tokens, and what the simulator answers at least. Longer answers end
the money sooner, shorter ones never would."""

COVERED_PERCENT: Final = 50
"""Prompts that are answered at most before the balance is too small for the dearest one."""

TURNS_MAX: Final = 20
"""How often about as many prompts as the balance can hold at once may follow one another, so that
prompts without `max_tokens`, whose holds are large, do not take minutes."""

STEP_NANOS: Final = 10_000
"""Deposits are made in hundred-thousandths of a dollar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A deposit, and the threshold under which no prompt can be sure to be paid for."""

    deposit_nanos: int
    threshold_nanos: int


def purse(prompts: Sequence[str], instrument: Instrument) -> Purse:
    """Return what the first prompts cost, and what the dearest of them may cost at most.

    Prompts are lines of a file; one that cannot be read costs nothing.
    """
    bodies = [body for line in prompts if (body := _body(line)) is not None]
    if not bodies:
        return Purse(deposit_nanos=STEP_NANOS, threshold_nanos=STEP_NANOS)
    holds = [_hold(body, instrument) for body in bodies]
    dearest = max(holds)
    at_once = dearest * len(holds) // sum(holds)
    covered = min(len(bodies) * COVERED_PERCENT // 100, TURNS_MAX * at_once)
    each = sum(_about(body, instrument) for body in bodies) // len(bodies)
    return Purse(
        deposit_nanos=_stepped(dearest + covered * each), threshold_nanos=_stepped(dearest)
    )


def _body(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if isinstance(found, dict) and isinstance(found.get("body"), dict):
        found = found["body"]
    return found if isinstance(found, dict) else None


def _hold(body: dict[str, Any], instrument: Instrument) -> int:
    sent = input_bound(_messages(body), (), context_tokens=instrument.context_tokens)
    return hold_amount(sent, _output(body, instrument), instrument.price)


def _about(body: dict[str, Any], instrument: Instrument) -> int:
    answer = min(_output(body, instrument), ANSWER_TOKENS)
    sent = len(json.dumps(_messages(body), ensure_ascii=False).encode("utf-8", "replace"))
    return hold_amount(sent // BYTES_PER_TOKEN, answer, instrument.price)


def _messages(body: dict[str, Any]) -> list[Any]:
    found = body.get("messages")
    return found if isinstance(found, list) else []


def _output(body: dict[str, Any], instrument: Instrument) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    given = asked if isinstance(asked, int) and asked > 0 else instrument.output_tokens_default
    return min(given, instrument.output_tokens_max)


def _stepped(nanos: int) -> int:
    return max(1, -(-nanos // STEP_NANOS)) * STEP_NANOS
