"""Paths, methods, queries and headers that make no sense: a clear error, never a 500."""

import pytest

from app.domain.errors import InvalidRequest, MethodNotAllowed, NotFound, PathNotFound

from .api import (
    ANTHROPIC,
    ASYNC,
    CHAT,
    JOBS,
    MESSAGES,
    Api,
    assert_marked,
    assert_refused,
    assert_refused_as_anthropic,
)

MODELS = "/v1/models"

ROUTES = [
    (CHAT, {"GET", "POST"}),
    (f"{CHAT}/chatcmpl-1", {"GET", "POST", "DELETE"}),
    (f"{CHAT}/chatcmpl-1/messages", {"GET"}),
    (MODELS, {"GET"}),
    (f"{MODELS}/text-prime", {"GET"}),
    (JOBS, {"GET", "POST"}),
    (f"{JOBS}/job_1", {"GET"}),
    (f"{JOBS}/job_1/cancel", {"POST"}),
    ("/v1/balance", {"GET"}),
    ("/v1/diagnostics", {"GET"}),
    ("/livez", {"GET"}),
    ("/readyz", {"GET"}),
    ("/metrics", {"GET"}),
]
MESSAGES_ROUTES = [MESSAGES, f"{MESSAGES}/count_tokens"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/v1/chat/completions",
        "/v1/v1/jobs",
        "/v1/completions",
        "/v1/embeddings",
        "/chat/completions",
        "/v1/chat/completions/x/y",
        "/v1/v1/models",
        "/api",
        "/v1/jobs/a/b/c",
        "/v1/jobs/a/results",
        "/v1/Jobs",
        "/v1/\u00e9\ud7ff",
        "/v1/a%00b",
        "/../etc/passwd",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_404(api: Api, path: str, method: str) -> None:
    """A path nobody serves is told apart from an unknown object or instrument by its code."""
    assert_refused(api.ask(method, path), 404, PathNotFound)


def test_a_stranger_hears_that_a_path_is_unknown(api: Api) -> None:
    """A wrong path is told without a key, so that a wrong base URL is found at once."""
    assert_refused(api.client.simulate_post("/v1/v1/chat/completions"), 404, PathNotFound)


@pytest.mark.parametrize(("path", "methods"), ROUTES)
def test_a_wrong_method_is_a_405(api: Api, path: str, methods: set[str]) -> None:
    """A method that a path does not take is refused with those it does."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
        answered = api.ask(method, path)
        assert_refused(answered, 405, MethodNotAllowed)
        assert set(answered.headers["allow"].split(", ")) - {"OPTIONS"} == methods


@pytest.mark.parametrize("path", MESSAGES_ROUTES)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_a_405_on_messages(api: Api, path: str, method: str) -> None:
    """On the messages surface a 405 has that vendor's envelope, and the same header."""
    answered = api.ask(method, path)
    assert_refused_as_anthropic(answered, 405, MethodNotAllowed, "invalid_request_error")
    assert set(answered.headers["allow"].split(", ")) - {"OPTIONS"} == {"POST"}


@pytest.mark.parametrize("path", ["/v1/messages/x", "/v1/messages/count_tokens/x"])
def test_an_unknown_path_below_messages_is_that_vendors_404(api: Api, path: str) -> None:
    """Whoever asks below /v1/messages reads that vendor's errors, whatever the headers say."""
    answered = api.get(path)
    assert_refused_as_anthropic(answered, 404, PathNotFound, "not_found_error")


@pytest.mark.parametrize("path", ["/v1/v1/messages", "/messages", "/v1/complete", "/v1/nothing"])
def test_an_unknown_path_is_told_in_the_callers_own_way(api: Api, path: str) -> None:
    """On a path nobody serves the version header tells whose errors the client can read."""
    answered = api.ask("POST", path, headers=ANTHROPIC)
    assert_refused_as_anthropic(answered, 404, PathNotFound, "not_found_error")
    assert_refused(api.ask("POST", path), 404, PathNotFound)


@pytest.mark.parametrize("path", [JOBS, "/v1/balance", "/v1/diagnostics"])
def test_our_own_paths_have_one_envelope(api: Api, path: str) -> None:
    """What is not one of the vendors' paths answers alike, whatever else a client speaks."""
    assert_refused(api.ask("PATCH", path, headers=ANTHROPIC), 405, MethodNotAllowed)


@pytest.mark.parametrize(("path", "methods"), ROUTES)
def test_options_tells_the_methods(api: Api, path: str, methods: set[str]) -> None:
    """OPTIONS is answered without a key, with what the path takes."""
    answered = api.client.simulate_options(path)
    assert answered.status_code in {200, 204}
    assert set(answered.headers["allow"].split(", ")) - {"OPTIONS"} == methods
    assert_marked(answered)


@pytest.mark.parametrize("path", ["/", "/livez", JOBS, CHAT, "/v1/nothing"])
def test_head_has_an_answer(api: Api, path: str) -> None:
    """HEAD, which clients warm connections up with, is answered without a body and without 5xx."""
    answered = api.ask("HEAD", path)
    assert answered.status_code < 500
    assert answered.content == b""
    assert_marked(answered)


@pytest.mark.parametrize("path", [JOBS, "/v1/balance", "/livez"])
def test_a_trailing_slash_does_no_harm(api: Api, path: str) -> None:
    """A path with a slash at its end is the same path."""
    assert api.get(f"{path}/").status_code == 200


@pytest.mark.parametrize(
    "limit",
    [
        *["0", "-1", "101", "abc", "", "1.5", "1e1", " 5", "+5", "\u0665", "²", "0x5", "null"],
        *["9" * 20, "0" * 5_000, "0" * 5_000 + "5", "0000000050000"],
    ],
    ids=lambda value: value[:12],
)
def test_a_strange_limit_is_a_400(api: Api, limit: str) -> None:
    """A page has 1 to 100 jobs, and the error says so."""
    answered = api.get(JOBS, f"limit={limit}")
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "limit"
    assert "from 1 to 100" in answered.json["error"]["message"]


@pytest.mark.parametrize(
    "wait",
    ["61", "-1", "abc", "", "1.5", "1e1", "9" * 20, "0" * 5_000, "00000000000061"],
    ids=lambda value: value[:12],
)
def test_a_strange_wait_is_a_400(api: Api, wait: str) -> None:
    """A long poll takes 0 to 60 seconds, and the error says so."""
    job_id = api.later()
    api.cancel(job_id)
    answered = api.get(f"{JOBS}/{job_id}", f"wait={wait}")
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "wait"
    assert "from 0 to 60" in answered.json["error"]["message"]


@pytest.mark.parametrize("status", ["bad", "", "QUEUED", "completed", "queued,running", "que\x00"])
def test_an_unknown_status_is_a_400(api: Api, status: str) -> None:
    """A filter that can match nothing is a mistake; the error lists what there is."""
    answered = api.get(JOBS, f"status={status}")
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "status"
    assert "queued" in answered.json["error"]["message"]


@pytest.mark.parametrize("name", ["custom_id", "after", "ids", "status"])
def test_nul_in_a_query_is_a_400(api: Api, name: str) -> None:
    """A NUL, which no stored text can hold, is refused with the parameter's name."""
    answered = api.get(JOBS, f"{name}=a%00b")
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == name


@pytest.mark.parametrize(
    "job_id", ["job_1", "job_" + "0" * 26, "a%00b", "%FF%FE", "a" * 5_000, "'; --", "%F0%9F%98%80"]
)
def test_what_is_no_job_of_mine_is_a_404(api: Api, job_id: str) -> None:
    """Whatever stands in the path, a job that is not there is not there, to show or to cancel."""
    assert_refused(api.get(f"{JOBS}/{job_id}"), 404, NotFound)
    assert_refused(api.get(f"{JOBS}/{job_id}", "wait=1"), 404, NotFound)
    assert_refused(api.cancel(job_id), 404, NotFound)


@pytest.mark.parametrize(
    "query",
    [
        *["after=nonsense", "custom_id=", "custom_id=%FF", "after=%ED%A0%80", "ids=", "ids=,,"],
        *["x=1", "custom_id=" + "c" * 5_000, "limit=5&limit=6", "status=queued&status=queued"],
    ],
    ids=lambda value: value[:24],
)
def test_a_harmless_query_is_answered(api: Api, query: str) -> None:
    """A query that matches nothing, or that says more than needed, is no error."""
    assert api.get(JOBS, query).status_code == 200


def test_more_than_100_ids_are_a_400(api: Api) -> None:
    """One may ask for 100 jobs by id at once, and not for 101."""
    assert api.get(JOBS, "ids=" + ",".join(["job_x"] * 100)).status_code == 200
    answered = api.get(JOBS, "ids=" + ",".join(["job_x"] * 101))
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "ids"


@pytest.mark.parametrize("count", ["", "x", "-1", "1.5", "²", "9" * 5_000])
def test_a_strange_retry_count_is_no_error(api: Api, count: str) -> None:
    """A client's own bookkeeping, however odd, never costs it its answer."""
    answered = api.chat(headers=ASYNC | {"x-stainless-retry-count": count})
    assert answered.status_code == 202
