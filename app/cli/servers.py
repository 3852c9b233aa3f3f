"""Where a command finds the servers: the URLs it was given, or the embedded stack.

`serve` only supervises the processes that answer, so nothing of the gateway is loaded from here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded import open_stack
from app.settings import Settings


@contextmanager
def served(settings: Settings, *, say: bool = False) -> Iterator[Settings]:
    """Give settings with both URLs set; what is missing is embedded, and lives as long as this.

    Raises EmbeddedError when an embedded server is needed and cannot be had.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    with open_stack(
        settings.state_dir, postgres=not settings.database_url, valkey=not settings.redis_url
    ) as stack:
        if say:
            print(stack.banner, file=sys.stderr)  # noqa: T201
        yield settings.model_copy(
            update={
                "database_url": settings.database_url or stack.database_url,
                "redis_url": settings.redis_url or stack.redis_url,
            }
        )
