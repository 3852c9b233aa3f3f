"""What errors need beyond the house: other submitters, and SDKs that count."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.domain.dialect import Dialect
from app.embedded import Stack
from app.gateway import Gateway, open_gateway
from app.settings import Settings
from tests.conformance.house import PROTOCOLS, House
from tests.factories import make_customer
from tests.services.databases import database_of
from tests.web.outside.server import Server, serving

from .scene import Scene, Spare


@pytest.fixture(scope="session")
def hasty(shared_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second submitter of the house, whose jobs have a second."""
    with ExitStack() as undo:
        # Only for its start: whatever else begins while it runs must not hear of it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BUSBAR_DEADLINE_S", "1")
            said = tmp_path_factory.mktemp("hasty") / "stderr"
            server = undo.enter_context(serving(shared_house.settings, said))
        yield server


@pytest.fixture(scope="session")
def spare(
    stack: Stack,
    template: str,
    shared_house: House,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Spare]:
    """A submitter on a database of its own, which tests may spoil and must mend."""
    with database_of(stack, template) as url:
        settings = shared_house.settings.model_copy(
            update={"database_url": url, "redis_prefix": f"spare:{uuid.uuid4().hex}:"}
        )
        gateway = open_gateway(settings, name="tests")
        said: Path = tmp_path_factory.mktemp("spare") / "stderr"
        with serving(settings, said) as server:
            yield _spare(gateway, settings, server)
        gateway.close()


@pytest.fixture(params=list(Dialect), ids=lambda dialect: dialect.name.lower())
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either vendor's SDK in turn."""
    given: Dialect = request.param
    return given


@pytest.fixture
def scene(
    house: House, hasty: Server, spare: Spare, dialect: Dialect, protocol: str
) -> Iterator[Scene]:
    """A customer with either SDK, and all that can be broken."""
    made = Scene(house=house, hasty=hasty, spare=spare, dialect=dialect, protocol=protocol)
    yield made
    made.close()


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """Either upstream protocol in turn."""
    given: str = request.param
    return given


def _spare(gateway: Gateway, settings: Settings, server: Server) -> Spare:
    return Spare(server=server, settings=settings, key=make_customer(gateway).key)
