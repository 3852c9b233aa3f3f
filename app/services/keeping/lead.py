"""Who leads: one keeper of all workers, by an advisory lock that dies with its connection.

Whoever leads after the database was away spares the leases that ran out meanwhile: living workers
could not extend them either, and do so within their next beat.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError

from app.gateway import Gateway
from app.store import leases
from app.store.engine import statement

BEATS_PER_LEASE: Final = 3
"""How often a worker extends its leases before they would run out."""

SPARED_BEATS: Final = 1.5
"""How long a worker has to extend its leases when the database is back: one beat, and a margin for
the looks that time out meanwhile."""

AWAY_S: Final = 3.0
"""A keeper looks once a second: who was silent for longer, or for a beat, was kept from it."""


class Leadership:
    """One keeper's claim to lead. Redis may be lost meanwhile; a dead leader frees it at once."""

    def __init__(self, gateway: Gateway) -> None:
        self._engine = gateway.engine
        self._now = gateway.now
        beat = timedelta(seconds=gateway.settings.lease_s / BEATS_PER_LEASE)
        self._away = max(beat, timedelta(seconds=AWAY_S))
        self._spared = beat * SPARED_BEATS
        self._session: leases.Session | None = None
        self._back: datetime | None = None
        self._seen: datetime | None = None
        self._has_spared = False

    def held(self) -> bool:
        """True when this keeper leads; takes the lead when nobody has it."""
        try:
            if self._session is None:
                self._session = leases.take_lead(self._engine)
            else:
                leases.confirm_lead(self._session)
            self._look_back()
        except DBAPIError:
            self._seen = None
            self.give_up()
        return self._session is not None

    def give_up(self) -> None:
        """Let another one lead."""
        if self._session is not None:
            leases.drop_lead(self._session)
            self._session = None

    def _look_back(self) -> None:
        """Spare leases once for each time the database came back, as far as this keeper can know.

        The first look counts as one: what was before it, nobody here has seen.
        """
        now = self._now()
        if self._seen is None or self._back is None or now - self._seen > self._away:
            self._back, self._has_spared = now, False
        self._seen = now
        if self._session is None or self._has_spared:
            return
        left = min(self._back + self._spared - now, self._spared)
        if left > timedelta(0):
            with statement(self._engine) as conn:
                leases.spare(conn, left.total_seconds())
        self._has_spared = True
