"""The parsed docker-compose.yml, once per test."""

from typing import Any

import pytest

from .compose_file import Service, compose_document, services


@pytest.fixture
def document() -> dict[str, Any]:
    """The file with only its required variable set: everything else at its default."""
    return compose_document({"POSTGRES_PASSWORD": "swordfish"})


@pytest.fixture
def named(document: dict[str, Any]) -> dict[str, Service]:
    """Every service by its name."""
    return {service.name: service for service in services(document)}
