"""What is worked out of the last prompts of an instrument."""

import pytest
from sqlalchemy import Connection, text

from app.store.keeping.calibrating import JOBS_MIN, calibrate
from tests.store.conftest import FINISHED_JOBS, Book


@pytest.mark.parametrize(
    ("tokens", "ratio_ppm"),
    [
        ("CASE WHEN n <= 5 THEN 1000 ELSE 600 END", 600_000),
        ("CASE WHEN n <= 6 THEN 1000 ELSE 600 END", 1_000_000),
        ("1", 250_000),
        ("2000", 1_000_000),
        ("333 + n % 2", 334_000),
    ],
)
def test_all_but_one_prompt_of_a_thousand_stay_under(
    conn: Connection, tokens: str, ratio_ppm: int
) -> None:
    """The ratio is the 99.9th percentile, never under a quarter, never above the bound."""
    _succeed(conn, tokens)
    assert calibrate(conn) == 1
    row = conn.execute(text("SELECT * FROM calibrations")).one()
    assert (row.instrument, row.ratio_ppm, row.jobs) == ("text-prime", ratio_ppm, FINISHED_JOBS)


def test_few_jobs_tell_nothing(conn: Connection) -> None:
    """With less than a thousand there is no ratio."""
    _succeed(conn, "500", f"n < {JOBS_MIN - 5}")
    assert calibrate(conn) == 0


def test_a_ratio_is_renewed(conn: Connection, book: Book) -> None:
    """What was worked out before gives way to what is so now."""
    assert book.engine is conn.engine
    for tokens, ratio_ppm in (("500", 500_000), ("400", 400_000)):
        _succeed(conn, tokens)
        calibrate(conn)
        assert conn.execute(text("SELECT ratio_ppm FROM calibrations")).scalar_one() == ratio_ppm


def _succeed(conn: Connection, tokens: str, which: str = "true") -> None:
    """Let the finished jobs have succeeded, with prompts of so many tokens of a thousand."""
    conn.execute(text("DELETE FROM calibrations"))
    conn.execute(text("UPDATE jobs SET input_tokens = NULL WHERE state = 'succeeded'"))
    number = "substr(id, 7)::int AS n"
    conn.execute(
        text(
            f"UPDATE jobs SET state = 'succeeded', input_tokens_max = 1000, input_tokens = {tokens}"
            f" FROM (SELECT id AS at, {number} FROM jobs WHERE id ~ '^job_00[1-9][0-9]*$') AS f"
            f" WHERE at = id AND finished_at IS NOT NULL AND {which}"
        )
    )
