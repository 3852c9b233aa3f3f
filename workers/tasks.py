"""The Celery tasks: a name and one call each."""

from collections.abc import Sequence
from typing import Any

from celery import shared_task

from app import broker
from app.domain.job import Lane
from workers import celery_app


@shared_task(name=broker.RUN_JOBS, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def run_jobs(task: Any, job_ids: Sequence[str]) -> None:
    """Start these jobs; returns when they have started, not when their calls end."""
    celery_app.worker().offer(Lane(task.request.delivery_info["routing_key"]), job_ids)
