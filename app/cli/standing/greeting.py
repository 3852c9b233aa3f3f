"""What `busbar up` shows once everything answers."""

import json
from shlex import quote

from app.cli.standing.account import Opened
from app.cli.standing.plan import Plan
from app.domain.money import format_dollars

QUESTION = "Why is the sky blue?"


def greeting(plan: Plan, opened: Opened, *, is_embedded: bool) -> str:
    """Return the URL, the key, and a line to paste into another terminal."""
    dollars = format_dollars(opened.available_nanos)
    facts = {
        "key": opened.key,
        "account": f"{opened.name}, {dollars} dollars to spend",
        "catalog": str(plan.catalog),
        "simulator": plan.simulator_url or "none",
        "logs": str(plan.logs),
    }
    lines = [f"  {name:<11}{fact}" for name, fact in facts.items()]
    return "\n".join(
        [
            f"\nBusbar answers at {plan.base_url}\n",
            *lines,
            f"\n{_curl(plan, opened.key)}\n",
            *([_other_terminals(plan)] if is_embedded else []),
            "Ctrl-C stops (drains)",
        ]
    )


def _other_terminals(plan: Plan) -> str:
    state = quote(str(plan.state))
    return (
        f"Other terminals: export BUSBAR_STATE_DIR={state}\n"
        "  before busbar run, accounts, keys, deposit or doctor (or --state with each but run)\n"
    )


def _curl(plan: Plan, key: str) -> str:
    body = json.dumps(
        {"model": plan.instrument, "messages": [{"role": "user", "content": QUESTION}]}
    )
    return (
        f"curl {plan.base_url}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d {quote(body)}"
    )
