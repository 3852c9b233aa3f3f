"""What operators put into BUSBAR_DATABASE_URL and BUSBAR_REDIS_URL."""

import pytest
from pydantic import ValidationError

from app.settings import Settings, invalid

HOST = "u:p@db.example:5432/busbar"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named but by the test."""
    monkeypatch.delenv("BUSBAR_DATABASE_URL", raising=False)
    monkeypatch.delenv("BUSBAR_REDIS_URL", raising=False)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_scheme_of_postgres_is_taken(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Hosting services hand out the shorter ones."""
    monkeypatch.setenv("BUSBAR_DATABASE_URL", f"{scheme}://{HOST}")
    assert Settings().database_url == f"postgresql+psycopg://{HOST}"


@pytest.mark.parametrize(
    ("variable", "url", "says"),
    [
        ("BUSBAR_DATABASE_URL", f"mysql://{HOST}", "must begin with postgresql://"),
        ("BUSBAR_DATABASE_URL", f"postgresql+asyncpg://{HOST}", "must begin with postgresql://"),
        ("BUSBAR_DATABASE_URL", "db.example", "must begin with postgresql://"),
        ("BUSBAR_REDIS_URL", "redis.example:6379", "must begin with redis://"),
    ],
)
def test_another_url_is_refused_with_the_variable_and_a_way_to_write_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, says: str
) -> None:
    """Its text, which may hold a password, is not repeated."""
    monkeypatch.setenv(variable, url)
    with pytest.raises(ValidationError) as refused:
        Settings()
    sentence = invalid(refused.value)
    assert sentence is not None
    assert sentence.startswith(f"{variable}: {says}")
    assert url not in sentence


def test_an_empty_url_asks_for_an_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not set."""
    monkeypatch.setenv("BUSBAR_DATABASE_URL", "")
    monkeypatch.setenv("BUSBAR_REDIS_URL", "")
    assert (Settings().database_url, Settings().redis_url) == ("", "")
