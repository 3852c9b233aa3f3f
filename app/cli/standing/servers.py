"""The database and the bus under `busbar up`: given by URL, or embedded."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.cli.standing.voice import Voice
from app.embedded import EmbeddedError, Stack, open_stack
from app.embedded.programs.process import command_line
from app.settings import Settings

LOOK_S: Final = 1.0
"""How often it is asked which embedded servers run."""
PAUSE_S: Final = 10.0
"""The same, after they could not be brought back."""
GONE_S_MAX: Final = 5.0
"""How long the end of the embedded servers is waited for."""
POLL_S: Final = 0.05


class Servers:
    """The servers in use; looking at the embedded ones brings them back if need be."""

    def __init__(self, settings: Settings, stack: Stack, voice: Voice) -> None:
        self.settings = settings
        """With the URLs of both."""
        self._stack = stack
        self._voice = voice
        self._pids = dict(stack.pids)
        self._look_at = time.monotonic() + LOOK_S

    def pids(self) -> dict[str, int]:
        """Return the embedded servers as seen last; a new look is taken when it is due."""
        if time.monotonic() >= self._look_at:
            pause_s = LOOK_S
            try:
                self._pids = dict(self._stack.current_pids())
            except (EmbeddedError, OSError) as error:
                self._voice.warn(f"the embedded servers are away: {error}")
                pause_s = PAUSE_S
            self._look_at = time.monotonic() + pause_s
        return self._pids

    def wait_until_gone(self) -> None:
        """Wait for the end of embedded servers that nobody uses any more."""
        deadline = time.monotonic() + GONE_S_MAX
        while any(command_line(pid) for pid in self._pids.values()):
            if time.monotonic() > deadline:
                self._voice.tell("the embedded servers stay up for others who use them")
                return
            time.sleep(POLL_S)


@contextmanager
def open_servers(settings: Settings, state: Path, voice: Voice) -> Iterator[Servers]:
    """Open what no URL is given for, and say where both are. Raises EmbeddedError."""
    given = {"PostgreSQL": settings.database_url, "Redis": settings.redis_url}
    with open_stack(
        state, postgres=not settings.database_url, valkey=not settings.redis_url
    ) as stack:
        if not all(given.values()):
            voice.tell(stack.banner)
        for name, url in given.items():
            if url:
                voice.tell(f"{name} at {place_of(url)}")
        complete = settings.model_copy(
            update={
                "database_url": settings.database_url or stack.database_url,
                "redis_url": settings.redis_url or stack.redis_url,
            }
        )
        servers = Servers(complete, stack, voice)
        yield servers
    servers.wait_until_gone()


def place_of(url: str) -> str:
    """Return where the server of a URL is, without the secrets of the URL."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", [parts.path])[0]
    return place or "its default place"
