"""The script behind the supervisor process: `python -P -S detached.py STATE LOCK_FD`.

Without site-packages (-S) it starts fast and knows no installed package, so it finds this one by
its own path; that works from any working directory and for any way of installing.
"""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import_module("app.embedded.supervisor").main(*sys.argv[1:])
