"""A checker that finds nothing is worth nothing: the book is broken by hand, and it must be told.

`tests/store/test_doctor.py` shows that no check is without a corruption; these here are incidents.
"""

from collections.abc import Iterator
from dataclasses import asdict

import pytest
from sqlalchemy import Connection, text

from app.embedded import Stack
from app.gateway import Gateway, open_gateway
from app.settings import Settings
from app.store.doctor import examine
from tests.book.incidents import INCIDENTS, Names, write
from tests.services.databases import database_of
from tests.services.faults import NOWHERE


@pytest.fixture(scope="module")
def spoilt(stack: Stack, template: str) -> Iterator[tuple[Gateway, Names]]:
    """A database of its own, with a book that has everything in it."""
    with database_of(stack, template) as url:
        gateway = open_gateway(Settings(database_url=url, redis_url=NOWHERE), name="tests")
        yield gateway, write(gateway)
        gateway.close()


@pytest.fixture
def names(spoilt: tuple[Gateway, Names]) -> Names:
    """The ids in it."""
    return spoilt[1]


@pytest.fixture
def behind(spoilt: tuple[Gateway, Names]) -> Iterator[Connection]:
    """A transaction that no trigger and no key looks at, and that is rolled back."""
    with spoilt[0].engine.connect() as conn:
        assert examine(conn) == []
        conn.execute(text("SET LOCAL session_replication_role = replica"))
        yield conn
        conn.rollback()


@pytest.mark.parametrize(
    ("check", "statements"),
    [(check, statements) for _, check, statements in INCIDENTS],
    ids=[what for what, _, _ in INCIDENTS],
)
def test_the_doctor_tells(behind: Connection, names: Names, check: str, statements: str) -> None:
    """What happened is told by the name of the rule that it breaks."""
    for statement in statements.split(";"):
        assert behind.execute(text(statement), asdict(names)).rowcount != 0
    assert check in {finding.check for finding in examine(behind)}


def test_a_sum_that_comes_out_right_is_not_enough(behind: Connection, names: Names) -> None:
    """What was spent of one lot is written to another: every total is as it was."""
    moved = "UPDATE lots SET used_nanos = used_nanos + :by WHERE id = :lot"
    behind.execute(text(moved), {"by": 1, "lot": names.granted})
    behind.execute(text(moved), {"by": -1, "lot": names.first})
    subjects = {finding.subject for finding in examine(behind)}
    assert subjects == {names.granted, names.first}
