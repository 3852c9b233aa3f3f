"""GET /openapi.json and GET /docs: open to all, cheap to ask again."""

import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from app.wire.openapi.document import ROUTES, build
from tests.web.api import Api

BOTH = ["/openapi.json", "/docs"]
VOID = {"meta", "br"}


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and what it names."""
        self.tags.add(tag)
        self.open += [] if tag in VOID else [tag]
        told = dict(attrs)
        assert "src" not in told
        self.ids += [found] if (found := told.get("id")) else []
        self.links |= {found} if (found := told.get("href")) else set()

    def handle_endtag(self, tag: str) -> None:
        """Tags close in the order they were opened."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", BOTH)
def test_no_key_is_needed(api: Api, path: str) -> None:
    """Whoever looks around has no key yet."""
    answered = api.client.simulate_get(path)
    assert answered.status_code == 200
    assert answered.headers["cache-control"] == "public, max-age=300"
    assert answered.headers["x-request-id"] == answered.headers["request-id"]


@pytest.mark.parametrize("path", BOTH)
def test_what_is_known_is_not_sent_again(api: Api, path: str) -> None:
    """A tag that is still good gets 304 and no body; another one gets everything."""
    tag = api.client.simulate_get(path).headers["etag"]
    again = api.client.simulate_get(path, headers={"If-None-Match": f'"old", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = api.client.simulate_get(path, headers={"If-None-Match": '"old"'})
    assert (other.status_code, other.headers["etag"]) == (200, tag)


@pytest.mark.parametrize(
    ("known", "status"), [("W/{}", 304), ("*", 304), ("", 200), ('"', 200), ("no tag", 200)]
)
def test_any_form_of_a_tag_is_read(api: Api, known: str, status: int) -> None:
    """A proxy that packs answers weakens their tags; what is no tag counts as none."""
    tag = api.client.simulate_get("/docs").headers["etag"]
    again = api.client.simulate_get("/docs", headers={"If-None-Match": known.format(tag)})
    assert again.status_code == status


@pytest.mark.parametrize("path", BOTH)
def test_head_tells_the_size(api: Api, path: str) -> None:
    """The headers are those of GET."""
    got, headed = api.client.simulate_get(path), api.client.simulate_head(path)
    assert headed.content == b""
    for name in ("content-length", "content-type", "etag"):
        assert headed.headers[name] == got.headers[name]


def test_the_document_is_served(api: Api) -> None:
    """What goes out is the document, as JSON."""
    answered = api.client.simulate_get("/openapi.json")
    assert answered.headers["content-type"] == "application/json"
    assert answered.json == build()


def test_the_page_shows_every_route(api: Api) -> None:
    """Each method of each path has a section, and the list of contents leads to it."""
    page = Page(api.client.simulate_get("/docs").text)
    names = {route.name for route in ROUTES}
    assert names <= set(page.ids)
    assert {f"#{name}" for name in names} <= page.links


def test_the_page_is_whole(api: Api) -> None:
    """Every tag is closed, every link within the page leads somewhere, no id is there twice."""
    page = Page(api.client.simulate_get("/docs").text)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert page.links - {f"#{each}" for each in page.ids} == {"openapi.json"}


def test_the_page_loads_nothing(api: Api) -> None:
    """No script and nothing from elsewhere: its policy allows its own style and no more."""
    answered = api.client.simulate_get("/docs")
    page = Page(answered.text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe"})
    style = answered.text.partition("<style>")[2].partition("</style>")[0]
    mark = b64encode(sha256(style.encode()).digest()).decode()
    policy = answered.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{mark}'")


def test_a_process_that_is_not_asked_does_not_pay() -> None:
    """The application is there without the document's shapes having been loaded."""
    code = "import sys, app.web.urls; print([m for m in sys.modules if 'wire.openapi' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
