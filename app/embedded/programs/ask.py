"""The two questions a supervisor asks its servers, spoken raw: it has no client libraries."""

import re
import socket
import struct
from pathlib import Path

ANSWER_S_MAX = 30
PROTOCOL_3 = 196608
READY_FOR_QUERY = b"Z"
ERROR = b"E"


def valkey_answers(path: Path) -> bool:
    """Return whether the server behind this socket answers PING; False while it loads its data."""
    try:
        with connected(path) as door:
            door.sendall(b"PING\r\n")
            return door.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def postgres_refusal(path: Path, *, user: str, database: str, query: str = "") -> str | None:
    """Connect, run the query if there is one, and return the SQLSTATE of a refusal, else None.

    Raises OSError when nobody answers. The messages are those of PostgreSQL's frontend/backend
    protocol, version 3.0, on a socket that asks no password.
    """
    with connected(path) as door:
        words = f"user\0{user}\0database\0{database}\0\0".encode()
        door.sendall(struct.pack("!ii", 8 + len(words), PROTOCOL_3) + words)
        refusal = first_refusal(door)
        if refusal is None and query:
            text = query.encode() + b"\0"
            door.sendall(b"Q" + struct.pack("!i", 4 + len(text)) + text)
            refusal = first_refusal(door)
        return refusal


def first_refusal(door: socket.socket) -> str | None:
    """Read until the server is ready for the next query or refuses."""
    while True:
        kind = exactly(door, 1)
        body = exactly(door, int(struct.unpack("!i", exactly(door, 4))[0]) - 4)
        if kind == READY_FOR_QUERY:
            return None
        if kind == ERROR:
            state = re.search(rb"(?:^|\0)C([0-9A-Z]{5})\0", body)
            return state.group(1).decode() if state else "XX000"


def exactly(door: socket.socket, count: int) -> bytes:
    """Read that many bytes; raises ConnectionError when there are fewer."""
    got = b""
    while len(got) < count:
        part = door.recv(count - len(got))
        if not part:
            raise ConnectionError("the server hung up")
        got += part
    return got


def connected(path: Path) -> socket.socket:
    """Return a connection to a unix socket; raises OSError."""
    door = socket.socket(socket.AF_UNIX)
    door.settimeout(ANSWER_S_MAX)
    try:
        door.connect(str(path))
    except OSError:
        door.close()
        raise
    return door
