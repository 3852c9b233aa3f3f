"""Who leads: one keeper of all workers, by an advisory lock that dies with its connection."""

from sqlalchemy.exc import DBAPIError

from app.gateway import Gateway
from app.store import leases


class Leadership:
    """One keeper's claim to lead. Redis may be lost meanwhile; a dead leader frees it at once."""

    def __init__(self, gateway: Gateway) -> None:
        self._engine = gateway.engine
        self._session: leases.Session | None = None

    def held(self) -> bool:
        """True when this keeper leads; takes the lead when nobody has it."""
        try:
            if self._session is None:
                self._session = leases.take_lead(self._engine)
            else:
                leases.confirm_lead(self._session)
        except DBAPIError:
            self.give_up()
        return self._session is not None

    def give_up(self) -> None:
        """Let another one lead."""
        if self._session is not None:
            leases.drop_lead(self._session)
            self._session = None
