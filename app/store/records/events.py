"""Events: what happened to an account, written in the transaction of what happened."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert

from app.store.tables import events


class EventType(StrEnum):
    """What an owner may want to hear of. Each is written once per occasion."""

    BALANCE_LOW = "balance.low"
    BALANCE_REPLENISHED = "balance.replenished"
    REPLENISHMENT_LOCKED = "replenishment.locked"


def write(
    conn: Connection, event_id: str, *, account_id: str, kind: EventType, data: Mapping[str, Any]
) -> None:
    """Write an event. `data` is what its reader gets: JSON, with amounts as decimal strings."""
    conn.execute(
        insert(events).values(id=event_id, account_id=account_id, type=kind.value, data=dict(data))
    )
