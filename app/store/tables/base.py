"""What all tables share: metadata, column types, constants.

Money is BIGINT nano-dollars. Ids are text in the "C" collation, so that they sort as their bytes
do. Partial indexes hold only the rows somebody looks for: runnable ones, leased ones.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnClause,
    DateTime,
    MetaData,
    Text,
    func,
    literal_column,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_have_one_row_per_key",
        "fk": "%(table_name)s_%(column_0_name)s_exists",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Id = Text(collation="C")
Moment = DateTime(timezone=True)

RUNNABLE_STATES: Final = ("queued", "waiting")
FINAL_STATES: Final = ("succeeded", "failed", "cancelled", "expired")
RUNNABLE_SQL: Final = f"state IN {RUNNABLE_STATES}"
FINAL_SQL: Final = f"state IN {FINAL_STATES}"


def created_at() -> Column[object]:
    """Return the column that tells when a row was written, by the database's clock."""
    return Column("created_at", Moment, nullable=False, server_default=func.now())


def word(value: str) -> ColumnClause[str]:
    """Return a constant as text of the statement, not as a parameter.

    Postgres can prove that a partial index fits only when it sees the constant.
    """
    assert value.replace(":", "").isalpha()
    return literal_column(f"'{value}'", type_=Text())


def number(value: int) -> ColumnClause[int]:
    """Return a constant as text of the statement: planned for what it is, and not sent each time.

    A plan for a limit that is not known may sort the whole backlog.
    """
    return literal_column(str(int(value)), type_=BigInteger())
