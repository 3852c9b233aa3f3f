"""/livez, /readyz and /metrics: what probes and scrapes are told."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from app.cli.standing.ports import listening_port
from app.gateway import Gateway
from app.services import health
from app.store import schema
from app.web.health import ASKED_FOR
from tests.factories import start_one

from .api import JOBS, Api, assert_marked, entry, open_api


def test_a_living_process_says_so(api: Api) -> None:
    """/livez asks nobody."""
    answered = api.client.simulate_get("/livez")
    assert (answered.status_code, answered.json) == (200, {"status": "ok"})
    assert_marked(answered)


def test_a_ready_process_names_its_checks(api: Api) -> None:
    """/readyz is 200 when database, schema and bus are there."""
    answered = api.client.simulate_get("/readyz")
    assert answered.status_code == 200
    assert answered.json == {
        "status": "ok",
        "checks": {"postgres": "ok", "schema": "ok", "redis": "ok"},
    }


def test_a_schema_that_is_behind_is_not_ready(gateway: Gateway) -> None:
    """Before its migrations a process gets no traffic, and says what to run."""
    api = open_api(gateway)
    schema.downgrade(gateway.engine, "base")
    answered = api.client.simulate_get("/readyz")
    assert (answered.status_code, answered.json["status"]) == (503, "unready")
    assert "busbar migrate" in answered.json["checks"]["schema"]
    schema.migrate(gateway.engine)
    assert api.client.simulate_get("/readyz").status_code == 200


def test_a_missing_redis_is_degraded(open_another: Callable[..., Gateway]) -> None:
    """Without the bus jobs are slower and not lost, so traffic may come."""
    api = open_api(
        open_another(
            redis_url=f"redis://127.0.0.1:{listening_port('127.0.0.1', 0, patience_s=0)}/0"
        )
    )
    answered = api.client.simulate_get("/readyz")
    assert (answered.status_code, answered.json["status"]) == (200, "degraded")
    assert answered.json["checks"]["redis"] != "ok"


@pytest.fixture
def bereft(gateway: Gateway, open_another: Callable[..., Gateway]) -> Api:
    """The application of a process whose database is not there."""
    port = listening_port("127.0.0.1", 0, patience_s=0)
    lost = open_another(database_url=f"postgresql+psycopg://nobody@127.0.0.1:{port}/none")
    return replace(open_api(gateway), gateway=lost).with_settings()


def test_a_missing_database_is_not_ready(bereft: Api) -> None:
    """Without the database nothing can be served; the process itself lives."""
    answered = bereft.client.simulate_get("/readyz")
    assert (answered.status_code, answered.json["status"]) == (503, "unready")
    assert answered.json["checks"]["postgres"] != "ok"
    assert bereft.client.simulate_get("/livez").status_code == 200


def test_a_scrape_without_a_database_shows_what_is_known(gateway: Gateway, bereft: Api) -> None:
    """The process's own counters are told; gauges are left out, not shown as they were before."""
    before = scrape(open_api(gateway))
    during = scrape(bereft)
    asked_for = {name for name, _ in before} - {name for name, _ in during}
    assert asked_for == ASKED_FOR
    assert before["busbar_nudges_lost_total", ""] == during["busbar_nudges_lost_total", ""]


def test_every_gauge_of_the_database_is_left_out_in_an_outage() -> None:
    """The list of gauges that are asked for knows all there are."""
    gauges = [each for each in vars(health).values() if isinstance(each, Gauge)]
    assert {metric.name for gauge in gauges for metric in gauge.describe()} == ASKED_FOR


def scrape(api: Api) -> dict[tuple[str, str], float]:
    """Return the samples by name and lane."""
    answered = api.client.simulate_get("/metrics")
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, sample.labels.get("lane", "")): sample.value
        for family in text_string_to_metric_families(answered.text)
        for sample in family.samples
        if sample.name.startswith("busbar_")
    }


def test_metrics_can_be_scraped(gateway: Gateway) -> None:
    """Prometheus understands the page, and every named gauge stands on it."""
    found = scrape(open_api(gateway))
    lanes = ["interactive", "batch"]
    per_lane = ["busbar_oldest_due_seconds", "busbar_jobs_due", "busbar_queue_messages"]
    wanted = {(name, lane) for name in per_lane for lane in lanes}
    assert wanted | {("busbar_jobs_running", "")} <= set(found)
    assert ("busbar_nudges_lost_total", "") in found


def test_metrics_count_jobs(gateway: Gateway) -> None:
    """What is due, what runs and what was rung for is counted by lane."""
    api = open_api(gateway)
    assert scrape(api)["busbar_jobs_due", "interactive"] == 0
    first = api.later()
    api.later()
    api.post(JOBS, {"jobs": [entry()] * 3})
    start_one(gateway, first)
    found = scrape(api)
    assert found["busbar_jobs_due", "interactive"] == 1
    assert found["busbar_jobs_due", "batch"] == 3
    assert found["busbar_jobs_running", ""] == 1
    assert found["busbar_queue_messages", "interactive"] == 2
    assert found["busbar_oldest_due_seconds", "batch"] > 0


def test_metrics_tell_that_redis_is_away(open_another: Callable[..., Gateway]) -> None:
    """A depth nobody can tell is -1, and lost nudges are counted."""
    api = open_api(
        open_another(
            redis_url=f"redis://127.0.0.1:{listening_port('127.0.0.1', 0, patience_s=0)}/0"
        )
    )
    before = scrape(api)["busbar_nudges_lost_total", ""]
    api.later()
    found = scrape(api)
    assert found["busbar_queue_messages", "interactive"] == -1
    assert found["busbar_nudges_lost_total", ""] == before + 1
