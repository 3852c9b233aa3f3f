"""`python -m app.simulator.funding`: the payment service from the command line."""

import argparse
import sys
from pathlib import Path

import app.simulator.funding
from app.simulator.funding.server import serve


def main() -> int:
    """Serve as the arguments say; return 1 where it cannot listen."""
    chosen = _parser().parse_args()
    try:
        serve(
            chosen.host,
            chosen.port,
            secret=chosen.secret,
            port_file=chosen.port_file,
            exit_with_parent=chosen.exit_with_parent,
        )
    except (OSError, OverflowError) as problem:
        sys.stderr.write(
            f"funding: cannot start: {problem}. "
            "Check --port (0 takes a free one), --host and --port-file.\n"
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulator.funding",
        description=app.simulator.funding.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (0)")
    parser.add_argument("--secret", help="what calls must be signed with; without it any may call")
    parser.add_argument(
        "--port-file", type=Path, metavar="FILE", help="write the port here once it listens"
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the parent process goes away"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
