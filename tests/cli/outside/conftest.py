"""The command, called as operators call it, on this test's own servers."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from app.settings import Settings

BOUND_S: Final = 60


@pytest.fixture
def busbar(settings: Settings) -> Callable[..., Any]:
    """Call the command, with more variables where they are named, and return how it ended."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}
    environment = others | {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
    }

    def call(*arguments: str, **more: str) -> Any:
        command = [sys.executable, "-P", "-m", "app.cli", *arguments]
        return subprocess.run(
            command,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )

    return call
