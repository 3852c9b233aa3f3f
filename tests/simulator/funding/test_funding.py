"""The simulated payment service: charged once for an id, and the truth told whatever was said."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.funding.signing import signed

from .running import SECRET, TIMEOUT_S, FundingServer, funding_of


@pytest.fixture(scope="module")
def running() -> Iterator[FundingServer]:
    """A payment service that asks for no signature."""
    with funding_of() as server:
        yield server


@pytest.fixture
def server(running: FundingServer) -> FundingServer:
    """A payment service that has sold nothing and has no faults."""
    running.fresh()
    return running


def buy(server: FundingServer, name: str = "rpl_1", amount: str = "20.00") -> requests.Response:
    """Ask for a purchase."""
    body = {"id": name, "account": "acct_1", "amount": amount, "currency": "USD"}
    url = f"{server.url}/v1/purchases"
    return requests.post(url, json=body, headers={"Idempotency-Key": name}, timeout=TIMEOUT_S)


def look_up(server: FundingServer, name: str = "rpl_1") -> tuple[int, Any]:
    """Return the status of a look-up, and what it says became of the purchase."""
    answered = requests.get(f"{server.url}/v1/purchases/{name}", timeout=TIMEOUT_S)
    return answered.status_code, answered.json()["status"]


def test_an_id_is_charged_once(server: FundingServer) -> None:
    """However often a purchase is asked for, there is one charge, and one answer."""
    answers = [buy(server).json() for _ in range(3)]
    expected = {"id": "rpl_1", "status": "bought", "amount": "20.00", "reference": "ch_rpl_1"}
    assert answers == [expected] * 3
    truth = server.truth()
    assert (truth["bought"], truth["asked"]) == (1, 3)


def test_an_id_means_one_purchase(server: FundingServer) -> None:
    """The same id with another amount is a conflict, and charges nothing."""
    buy(server)
    assert buy(server, amount="30.00").status_code == 409
    assert server.truth()["purchases"]["rpl_1"]["amount"] == "20.00"


def test_a_declined_purchase_stays_declined(server: FundingServer) -> None:
    """Its id is never charged, though the fault is over."""
    server.set({"fault": "decline", "times": 1})
    assert [buy(server).status_code for _ in range(2)] == [402, 402]
    assert look_up(server) == (200, "declined")
    assert server.truth()["bought"] == 0


def test_an_unknown_id_is_absent(server: FundingServer) -> None:
    """A look-up of what never came says so, and charges nothing."""
    assert look_up(server) == (404, "absent")
    assert server.truth()["purchases"] == {}


@pytest.mark.parametrize(("fault", "status"), [("lost", "bought"), ("silent", "bought")])
def test_an_answer_may_be_lost_after_the_charge(
    server: FundingServer, fault: str, status: str
) -> None:
    """The client hears nothing, and the truth has the charge."""
    server.set({"fault": fault, "times": 1})
    with pytest.raises(requests.RequestException):
        requests.post(
            f"{server.url}/v1/purchases",
            json={"id": "rpl_1", "account": "acct_1", "amount": "20.00"},
            headers={"Idempotency-Key": "rpl_1"},
            timeout=0.5,
        )
    assert look_up(server) == (200, status)


@pytest.mark.parametrize("fault", ["status", "stuck"])
def test_some_faults_charge_nothing(server: FundingServer, fault: str) -> None:
    """An error, or silence before the charge: the id never came."""
    server.set({"fault": fault, "times": 1})
    try:
        url, name = f"{server.url}/v1/purchases", {"Idempotency-Key": "rpl_1"}
        body = {"id": "rpl_1", "account": "acct_1", "amount": "20.00"}
        assert requests.post(url, json=body, headers=name, timeout=0.5).status_code == 500
    except requests.Timeout:
        assert fault == "stuck"
    assert look_up(server) == (404, "absent")


def test_a_client_that_leaves_is_charged_all_the_same(server: FundingServer) -> None:
    """A charge that has begun goes on; until it ends a look-up says that it is pending."""
    server.set(latency_ms=600)
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{server.url}/v1/purchases",
            json={"id": "rpl_1", "account": "acct_1", "amount": "20.00"},
            headers={"Idempotency-Key": "rpl_1"},
            timeout=0.2,
        )
    assert look_up(server) == (202, "pending")
    assert buy(server).status_code == 201
    assert server.truth()["bought"] == 1


def test_it_counts_what_is_charged_at_the_same_moment(server: FundingServer) -> None:
    """Two purchases of one account side by side show in its peak."""
    server.set(latency_ms=500)
    threads = [threading.Thread(target=buy, args=(server, f"rpl_{n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    truth = server.truth()
    assert (truth["in_flight"], truth["in_flight_peak"], truth["in_flight_peak_of_one"]) == (
        0,
        2,
        2,
    )


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"latency": 5},
        {"latency_ms": "long"},
        {"rules": [{"fault": "explode"}]},
        {"rules": [{"fault": "decline", "on": "lookup"}]},
        {"rules": [{"fault": "status", "status": 200}]},
        {"rules": [{"fault": "decline", "times": -1}]},
    ],
)
def test_a_faulty_document_changes_nothing(server: FundingServer, document: object) -> None:
    """It is refused with its place, and what was in force still is."""
    server.set({"fault": "decline"})
    refused = server.put(document)
    assert refused.status_code == 400
    assert "unchanged" in refused.json()["error"]
    assert buy(server).status_code == 402


def test_calls_must_be_signed_where_there_is_a_secret() -> None:
    """Without the right signature, or with an old one, nothing is sold."""
    body = b'{"id":"rpl_1","account":"acct_1","amount":"20.00"}'
    with funding_of("--secret", SECRET) as server:

        def post(marks: dict[str, str]) -> int:
            headers = {"Idempotency-Key": "rpl_1", **marks}
            url = f"{server.url}/v1/purchases"
            return requests.post(url, data=body, headers=headers, timeout=TIMEOUT_S).status_code

        now = int(time.time())
        assert post({}) == 401
        assert post(signed("another", body, at_s=now)) == 401
        assert post(signed(SECRET, body, at_s=now - 3_600)) == 401
        assert post(signed(SECRET, body + b" ", at_s=now)) == 401
        assert server.truth()["purchases"] == {}
        assert post(signed(SECRET, body, at_s=now)) == 201
