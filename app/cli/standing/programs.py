"""The programs that `busbar up` runs, and the order in which they are stopped."""

import os
import sys
from typing import Final

from app import broker
from app.cli.standing.plan import SIMULATOR_HOST, Plan
from app.cli.standing.program import Program
from app.settings import Settings, child_environment

WEB_STOP_S: Final = 35.0
"""Longer than a submitter takes to finish the answers it has begun."""
SETTLE_S: Final = 10.0
"""What a worker may take to settle and to give back jobs after its own grace."""


def programs(plan: Plan, settings: Settings) -> list[list[Program]]:
    """Return what to run, in the order in which it is stopped.

    The submitter goes first: nothing new comes in, and the callers it still answers need the
    workers, as these need the simulator.
    """
    environment = _environment(plan, settings)
    workers = [
        _worker(number, plan, environment, settings) for number in range(1, plan.workers + 1)
    ]
    stages = [[_web(plan, environment)], workers]
    if plan.simulator_port is None:
        return stages
    return [*stages, [_simulator(plan), *([_funding(plan)] if plan.funding_port else [])]]


def _environment(plan: Plan, settings: Settings) -> dict[str, str]:
    funding = {
        "BUSBAR_FUNDING_URL": plan.funding_url or "",
        "BUSBAR_FUNDING_SECRET": plan.funding_secret,
    }
    return child_environment(
        {
            **(funding if plan.funding_url else {}),
            "BUSBAR_DATABASE_URL": settings.database_url,
            "BUSBAR_REDIS_URL": settings.redis_url,
            "BUSBAR_STATE_DIR": str(plan.state),
            "BUSBAR_CATALOG": str(plan.catalog),
            "BUSBAR_PARENT_PID": str(os.getpid()),
        }
    )


def _web(plan: Plan, environment: dict[str, str]) -> Program:
    return Program(
        name="web",
        command=_python("app.cli", "serve", "--host", plan.host, "--port", str(plan.port)),
        environment=environment,
        log=plan.logs / "web.log",
        stop_s=WEB_STOP_S,
        url=f"{plan.base_url}/readyz",
    )


def _worker(number: int, plan: Plan, environment: dict[str, str], settings: Settings) -> Program:
    name = f"worker-{number}"
    beats = plan.heartbeat_file(name)
    flags = ["--queues", ",".join(broker.QUEUES), "--heartbeat-file", str(beats)]
    if settings.metrics_port:
        flags += ["--metrics-port", str(settings.metrics_port + number - 1)]
    return Program(
        name=name,
        command=_python("app.cli", "worker", *flags),
        environment=environment,
        log=plan.logs / f"{name}.log",
        stop_s=settings.drain_s + SETTLE_S,
        heartbeat_file=beats,
    )


def _simulator(plan: Plan) -> Program:
    flags = ("--host", SIMULATOR_HOST, "--port", str(plan.simulator_port), "--exit-with-parent")
    return Program(
        name="simulator",
        command=_python("app.simulator", *flags),
        environment=child_environment({}),
        log=plan.logs / "simulator.log",
        url=f"{plan.simulator_url}/healthz",
    )


def _funding(plan: Plan) -> Program:
    flags = ("--host", SIMULATOR_HOST, "--port", str(plan.funding_port), "--exit-with-parent")
    return Program(
        name="funding",
        command=_python("app.simulator.funding", *flags, "--secret", plan.funding_secret),
        environment=child_environment({}),
        log=plan.logs / "funding.log",
        url=f"{plan.funding_url}/healthz",
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a folder named `app` where the operator stands must not be taken for ours.
    return (sys.executable, "-P", "-m", module, *arguments)
