"""The simulator's server: its URLs, where it listens, and how it ends."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

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
from app.simulator.receiving import TooLarge

BACKLOG: Final = 4_096  # connections not yet accepted
PARENT_LOOK_S: Final = 1.0
DRAIN_S: Final = 0.1  # for calls in flight when the server is told to end

CHAT_PATH: Final = "/v1/chat/completions"
MESSAGES_PATH: Final = "/v1/messages"

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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
    _open_files_as_allowed()
    parent = os.getppid() if exit_with_parent else None
    try:
        asyncio.run(_served(host, port, unix=unix, port_file=port_file, parent=parent))
    finally:
        if unix is not None:
            unix.unlink(missing_ok=True)


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


async def _served(
    host: str, port: int, *, unix: Path | None, port_file: Path | None, parent: int | None
) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    site = web.Server(
        _entrance(doors()), access_log=None, handler_cancellation=True, auto_decompress=False
    )
    listeners = [await loop.create_server(site, host, port, backlog=BACKLOG)]
    try:
        if unix is not None:
            listeners.append(await loop.create_unix_server(site, str(unix), backlog=BACKLOG))
        _announce(host, listeners[0].sockets[0].getsockname()[1], unix=unix, port_file=port_file)
        await _ending(ended, parent)
    finally:
        for listener in listeners:
            listener.close()
        await site.shutdown(DRAIN_S)


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


def _announce(host: str, port: int, *, unix: Path | None, port_file: Path | None) -> None:
    said = {"url": f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"}
    if unix is not None:
        said["unix"] = str(unix)
    if port_file is not None:
        # Whoever waits for the file must never read half of it.
        draft = port_file.with_name(f".{port_file.name}.{os.getpid()}")
        draft.write_text(f"{port}\n")
        draft.replace(port_file)
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def _ending(ended: asyncio.Event, parent: int | None) -> None:
    """Wait until a signal came or the parent is another process than it was."""
    if parent is None:
        await ended.wait()
        return
    while os.getppid() == parent and not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), PARENT_LOOK_S)
        except TimeoutError:
            continue


def _open_files_as_allowed() -> None:
    """Ask for as many connections as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
