"""Where the gateway is and which key opens it: options first, then settings, then `busbar up`."""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.settings import ClientSettings

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8080"
READY_FILE: Final = "ready.json"
"""What `busbar up` writes into its state directory once everything answers."""
READY_BYTES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A gateway, the key to use there (None: none was found) and its account's name, if known."""

    base_url: str
    key: str | None
    account: str | None

    @property
    def is_local(self) -> bool:
        """True when the gateway runs on this machine, so that no proxy stands between."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def find_address(settings: ClientSettings, *, base_url: str | None, key: str | None) -> Address:
    """Find the gateway and the key. Raises ValueError, with a sentence, when they are malformed.

    The key that `busbar up` wrote is used only for the gateway it was written for: another host
    must not see it.
    """
    ready = _ready(settings.state_dir / READY_FILE)
    written_url = _root(ready.get("base_url") or "")
    chosen_url = _root(base_url or settings.base_url or written_url or DEFAULT_BASE_URL)
    _check_url(chosen_url)
    chosen_key = key or (settings.key.get_secret_value() if settings.key else None)
    account = None
    if chosen_key is None and chosen_url == (written_url or DEFAULT_BASE_URL):
        chosen_key, account = ready.get("key"), ready.get("account")
    if chosen_key is not None and not all("!" <= letter <= "~" for letter in chosen_key):
        raise ValueError("the API key holds characters no key has; was it pasted whole?")
    return Address(base_url=chosen_url, key=chosen_key, account=account)


def missing_key(settings: ClientSettings, address: Address) -> str:
    """Return why there is no key for a gateway, and what to do about it, in one sentence."""
    folder = settings.state_dir.absolute()
    written_url = _root(_ready(folder / READY_FILE).get("base_url") or "")
    what = f"no API key for {address.base_url}"
    if written_url:
        known = f"the one in {folder} is for {written_url}"
        return f"{what} ({known}): set BUSBAR_KEY (`busbar keys create ACCOUNT` makes one)"
    return (
        f"{what}, and {folder} knows of no gateway: start one with `busbar up`, or name its state "
        "directory in BUSBAR_STATE_DIR; for another gateway set BUSBAR_BASE_URL and BUSBAR_KEY "
        "(`busbar keys create ACCOUNT` makes one)"
    )


def _root(url: str) -> str:
    """Return a base URL as this client wants it; the vendors' SDKs want `/v1` at its end."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _ready(path: Path) -> dict[str, str]:
    """Return the texts of the ready file; nothing when there is none that can be read."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(READY_BYTES_MAX))
    except (OSError, ValueError):
        return {}
    known = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in known if isinstance(text, str)}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{url!r} is not a base URL like {DEFAULT_BASE_URL}")
