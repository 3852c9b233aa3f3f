"""The gateway: the few handles a service may use, made once per process."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from app import catalog as catalogs
from app.broker import Broker, Wakeups
from app.catalog import Catalog
from app.domain.ids import ENTROPY_BYTES, new_id
from app.settings import Settings
from app.store.engine import open_engine
from app.streams.reading import StreamReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the services work with. Time and randomness come from here, so tests hand them in."""

    settings: Settings
    engine: Engine
    broker: Broker
    wakeups: Wakeups
    streams: StreamReader
    catalog: Catalog
    now: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    def new_id(self, prefix: str) -> str:
        """Return a new id of that kind."""
        return new_id(prefix, self.now(), self.entropy(ENTROPY_BYTES))

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
        self.broker.close()


def open_gateway(settings: Settings, *, name: str) -> Gateway:
    """Open the handles; `name` tells operators which process a connection belongs to.

    Raises CatalogError when the catalog cannot be used. Connects lazily: neither Postgres nor
    Redis need to be up yet.
    """
    broker = Broker(settings.redis_url, prefix=settings.redis_prefix)
    return Gateway(
        settings=settings,
        engine=open_engine(
            settings.database_url, pool_size=settings.pool_size, name=f"busbar {name}"
        ),
        broker=broker,
        wakeups=Wakeups(broker),
        streams=StreamReader(broker),
        catalog=catalogs.load(settings.catalog or catalogs.EXAMPLE),
        now=lambda: datetime.now(UTC),
        entropy=secrets.token_bytes,
    )
