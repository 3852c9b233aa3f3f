"""Messages made by hand are messages that Celery reads."""

import inspect

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message

from app import broker
from app.domain.job import Lane
from app.gateway import Gateway
from app.settings import Settings
from workers import celery_app, tasks
from workers.celery_app import build

QUEUES = tuple(broker.QUEUES)


@pytest.mark.parametrize("lane", Lane)
def test_kombu_reads_what_the_broker_sends(gateway: Gateway, lane: Lane) -> None:
    """Task, arguments and queue arrive as Celery's second protocol has them, ids in order."""
    gateway.broker.nudge(lane, ["job_1", "job_2"])
    message = _take(gateway.settings, lane)
    assert message.headers["task"] == broker.RUN_JOBS
    assert message.headers["id"] == message.properties["correlation_id"]
    assert message.delivery_info["routing_key"] == lane
    arguments, keywords, _ = message.decode()  # type: ignore[no-untyped-call]
    assert (arguments, keywords) == ([["job_1", "job_2"]], {})


def test_the_task_has_the_name_the_broker_sends() -> None:
    """The sender knows the task by this name only."""
    assert tasks.run_jobs.name == broker.RUN_JOBS


def test_the_arguments_fit_the_task() -> None:
    """The task takes what a message carries: one list of ids."""
    assert list(inspect.signature(tasks.run_jobs.run).parameters) == ["job_ids"]


def test_a_worker_serves_the_queues_in_order(settings: Settings) -> None:
    """Interactive messages come first, and nothing but the named queues is read."""
    app = build(settings, queues=QUEUES, heartbeat_file=None)
    assert [queue.name for queue in app.conf.task_queues] == ["interactive", "batch", "webhooks"]
    assert not app.conf.task_create_missing_queues
    assert app.conf.broker_transport_options["queue_order_strategy"] == "priority"


def test_a_worker_reads_where_the_broker_writes(settings: Settings) -> None:
    """Both sides put the same prefix before a queue's key."""
    app = build(settings, queues=QUEUES, heartbeat_file=None)
    assert app.conf.broker_transport_options["global_keyprefix"] == settings.redis_prefix


def test_celery_keeps_its_hands_off(settings: Settings) -> None:
    """No results, no events, no remote control, no acknowledgements: messages are nudges."""
    conf = build(settings, queues=QUEUES, heartbeat_file=None).conf
    assert conf.task_ignore_result
    assert not conf.worker_send_task_events
    assert not conf.worker_enable_remote_control
    assert not conf.task_acks_late
    assert conf.broker_transport_options["ack_emulation"] is False
    assert conf.result_backend is None


def test_there_is_no_worker_outside_a_worker() -> None:
    """A task that runs where no worker was opened is a fault, and stops there."""
    with pytest.raises(AssertionError):
        celery_app.worker()


def _take(settings: Settings, lane: Lane) -> Message:
    """Take the next message of a queue as a Celery worker does."""
    options = {"global_keyprefix": settings.redis_prefix, "priority_steps": [0]}
    taken: list[Message] = []
    url = broker.celery_url(settings.redis_url)
    with Connection(url, transport_options=options) as connection:  # type: ignore[no-untyped-call]
        queue = Queue(lane.value, routing_key=lane.value)  # type: ignore[no-untyped-call]
        with connection.Consumer([queue], on_message=taken.append, no_ack=True):
            connection.drain_events(timeout=5)
    (message,) = taken
    return message
