"""The diagnostics object."""

from collections.abc import Iterable
from typing import Any, Protocol


class Check(Protocol):
    """What a check must tell to be shown."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def verdict(self) -> str: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102
    @property
    def next_action(self) -> str | None: ...  # noqa: D102


def view(checks: Iterable[Check], *, verdict: str) -> dict[str, Any]:
    """Return the diagnostics object: the verdict of the whole, and each check."""
    return {
        "object": "diagnostics",
        "status": str(verdict),
        "checks": [
            {
                "name": check.name,
                "status": str(check.verdict),
                "code": check.code,
                "detail": check.detail,
                "next_action": check.next_action,
            }
            for check in checks
        ],
    }
