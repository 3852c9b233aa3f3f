"""Which dialect a request is answered in."""

import pytest

from app.domain.dialect import Dialect
from app.domain.errors import InvalidRequest
from app.wire.dialects import VERSIONS, check_version, dialect_of


@pytest.mark.parametrize("version", [None, "", *VERSIONS, "any"])
@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/messages", Dialect.MESSAGES),
        ("/v1/messages/count_tokens", Dialect.MESSAGES),
        ("/v1/chat/completions", Dialect.CHAT),
        ("/v1/chat/completions/chatcmpl-1", Dialect.CHAT),
        ("/v1/jobs", Dialect.CHAT),
        ("/v1/jobs/job_1", Dialect.CHAT),
        ("/v1/balance", Dialect.CHAT),
        ("/v1/diagnostics", Dialect.CHAT),
    ],
)
def test_a_path_of_ones_own_tells_the_dialect(
    path: str, dialect: Dialect, version: str | None
) -> None:
    """Where a path belongs to one vendor or to us, no header changes how it answers."""
    assert dialect_of(path, version) is dialect


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/a/b", "/v1/v1/messages", "/", "/v1"])
def test_a_shared_path_is_told_by_the_version_header(path: str) -> None:
    """Only clients of one vendor send it, and they always do."""
    assert dialect_of(path, "2023-06-01") is Dialect.MESSAGES
    assert dialect_of(path, None) is dialect_of(path, "") is Dialect.CHAT


@pytest.mark.parametrize("path", ["/v1/messagesx", "/v1/message", "/v2/messages", "/messages"])
def test_what_only_begins_alike_is_another_path(path: str) -> None:
    """A path is compared part by part."""
    assert dialect_of(path, None) is Dialect.CHAT


@pytest.mark.parametrize("version", [*VERSIONS, None, ""])
def test_a_version_in_use_is_served(version: str | None) -> None:
    """Two are, and one may leave it out."""
    check_version(version)


@pytest.mark.parametrize("version", ["2023-06-02", "latest", " 2023-06-01x", "x" * 9_000])
def test_another_version_is_refused_by_name(version: str) -> None:
    """The refusal names the header and those that are served, and is no longer than needed."""
    with pytest.raises(InvalidRequest) as caught:
        check_version(version)
    assert caught.value.param == "anthropic-version"
    assert all(known in caught.value.message for known in VERSIONS)
    assert len(caught.value.message) < 200
