"""Where clients knock before they begin."""

import pytest

from app.domain.errors import MethodNotAllowed
from tests.web.api import Api, assert_marked, assert_refused


@pytest.mark.parametrize("path", ["/", "/api/hello", "/api/hello/"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_stranger_who_knocks_is_answered(api: Api, path: str, method: str) -> None:
    """Coding agents open their connection with a request that has no key."""
    answered = api.client.simulate_request(method, path)
    assert answered.status_code == 200
    assert bool(answered.content) is (method == "GET")
    assert_marked(answered)


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_nothing_else_is_taken_there(api: Api, path: str) -> None:
    """A POST to the root is a client with a wrong base URL; it hears so at once."""
    answered = api.client.simulate_post(path)
    assert_refused(answered, 405, MethodNotAllowed)
    assert set(answered.headers["allow"].split(", ")) - {"OPTIONS"} == {"GET", "HEAD"}
