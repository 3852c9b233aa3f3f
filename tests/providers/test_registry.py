"""Adapters by name, for the providers of a catalog."""

import asyncio
from typing import get_args

import aiohttp
import pytest

from app import catalog
from app.catalog import EXAMPLE, load
from app.domain.attempt import FailureKind
from app.providers.base import kind_of
from app.providers.openai import OpenAI
from app.providers.registry import ADAPTERS, open_providers

from .calling import NOW


def test_every_protocol_a_catalog_may_name_has_an_adapter() -> None:
    """What the catalog takes for a protocol and what there is an adapter for are the same."""
    named = catalog._ProviderEntry.model_fields["protocol"].annotation
    assert set(get_args(named)) == set(ADAPTERS)


def test_every_provider_gets_its_adapter() -> None:
    """Providers are opened by name, each with the adapter of its protocol."""
    entries = load(EXAMPLE).providers

    async def opened() -> dict[str, object]:
        async with aiohttp.ClientSession() as session:
            return dict(open_providers(entries, {}, session, lambda: NOW))

    providers = asyncio.run(opened())
    assert set(providers) == set(entries)
    assert all(isinstance(each, OpenAI) for each in providers.values())


@pytest.mark.parametrize("status", range(500, 600))
def test_every_error_of_a_server_is_worth_another_try(status: int) -> None:
    """Statuses of the server's own, invented ones included, are retryable."""
    assert kind_of(status) is FailureKind.RETRYABLE


@pytest.mark.parametrize("status", [410, 411, 414, 415, 418, 451])
def test_every_other_error_of_a_request_is_the_callers(status: int) -> None:
    """What the upstream refuses for the request's sake is not sent again."""
    assert kind_of(status) is FailureKind.REJECTED
