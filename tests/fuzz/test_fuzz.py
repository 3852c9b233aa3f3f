"""Random requests made from the served document: no 5xx, and every answer is as documented.

`BUSBAR_FUZZ_CASES=5000` sends so many of them, other ones each time; without it a few hundred, and
always the same.
"""

import math
import os
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.domain.dialect import Dialect
from app.wire.openapi.document import ROUTES
from app.wire.openapi.route import Route
from app.wire.sse import CONTENT_TYPE, MANNERS

from .conftest import ANSWER_S, Target

pytestmark = pytest.mark.xdist_group("fuzz")

CASES = int(os.environ.get("BUSBAR_FUZZ_CASES", "0"))
CASES_DEFAULT = 250
ENDS = tuple(manner.end.decode() for manner in MANNERS.values())
ERRORS = {
    Dialect.CHAT: 'data: {"error":',
    Dialect.MESSAGES: "event: error\n",
}


def weight(route: Route) -> int:
    """Return how much of all cases a route gets: bodies are where things go wrong."""
    if route.body is not None:
        return 12
    return 3 if route.parameters else 0


def modes(route: Route) -> list[GenerationMode]:
    """Return the ways to ask: where only a piece of the path varies, nothing can be wrong."""
    varies = route.body is not None or any(each.where != "path" for each in route.parameters)
    return list(GenerationMode) if varies else [GenerationMode.POSITIVE]


def cases(route: Route) -> int:
    """Return how many cases a route gets in each mode; one, where there is but one."""
    whole = sum(weight(each) * len(modes(each)) for each in ROUTES)
    return max(1, math.ceil((CASES or CASES_DEFAULT) * weight(route) / whole))


def streams_end(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A stream never just stops."""
    if response.headers.get("content-type", [""])[0] != CONTENT_TYPE:
        return
    text = response.content.decode()
    last = text.removesuffix("\n\n").rpartition("\n\n")[2]
    assert text.endswith(ENDS) or last.startswith(tuple(ERRORS.values())), text[-500:]


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    streams_end,
]


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        pytest.param(route, mode, id=f"{route.name}-{mode.value}")
        for route in ROUTES
        for mode in modes(route)
    ],
)
def test_a_route_keeps_its_word(target: Target, route: Route, mode: GenerationMode) -> None:
    """Whatever is sent, the answer is one of those the document has for it, and none a 5xx."""
    operation = target.schema[route.path][route.method]

    @settings(
        max_examples=cases(route),
        derandomize=not CASES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case[Any]) -> None:
        answered = case.call(
            base_url=target.url,
            session=target.session,
            headers={"Authorization": f"Bearer {target.key}"},
            timeout=ANSWER_S,
        )
        target.sent[answered.status_code] = target.sent.get(answered.status_code, 0) + 1
        case.validate_response(answered, checks=CHECKS)

    send()


def test_a_wrong_key_is_told_so(target: Target) -> None:
    """Every route that wants a key answers 401 without one."""
    for route in ROUTES:
        if route.is_open:
            continue
        answered = requests.request(
            route.method, f"{target.url}{route.path}", data=b"{}", timeout=ANSWER_S
        )
        assert answered.status_code == 401, route.name
