"""An upstream that says what it is told to, byte for byte, and remembers what it was sent."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Peer:
    """A server on a port of its own; set `says` before it is asked."""

    def __init__(self) -> None:
        self.says = b""
        self.heard: list[Heard] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answers(self, body: Any, *, status: int = 200, **headers: str) -> None:
        """Say this, as JSON unless it is bytes; underscores in header names stand for hyphens."""
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = {"Content-Length": str(len(encoded)), "Connection": "close", **named}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.says = f"HTTP/1.1 {status} So\r\n{head}\r\n".encode() + encoded

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                peer.heard.append(Heard(path=self.path, headers=headers, body=body))
                with suppress(OSError):  # Who has heard enough leaves.
                    self.wfile.write(peer.says)
                self.close_connection = True

            def do_GET(self) -> None:
                peer.heard.append(Heard(path=self.path, headers={}, body=b""))
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def peer_of() -> Iterator[Peer]:
    """Run a peer until the block ends."""
    peer = Peer()
    thread = threading.Thread(target=peer.server.serve_forever, args=(POLL_S,))
    thread.start()
    try:
        yield peer
    finally:
        peer.server.shutdown()
        thread.join()
        peer.server.server_close()
