"""The Celery app: transport options, queues, signals. Celery delivers; the engine carries."""

import logging
import signal
import sys
from pathlib import Path
from typing import Any, Final

from celery import Celery, signals
from kombu.entity import Queue
from prometheus_client import start_http_server

from app import broker
from app.gateway import open_gateway
from app.process import calm_collector
from app.settings import Settings
from workers.worker import Worker

SOCKET_TIMEOUT_S: Final = 15
VISIBILITY_TIMEOUT_S: Final = 21_600

_worker: Worker | None = None


def worker() -> Worker:
    """Return this process's worker; it is there from the worker's start to its end."""
    assert _worker is not None
    return _worker


def build(settings: Settings, *, queues: tuple[str, ...], heartbeat_file: Path | None) -> Celery:
    """Return the Celery app of a worker that serves `queues`, in that order of preference."""
    app = Celery("busbar", broker=broker.celery_url(settings.redis_url))
    app.conf.update(
        imports=("workers.tasks",),
        task_queues=[_queue(name) for name in queues],
        task_default_queue=queues[0],
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        # A message is a nudge: acknowledging it would cost more than losing it does.
        task_acks_late=False,
        broker_transport_options={
            "ack_emulation": False,
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "max_connections": 4 * settings.worker_threads + 20,
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": 3,
            "socket_keepalive": not settings.redis_url.startswith("unix"),
            "health_check_interval": 10,
            "priority_steps": [0],
            "queue_order_strategy": "priority",
            "global_keyprefix": settings.redis_prefix,
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_eta_task_limit=100,
        worker_send_task_events=False,
        task_send_sent_event=False,
        worker_enable_remote_control=False,
        worker_disable_rate_limits=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        worker_hijack_root_logger=False,
    )
    _connect_signals(settings, queues, heartbeat_file)
    return app


def run(settings: Settings, *, queues: tuple[str, ...], heartbeat_file: Path | None = None) -> None:
    """Run one worker process until SIGTERM or SIGINT; both drain it.

    Its counters are shown on the metrics port until its end. Raises OSError when that is taken.
    """
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.host)
    app = build(settings, queues=queues, heartbeat_file=heartbeat_file)
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=threads",
            f"--concurrency={settings.worker_threads}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            f"--loglevel={settings.log_level}",
        ]
    )


def _connect_signals(
    settings: Settings, queues: tuple[str, ...], heartbeat_file: Path | None
) -> None:
    # Celery keeps weak references to receivers; weak=False keeps these alive.
    @signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def _open(**_: Any) -> None:
        global _worker  # noqa: PLW0603  Celery has no place of its own for what a process holds
        gateway = open_gateway(settings, name="worker")
        _worker = Worker(gateway, queues=queues, heartbeat_file=heartbeat_file)
        _worker.open()
        calm_collector()
        # A second Ctrl-C must not cut the drain short: kill -9 is there for that.
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def _stop_claiming(**_: Any) -> None:
        worker().stop_claiming()

    @signals.worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
    def _drain(**_: Any) -> None:
        worker().drain()


def _queue(name: str) -> Queue:
    # The default exchange needs no binding in Redis, so a FLUSHALL cannot drop what is sent later.
    return Queue(name, routing_key=name)  # type: ignore[no-untyped-call]
