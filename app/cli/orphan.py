"""End this process when its supervisor is gone, however that died."""

import os
import signal
import threading
import time
from typing import Final

LOOK_S: Final = 0.5


def watch(parent_pid: int | None, sign: signal.Signals) -> None:
    """Send ourselves `sign` once the process that started us is gone; without one, do nothing.

    Raises nothing and returns at once: a thread looks after it.
    """
    if parent_pid is not None:
        threading.Thread(target=_look, args=(parent_pid, sign), name="orphan", daemon=True).start()


def _look(parent_pid: int, sign: signal.Signals) -> None:
    # Asking for our parent's id, not for a living process: a zombie supervisor is gone too.
    while os.getppid() == parent_pid:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), sign)
