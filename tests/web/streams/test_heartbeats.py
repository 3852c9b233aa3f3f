"""Silence on a real socket: a client waits for words, and hears in between that all is well."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from socketserver import ThreadingMixIn
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from sqlalchemy import text

from app.services.streaming import follow
from app.web.urls import build
from tests.web.api import JOBS, Api
from tests.web.polling import BOUND_S

SILENCE_MAX_S: Final = 15.0
"""What the vendors' clients and the proxies before them stand."""

BEAT_S: Final = 1.0
BEATS: Final = 4
HASTE: Final = BEAT_S / follow.HEARTBEAT_S
"""How much faster the time of these tests goes."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(api: Api) -> Iterator[tuple[str, int]]:
    """Serve the application at a port of this process, where its pace can be set."""
    server = _Server(("127.0.0.1", 0), _Quiet)
    server.set_app(build(api.gateway))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield ("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def hanging(api: Api) -> Iterator[None]:
    """Let nobody read a job: the database takes the question and does not answer."""
    with api.gateway.engine.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        yield


@pytest.mark.parametrize("database", ["well", "hanging"])
def test_no_silence_is_too_long(api: Api, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    """Between two signs of life no more time passes than clients stand, whatever the database."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", BEAT_S)
    job_id = api.later()
    with serving(api) as address, socket.create_connection(address, timeout=BOUND_S) as client:
        client.sendall(
            f"GET {JOBS}/{job_id}/stream HTTP/1.0\r\n"
            f"Authorization: Bearer {api.customer.key}\r\n\r\n".encode()
        )
        told = client.recv(65_536)
        with hanging(api) if database == "hanging" else nullcontext():
            more, longest_s = listen(client)
        told += more
        api.cancel(job_id)
        while chunk := client.recv(65_536):
            told += chunk
    assert longest_s < SILENCE_MAX_S * HASTE
    assert told.count(b": waiting\n\n") >= BEATS
    assert b'"job_cancelled"' in told


def listen(client: socket.socket) -> tuple[bytes, float]:
    """Return what comes during some beats, and the longest silence before any of it."""
    told, longest_s, heard_at = b"", 0.0, time.monotonic()
    while told.count(b": waiting") < BEATS:
        chunk = client.recv(65_536)
        assert chunk, told
        told += chunk
        now = time.monotonic()
        longest_s, heard_at = max(longest_s, now - heard_at), now
    return told, longest_s
