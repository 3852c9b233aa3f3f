"""A simulator's process: where it listens, how it says so, and how it ends."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import web

BACKLOG: Final = 4_096  # connections not yet accepted
PARENT_LOOK_S: Final = 1.0
DRAIN_S: Final = 0.1  # for calls in flight when the server is told to end

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def run(
    entrance: Callable[[], Handler],
    host: str,
    port: int,
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
        asyncio.run(_served(entrance, host, port, unix=unix, port_file=port_file, parent=parent))
    finally:
        if unix is not None:
            unix.unlink(missing_ok=True)


async def _served(
    entrance: Callable[[], Handler],
    host: str,
    port: int,
    *,
    unix: Path | None,
    port_file: Path | None,
    parent: int | None,
) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    site = web.Server(entrance(), access_log=None, handler_cancellation=True, auto_decompress=False)
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
