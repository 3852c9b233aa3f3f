"""The latest requests, as they came in."""

from .running import CHAT, MESSAGES, TIMEOUT_S, Simulator


def test_a_request_is_shown_as_it_came(simulator: Simulator) -> None:
    """Path with its query, headers with the key they carried, and body are what was sent."""
    simulator.message("Hello.", path=f"{MESSAGES}?beta=true", metadata={"user_id": "u"})
    (heard,) = simulator.heard()
    assert (heard["method"], heard["path"]) == ("POST", f"{MESSAGES}?beta=true")
    assert heard["headers"]["x-api-key"] == "anything"
    assert heard["headers"]["anthropic-version"] == "2023-06-01"
    assert heard["body"]["metadata"] == {"user_id": "u"}


def test_either_way_to_show_a_key_is_seen(simulator: Simulator) -> None:
    """Keys are served and shown in whatever header they come."""
    body = '{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}'
    for headers in ({"Authorization": "Bearer one"}, {"x-api-key": "two"}, {}):
        for path in (CHAT, MESSAGES):
            assert simulator.post(body, headers=headers, path=path).status_code == 200
    shown = [
        (one["headers"].get("authorization"), one["headers"].get("x-api-key"))
        for one in simulator.heard()
    ]
    assert shown == [("Bearer one", None)] * 2 + [(None, "two")] * 2 + [(None, None)] * 2


def test_only_the_latest_are_kept(simulator: Simulator) -> None:
    """Of many requests the last fifty are shown, oldest first."""
    for number in range(53):
        simulator.chat(f"Question {number}")
    shown = [heard["body"]["messages"][0]["content"] for heard in simulator.heard()]
    assert shown == [f"Question {number}" for number in range(3, 53)]


def test_a_body_that_is_no_json_is_shown_as_text(simulator: Simulator) -> None:
    """What cannot be read is shown all the same."""
    simulator.post("{nothing")
    assert simulator.heard()[0]["body"] == "{nothing"


def test_a_large_body_is_left_out(simulator: Simulator) -> None:
    """A request with a body too large to keep is shown with its size alone."""
    simulator.chat("x" * 1_100_000)
    (heard,) = simulator.heard()
    assert heard["body"] is None
    assert heard["bytes"] > 1_100_000


def test_a_reset_forgets_the_requests(simulator: Simulator) -> None:
    """The requests are forgotten with the calls."""
    simulator.chat()
    simulator.session.delete(f"{simulator.url}/_simulator/calls", timeout=TIMEOUT_S)
    assert simulator.heard() == []
