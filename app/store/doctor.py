"""The one checker of the book: `doctor.sql`, run as it stands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from app.store.engine import patient

CHECKS: Final = Path(__file__).with_name("doctor.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with the book: which rule, which row, what was seen."""

    check: str
    subject: str
    detail: str


def examine(conn: Connection, *, within_s: int = 0) -> list[Finding]:
    """Return everything that is wrong, up to 1,000 findings; an empty list is a clean book.

    It reads the whole book, and takes as long as that takes; or at most `within_s`, if that is
    given, and raises then what a time limit raises.
    """
    # Not SET LOCAL: there may be no transaction around it.
    conn.exec_driver_sql("SET enable_seqscan = on")
    conn.exec_driver_sql(f"SET statement_timeout = '{within_s}s'")
    try:
        with patient(conn):
            return _findings(conn)
    finally:
        conn.exec_driver_sql("RESET enable_seqscan")
        conn.exec_driver_sql("RESET statement_timeout")


def _findings(conn: Connection) -> list[Finding]:
    return [
        Finding(check=row.check_name, subject=row.subject, detail=row.detail)
        for row in conn.exec_driver_sql(CHECKS.replace("%", "%%"), {})
    ]
