"""Every table, with the invariants it holds. Constraint names are sentences."""

from app.store.tables.accounts import accounts, idempotency_keys, keys
from app.store.tables.base import metadata, word
from app.store.tables.jobs import (
    IS_FINAL,
    IS_RUNNABLE,
    IS_RUNNING,
    attempts,
    job_payloads,
    jobs,
)
from app.store.tables.money import IS_DRAWABLE, IS_OPEN, hold_lots, holds, lots, transfers

__all__ = [
    "IS_DRAWABLE",
    "IS_FINAL",
    "IS_OPEN",
    "IS_RUNNABLE",
    "IS_RUNNING",
    "accounts",
    "attempts",
    "hold_lots",
    "holds",
    "idempotency_keys",
    "job_payloads",
    "jobs",
    "keys",
    "lots",
    "metadata",
    "transfers",
    "word",
]
