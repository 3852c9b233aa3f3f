"""Which route an attempt takes, given those that failed the job. Same inputs, same choice."""

from collections.abc import Sequence

from app.domain.instrument import Route


def choose(routes: Sequence[Route], failed: Sequence[str]) -> Route:
    """Return the route that has failed this job least often; among equals the first in order.

    `failed` names the route of each failed attempt.
    """
    return min(routes, key=lambda route: failed.count(route.name))


def another_left(routes: Sequence[Route], failed: Sequence[str]) -> bool:
    """True when a route has failed less often than the last one, so it can be tried at once."""
    return any(failed.count(route.name) < failed.count(failed[-1]) for route in routes)
