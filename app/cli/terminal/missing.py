"""What a server command says at its start about keys of providers that are not there."""

import sys
from typing import Final

from app import catalog
from app.catalog import Catalog
from app.settings import Settings, provider_key

CALLED_WITHOUT: Final = "is not set; it is called without a key"
NEEDED_ELSEWHERE: Final = "is not set here; it must be where the workers run"


def warn(settings: Settings, what: str) -> None:
    """Say on stderr which keys are missing, in the words `what`. Raises CatalogError."""
    for line in missing_keys(catalog.load(settings.catalog or catalog.EXAMPLE), what):
        print(f"busbar: {line}", file=sys.stderr)  # noqa: T201  the command's own voice


def missing_keys(found: Catalog, what: str = CALLED_WITHOUT) -> list[str]:
    """Return a sentence for each provider whose variable is not set, or is empty."""
    return [
        f"provider {provider.name}: {provider.api_key_env} {what}"
        for provider in found.providers.values()
        if provider.api_key_env is not None and provider_key(provider.api_key_env) is None
    ]
