"""What a server command says at its start about its catalog: keys it lacks, prices nobody means."""

import sys
from typing import Final

from app import catalog
from app.catalog import Catalog
from app.services.operate import sanity
from app.settings import Settings, provider_key

CALLED_WITHOUT: Final = "is not set; it is called without a key"
NEEDED_ELSEWHERE: Final = "is not set here; it must be where the workers run"


def warn(settings: Settings, about_catalog: str | None, what: str) -> None:
    """Say on stderr what is to know of the catalog; that keys are missing, in words `what`.

    Raises CatalogError.
    """
    found = remarks(catalog.load(settings.catalog or catalog.EXAMPLE), what)
    for line in [about_catalog, *found] if about_catalog else found:
        print(f"busbar: {line}", file=sys.stderr)  # noqa: T201  the command's own voice


def remarks(found: Catalog, what: str = CALLED_WITHOUT) -> list[str]:
    """Return a sentence for each price that cannot be meant, and for each key that is not set."""
    return [*sanity.warnings(found), *_missing_keys(found, what)]


def _missing_keys(found: Catalog, what: str) -> list[str]:
    """Return a sentence for each provider whose variable is not set, or is empty."""
    return [
        f"provider {provider.name}: {provider.api_key_env} {what}"
        for provider in found.providers.values()
        if provider.api_key_env is not None and provider_key(provider.api_key_env) is None
    ]
