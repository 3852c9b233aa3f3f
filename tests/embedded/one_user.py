"""A process that uses a stack: opens it, prints what it got, and stays until its input ends.

    one_user.py STATE [--fork] [--valkey-only]

With --fork the process that opened the stack ends at once and a forked child stays.
"""

import json
import os
import sys
from pathlib import Path

from app.embedded import open_stack


def main(state: str, *flags: str) -> None:
    """Use the stack of this state directory."""
    stack = open_stack(Path(state), postgres="--valkey-only" not in flags, durable=False)
    if "--fork" in flags and os.fork() != 0:
        os._exit(0)
    said = {
        "database_url": stack.database_url,
        "redis_url": stack.redis_url,
        "pids": dict(stack.pids),
        "me": os.getpid(),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
