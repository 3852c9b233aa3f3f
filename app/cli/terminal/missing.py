"""What a server command says at its start about its catalog, and about keys that are not there."""

import sys
from typing import Final

from app import catalog
from app.catalog import Catalog
from app.settings import Settings, provider_key

CALLED_WITHOUT: Final = "is not set; it is called without a key"
NEEDED_ELSEWHERE: Final = "is not set here; it must be where the workers run"


def warn(settings: Settings, about_catalog: str | None, what: str) -> None:
    """Say on stderr what is to know of the catalog, and which keys are missing, in words `what`.

    Raises CatalogError.
    """
    missing = missing_keys(catalog.load(settings.catalog or catalog.EXAMPLE), what)
    for line in [about_catalog, *missing] if about_catalog else missing:
        print(f"busbar: {line}", file=sys.stderr)  # noqa: T201  the command's own voice


def missing_keys(found: Catalog, what: str = CALLED_WITHOUT) -> list[str]:
    """Return a sentence for each provider whose variable is not set, or is empty."""
    return [
        f"provider {provider.name}: {provider.api_key_env} {what}"
        for provider in found.providers.values()
        if provider.api_key_env is not None and provider_key(provider.api_key_env) is None
    ]
