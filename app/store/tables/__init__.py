"""Every table, with the invariants it holds. Constraint names are sentences."""

from app.store.tables.accounts import accounts, idempotency_keys, keys
from app.store.tables.base import metadata, number, word
from app.store.tables.calibrations import calibrations
from app.store.tables.caps import cap_windows, caps, hold_caps
from app.store.tables.jobs import (
    IS_FINAL,
    IS_RUNNABLE,
    IS_RUNNING,
    STILL_RUNNABLE,
    STILL_RUNNING,
    attempts,
    job_payloads,
    jobs,
)
from app.store.tables.money import IS_DRAWABLE, IS_OPEN, hold_lots, holds, lots, transfers
from app.store.tables.records import audit, events, usage_closed_days, usage_days
from app.store.tables.replenishing import replenish_policies, replenishments

__all__ = [
    "IS_DRAWABLE",
    "IS_FINAL",
    "IS_OPEN",
    "IS_RUNNABLE",
    "IS_RUNNING",
    "STILL_RUNNABLE",
    "STILL_RUNNING",
    "accounts",
    "attempts",
    "audit",
    "calibrations",
    "cap_windows",
    "caps",
    "events",
    "hold_caps",
    "hold_lots",
    "holds",
    "idempotency_keys",
    "job_payloads",
    "jobs",
    "keys",
    "lots",
    "metadata",
    "number",
    "replenish_policies",
    "replenishments",
    "transfers",
    "usage_closed_days",
    "usage_days",
    "word",
]
