"""GET /v1/models: what may be asked for, in either vendor's shape."""

from dataclasses import replace
from typing import Any

import falcon.testing
import pytest

from app.catalog import Catalog
from app.domain.errors import InvalidRequest, ModelNotFound
from app.web.urls import build
from tests.web.api import ANTHROPIC, Api, assert_refused, assert_refused_as_anthropic

MODELS = "/v1/models"


@pytest.fixture
def sorted_api(api: Api) -> Api:
    """A customer of a gateway with two instruments, one of which has a slash in its name."""
    prime = api.gateway.catalog.instruments["text-prime"]
    routes = api.gateway.catalog.routes["text-prime"]
    names = ["org/m", "plain"]
    catalog = Catalog(
        instruments={name: replace(prime, name=name) for name in names},
        providers=api.gateway.catalog.providers,
        routes={name: [replace(each, instrument=name) for each in routes] for name in names},
    )
    gateway = replace(api.gateway, catalog=catalog)
    return replace(api, gateway=gateway, client=falcon.testing.TestClient(build(gateway)))


def listed(api: Api, query: str = "") -> dict[str, Any]:
    """Return a page as that vendor's clients get it."""
    answered = api.get(MODELS, query, headers=ANTHROPIC)
    assert answered.status_code == 200, answered.text
    return dict(answered.json)


def test_every_instrument_is_listed_for_openais_clients(api: Api) -> None:
    """The list has no pages, and holds the catalog in its order."""
    page = api.get(MODELS).json
    assert set(page) == {"object", "data"}
    assert page["object"] == "list"
    assert [model["id"] for model in page["data"]] == list(api.gateway.catalog.instruments)


def test_a_model_has_openais_fields_and_ours(api: Api) -> None:
    """Prices are decimal strings in dollars per million tokens."""
    model = api.get(f"{MODELS}/text-prime").json
    assert model.pop("created") > 1_700_000_000
    assert model == {
        "id": "text-prime",
        "object": "model",
        "owned_by": "busbar",
        "display_name": "Text Prime",
        "context_window": 128_000,
        "max_input_tokens": 128_000,
        "max_output_tokens": 65_536,
        "input_price": "0.50",
        "output_price": "2.00",
    }


def test_a_model_has_anthropics_fields_and_ours(api: Api) -> None:
    """The same instrument in the other shape, with the same prices."""
    model = api.get(f"{MODELS}/text-prime", headers=ANTHROPIC).json
    assert model.pop("created_at").endswith("T00:00:00Z")
    assert model == {
        "type": "model",
        "id": "text-prime",
        "display_name": "Text Prime",
        "lifecycle": "active",
        "max_tokens": 65_536,
        "context_window": 128_000,
        "max_input_tokens": 128_000,
        "input_price": "0.50",
        "output_price": "2.00",
    }


@pytest.mark.parametrize("headers", [{}, ANTHROPIC], ids=["openai", "anthropic"])
def test_a_model_in_a_list_is_the_model_itself(api: Api, headers: dict[str, str]) -> None:
    """What is listed and what is shown alone are equal, today and tomorrow."""
    for model in api.get(MODELS, headers=headers).json["data"]:
        assert api.get(f"{MODELS}/{model['id']}", headers=headers).json == model


@pytest.mark.parametrize("name", ["TEXT-PRIME", "Text-Prime", "text-prime"])
def test_a_name_is_read_in_any_letters(api: Api, name: str) -> None:
    """As in `model`, letter case does not matter."""
    assert api.get(f"{MODELS}/{name}").json["id"] == "text-prime"


@pytest.mark.parametrize("path", ["org/m", "org%2Fm", "ORG%2fM", "org/m/"])
@pytest.mark.parametrize("headers", [{}, ANTHROPIC], ids=["openai", "anthropic"])
def test_a_name_may_hold_a_slash(sorted_api: Api, path: str, headers: dict[str, str]) -> None:
    """Newer SDKs escape it, older ones do not."""
    assert sorted_api.get(f"{MODELS}/{path}", headers=headers).json["id"] == "org/m"


@pytest.mark.parametrize("name", ["nobody", "text-prime/x", "text", "a%00b", "%FF", "x" * 5_000])
def test_an_unknown_model_is_a_404(api: Api, name: str) -> None:
    """Told by its own code, in the shape the client reads."""
    assert_refused(api.get(f"{MODELS}/{name}"), 404, ModelNotFound)
    answered = api.get(f"{MODELS}/{name}", headers=ANTHROPIC)
    assert_refused_as_anthropic(answered, 404, ModelNotFound, "not_found_error")


def test_a_page_without_a_limit_has_twenty_at_most(api: Api) -> None:
    """There are fewer here, so the page is the whole list."""
    page = listed(api)
    ids = [model["id"] for model in page["data"]]
    assert ids == list(api.gateway.catalog.instruments)
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[0], ids[-1], False)


def test_a_discovery_gets_all_at_once(api: Api) -> None:
    """Coding agents look for models with `limit=1000`."""
    assert listed(api, "limit=1000")["has_more"] is False


def test_pages_follow_each_other(api: Api) -> None:
    """Following `last_id` comes past every instrument once and ends."""
    ids, query = [], "limit=2"
    for _ in range(20):
        page = listed(api, query)
        ids += [model["id"] for model in page["data"]]
        if not page["has_more"]:
            break
        query = f"limit=2&after_id={page['last_id']}"
    assert ids == list(api.gateway.catalog.instruments)


def test_pages_can_be_followed_back(api: Api) -> None:
    """`before_id` gives the page right before, in the same order, and tells whether more is."""
    names = list(api.gateway.catalog.instruments)
    page = listed(api, f"limit=2&before_id={names[3]}")
    assert ([model["id"] for model in page["data"]], page["has_more"]) == (names[1:3], True)
    page = listed(api, f"limit=2&before_id={names[1]}")
    assert ([model["id"] for model in page["data"]], page["has_more"]) == (names[:1], False)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after_id=x", "before_id="])
def test_a_strange_page_is_a_400(api: Api, query: str) -> None:
    """A page has 1 to 1000 models and begins at one that is there."""
    answered = api.get(MODELS, query, headers=ANTHROPIC)
    assert_refused_as_anthropic(answered, 400, InvalidRequest, "invalid_request_error")
    assert query.partition("=")[0] in answered.json["error"]["message"]


def test_only_what_is_active_is_there(api: Api) -> None:
    """Every instrument of a catalog is active: who asks for retired ones gets none."""
    assert listed(api, "lifecycle[]=active&lifecycle[]=deprecated")["data"]
    assert listed(api, "lifecycle[]=retired") == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_a_list_is_in_a_version_that_is_served(api: Api) -> None:
    """On this shared path the version is checked where there is one."""
    answered = api.get(MODELS, headers={"anthropic-version": "1999-01-01"})
    assert_refused_as_anthropic(answered, 400, InvalidRequest, "invalid_request_error")
