"""The simulator's server: its URLs, and what answers them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from app.simulator import sending
from app.simulator.anthropic.dialect import MESSAGES
from app.simulator.anthropic.weighing import Weighing
from app.simulator.calls import Calls
from app.simulator.control import Controls
from app.simulator.dialect import Dialect
from app.simulator.door import Door
from app.simulator.failure import Failure
from app.simulator.faults.plan import Faults
from app.simulator.heard import Heard
from app.simulator.openai.dialect import CHAT
from app.simulator.process import Handler, run
from app.simulator.receiving import TooLarge

CHAT_PATH: Final = "/v1/chat/completions"
MESSAGES_PATH: Final = "/v1/messages"


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    unix: Path | None = None,
    port_file: Path | None = None,
    exit_with_parent: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT comes, or the parent goes away and `exit_with_parent` is set.

    Port 0 takes a free one. Once it listens, the port is in `port_file` and one line of JSON,
    `{"url": ...}`, is on standard output. With `unix` it listens on that socket too. Raises
    `OSError` where it cannot listen.
    """
    run(
        lambda: _entrance(doors()),
        host,
        port,
        unix=unix,
        port_file=port_file,
        exit_with_parent=exit_with_parent,
    )


def doors() -> Mapping[str, Mapping[str, Handler]]:
    """Return every URL of the simulator, with what answers each method; all start from nothing."""
    calls, faults, heard = Calls(), Faults(), Heard()
    controls = Controls(calls=calls, faults=faults, heard=heard)
    return {
        CHAT_PATH: {"POST": Door(CHAT, calls=calls, faults=faults, heard=heard)},
        MESSAGES_PATH: {"POST": Door(MESSAGES, calls=calls, faults=faults, heard=heard)},
        f"{MESSAGES_PATH}/count_tokens": {"POST": Weighing(calls=calls, heard=heard)},
        "/_simulator/requests": {"GET": controls.show_requests},
        "/_simulator/calls": {"GET": controls.show_calls, "DELETE": controls.reset_calls},
        "/_simulator/faults": {
            "GET": controls.show_faults,
            "PUT": controls.set_faults,
            "DELETE": controls.reset_faults,
        },
        "/healthz": {"GET": _healthy},
    }


def _entrance(known: Mapping[str, Mapping[str, Handler]]) -> Handler:
    async def enter(request: web.BaseRequest) -> web.StreamResponse:
        methods = known.get(request.path)
        if methods is None:
            what = f"There is nothing at {request.path}."
            unknown = Failure(status=404, message=what, code="unknown_url")
            return _dialect(request).failure(unknown)
        handler = methods.get(request.method)
        if handler is None:
            allowed = ", ".join(methods)
            wrong = Failure(status=405, message=f"Use {allowed} here.", code="method_not_allowed")
            return _dialect(request).failure(wrong, headers={"Allow": allowed})
        try:
            return await handler(request)
        except TooLarge as problem:
            return CHAT.failure(Failure(status=413, message=str(problem)))
        except ConnectionError:
            # The client left in the middle of its answer, which is its right.
            return web.Response()

    return enter


def _dialect(request: web.BaseRequest) -> Dialect:
    return MESSAGES if request.path.startswith(MESSAGES_PATH) else CHAT


async def _healthy(_request: web.BaseRequest) -> web.Response:
    return sending.whole(b"ok", kind="text/plain")
