"""Protocol name → adapter."""

from collections.abc import Callable, Mapping
from datetime import datetime
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
    now: Callable[[], datetime],
) -> dict[str, Provider]:
    """Return an adapter for each provider of the catalog, by name; `now` tells the time."""
    return {
        name: ADAPTERS[entry.protocol](entry, keys.get(name), session, now)
        for name, entry in entries.items()
    }
