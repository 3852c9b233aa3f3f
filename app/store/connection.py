"""A connection that does not wait for ever for a server that has stopped answering."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import namedtuple_row

ANSWER_TIMEOUT_S: Final = 15.0
"""How long a statement's answer may take. Postgres itself ends a statement after 10 s, and says so;
one that says nothing for so much longer hangs: its disk stands still, its host is frozen."""

INTERVAL_S: Final = 0.1
"""How often a wait looks up, for a Ctrl-C; psycopg's own default."""


class Found(list[Any]):
    """The rows a statement found, and how many it changed."""

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        super().__init__(rows)
        self.rowcount = rowcount

    def first(self) -> Any:
        """Return the first row; None where there is none."""
        return self[0] if self else None

    def one(self) -> Any:
        """Return the only row. Raises LookupError unless there is exactly one."""
        if len(self) != 1:
            raise LookupError(f"{len(self)} rows where there should be one")
        return self[0]


class Impatient(psycopg.Connection[Any]):
    """A connection that gives up on a server, and on itself, after `answer_timeout_s`.

    The kernel notices a host that is gone (keepalives, tcp_user_timeout) but not a process that
    hangs on a host that is well. Whether what was asked for is done later nobody knows then, as
    after every lost connection.
    """

    answer_timeout_s: float | None = None

    def found(self, statement: bytes, values: Sequence[Any]) -> Found:
        """Execute a statement with `$1` and so on in it, and return all it brings.

        A cursor that is kept would keep its last values and rows: a group's bodies, per connection.
        """
        with psycopg.RawCursor(self, row_factory=namedtuple_row) as asking:
            asking.execute(statement, values)
            return Found(() if asking.rownumber is None else asking.fetchall(), asking.rowcount)

    def wait(
        self, gen: PQGen[RV], interval: float = INTERVAL_S, timeout: float | None = None
    ) -> RV:
        """Wait for an answer. Raises OperationalError without a state when none comes."""
        limit_s = self.answer_timeout_s if timeout is None else timeout
        try:
            return super().wait(gen, interval=interval, timeout=limit_s)
        except psycopg.OperationalError as error:
            # The server gives its errors a state. Without one the connection is lost or was given
            # up in the middle of an answer: either way nobody can use it again.
            if error.sqlstate is None:
                self.close()
            raise
