"""`python -m app.simulator`: the simulator from the command line."""

import argparse
import sys
from pathlib import Path

import app.simulator
from app.simulator.server import serve

PORT_MAX = 65_535


def main() -> int:
    """Serve as the arguments say; return 1 where it cannot listen."""
    chosen = _parser().parse_args()
    try:
        serve(
            chosen.host,
            chosen.port,
            unix=chosen.unix,
            port_file=chosen.port_file,
            exit_with_parent=chosen.exit_with_parent,
        )
    except OSError as problem:
        sys.stderr.write(
            f"simulator: cannot start: {problem}. "
            "Check --port (0 takes a free one), --host, --unix and --port-file.\n"
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulator",
        description=app.simulator.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port; 0 takes a free one (0)")
    parser.add_argument("--unix", type=Path, metavar="SOCKET", help="listen on this socket too")
    parser.add_argument(
        "--port-file", type=Path, metavar="FILE", help="write the port here once it listens"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the parent process goes away"
    )
    return parser


def _port(given: str) -> int:
    port = int(given) if given.isdecimal() else -1
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"{given!r} is not a port: give 0 to {PORT_MAX}")
    return port


if __name__ == "__main__":
    sys.exit(main())
