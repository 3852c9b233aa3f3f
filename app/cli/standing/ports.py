"""Where the servers of `busbar up` may listen, decided before anything is started."""

import errno
import socket
import time
from typing import Final

POLL_S: Final = 0.05
TRIES_MAX: Final = 10

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared, not listened on


class Refused(Exception):
    """`busbar up` cannot start; the message names the way out."""


class PortTaken(Refused):
    """Somebody listens there already."""


def url_of(host: str, port: int) -> str:
    """Return the base URL that clients on this machine use for a server that listens there."""
    name = _LOOPBACK.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def listening_port(host: str, port: int, *, patience_s: float) -> int:
    """Return the port to listen on: this one, or any that is free for 0.

    Raises PortTaken when it is not given up within `patience_s`, and Refused when the address
    cannot be listened on at all.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _probe(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Refused(
                    f"cannot listen on {host} port {port} ({error.strerror}); "
                    "choose another address with --host and --port"
                ) from error
        if time.monotonic() >= deadline:
            raise PortTaken(f"port {port} is taken; busbar up --port 0 picks a free one")
        time.sleep(POLL_S)


def another_port(host: str, port: int, *, besides: int, patience_s: float) -> int:
    """Return the port to listen on: this one if it is free and not `besides`, else any other.

    Raises Refused when the address cannot be listened on at all.
    """
    try:
        found = listening_port(host, port, patience_s=patience_s)
    except PortTaken:
        found = besides
    for _ in range(TRIES_MAX):
        if found != besides:
            return found
        found = listening_port(host, 0, patience_s=0)
    raise PortTaken(f"no port is free on {host}")


def _probe(host: str, port: int) -> int:
    """Return the port after taking it for a moment. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: connections that linger from an earlier life take nothing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])
