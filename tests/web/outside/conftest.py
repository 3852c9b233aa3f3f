"""One submitter as a real process, for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from app.settings import Settings

from .sdk import Sdk
from .server import Server, serving


@pytest.fixture(scope="session")
def server(shared_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`busbar serve` as a process of its own, on the database of all these tests."""
    with serving(shared_settings, tmp_path_factory.mktemp("server") / "stderr") as running:
        yield running


@pytest.fixture
def sdk_of(server: Server) -> Iterator[Callable[..., Sdk]]:
    """Make SDK clients that note what they send; they are closed with the test."""
    clients: list[openai.OpenAI] = []

    def make(key: str, *, note: Callable[[Any], None] | None = None, **options: Any) -> Sdk:
        sent: list[Any] = []
        heard = [sent.append] if note is None else [sent.append, note]
        client = openai.OpenAI(
            base_url=f"{server.url}/v1",
            api_key=key,
            http_client=openai.DefaultHttpxClient(event_hooks={"request": heard}),
            **options,
        )
        clients.append(client)
        return Sdk(client=client, sent=sent)

    yield make
    for client in clients:
        client.close()
