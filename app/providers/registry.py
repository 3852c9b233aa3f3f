"""Protocol name → adapter."""

from collections.abc import Mapping
from typing import Final

import aiohttp
from pydantic import SecretStr

from app.domain.instrument import Provider as ProviderEntry
from app.providers.anthropic import Anthropic
from app.providers.base import Provider
from app.providers.openai import OpenAI

ADAPTERS: Final = {"openai": OpenAI, "anthropic": Anthropic}


def open_providers(
    entries: Mapping[str, ProviderEntry],
    keys: Mapping[str, SecretStr | None],
    session: aiohttp.ClientSession,
) -> dict[str, Provider]:
    """Return an adapter for each provider of the catalog, by name."""
    return {
        name: ADAPTERS[entry.protocol](entry, keys.get(name), session)
        for name, entry in entries.items()
    }
