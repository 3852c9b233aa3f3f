"""Jobs, their bodies, their attempts."""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    literal,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.base import (
    FINAL_SQL,
    FINAL_STATES,
    RUNNABLE_SQL,
    RUNNABLE_STATES,
    Id,
    Moment,
    created_at,
    metadata,
    word,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", Id, ForeignKey("keys.id"), nullable=False),
    Column("lane", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("custom_id", Text),
    Column("metadata", JSONB(none_as_null=True)),
    Column("fingerprint", LargeBinary),
    Column("on_empty", Text, nullable=False),
    Column("stream", Boolean, nullable=False, server_default="false"),
    Column("stored", Boolean, nullable=False, server_default="false"),
    Column("betas", Text),
    Column("input_tokens_max", BigInteger, nullable=False),
    Column("output_tokens_max", BigInteger, nullable=False),
    Column("request_bytes", Integer, nullable=False, server_default="0"),
    Column("max_cost_nanos", BigInteger),
    Column("needed_nanos", BigInteger, nullable=False, server_default="0"),
    # When the balance first fell short of its hold; waking it does not start its patience anew.
    Column("short_since", Moment),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("reason", Text),
    created_at(),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("deadline_at", Moment, nullable=False),
    Column("run_at", Moment, nullable=False, server_default=func.now()),
    Column("nudged_at", Moment),
    Column("cancel_requested_at", Moment),
    # Clients that wait for the answer or may come for it: who submitted, who came to it since, less
    # those who were seen to leave. The moment: since when nobody listens to a stream.
    Column("listeners", Integer, nullable=False, server_default="1"),
    Column("client_left_at", Moment),
    Column("leased_until", Moment),
    Column("worker_id", Id),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("worker_deaths", SmallInteger, nullable=False, server_default="0"),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_nanos", BigInteger),
    Column("partial", Boolean, nullable=False, server_default="false"),
    Column("status_code", SmallInteger),
    Column("error_code", Text),
    Column("error_message", Text),
    CheckConstraint(
        f"{RUNNABLE_SQL} OR {FINAL_SQL} OR state = 'running'", name="jobs_have_a_known_state"
    ),
    CheckConstraint(
        # Each CHECK is parsed anew per statement, so what belongs together is one: nobody could
        # tell when to wake a job that waits for an unknown amount.
        "reason IS NULL OR reason IN ('backoff', 'capacity')"
        " OR (reason = 'balance' AND needed_nanos > 0)",
        name="jobs_wait_for_a_known_reason",
    ),
    CheckConstraint("(state = 'waiting') = (reason IS NOT NULL)", name="waiting_jobs_say_why"),
    CheckConstraint(f"(finished_at IS NOT NULL) = ({FINAL_SQL})", name="finished_jobs_say_when"),
    CheckConstraint(
        "(state = 'running') = (leased_until IS NOT NULL)", name="running_jobs_are_leased"
    ),
    CheckConstraint(
        "(leased_until IS NULL) = (worker_id IS NULL)", name="a_lease_names_its_worker"
    ),
    CheckConstraint("cost_nanos >= 0", name="cost_is_never_negative"),
    CheckConstraint(
        "CASE WHEN partial THEN state = 'cancelled'"
        " ELSE state = 'succeeded' OR coalesce(cost_nanos, 0) = 0 END",
        name="only_answers_cost_money",
    ),
    CheckConstraint("lane IN ('interactive', 'batch')", name="jobs_travel_in_a_known_lane"),
    CheckConstraint("on_empty IN ('wait', 'fail')", name="jobs_know_what_to_do_when_empty"),
    CheckConstraint(
        "input_tokens_max > 0 AND output_tokens_max > 0", name="jobs_are_bounded_in_tokens"
    ),
    Index("ix_jobs_by_account", "account_id", "id"),
    Index(
        "ix_jobs_by_custom_id",
        "account_id",
        "custom_id",
        postgresql_where=text("custom_id IS NOT NULL"),
    ),
    Index(
        "ix_jobs_by_fingerprint",
        "key_id",
        "fingerprint",
        postgresql_where=text("fingerprint IS NOT NULL"),
    ),
    Index(
        "ix_jobs_to_nudge",
        "lane",
        "run_at",
        "id",
        postgresql_where=text(f"{RUNNABLE_SQL} AND nudged_at IS NULL"),
    ),
    Index(
        "ix_jobs_nudged",
        "lane",
        "nudged_at",
        postgresql_where=text(f"{RUNNABLE_SQL} AND nudged_at IS NOT NULL"),
    ),
    # The other half of the same order: how long the oldest has been due, and whose turn it is while
    # nobody can be rung for.
    Index(
        "ix_jobs_rung",
        "lane",
        "run_at",
        "id",
        postgresql_where=text(f"{RUNNABLE_SQL} AND nudged_at IS NOT NULL"),
    ),
    Index("ix_jobs_leased", "leased_until", postgresql_where=text("state = 'running'")),
    Index(
        "ix_jobs_to_cancel",
        "worker_id",
        postgresql_where=text("state = 'running' AND cancel_requested_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_left",
        "worker_id",
        postgresql_where=text("state = 'running' AND client_left_at IS NOT NULL"),
    ),
    Index(
        "ix_jobs_left_waiting",
        "client_left_at",
        postgresql_where=text(f"{RUNNABLE_SQL} AND client_left_at IS NOT NULL"),
    ),
    Index("ix_jobs_stored", "account_id", "id", postgresql_where=text("stored")),
    Index("ix_jobs_by_deadline", "deadline_at", postgresql_where=text(RUNNABLE_SQL)),
    # Waiting: jobs the balance could not cover. Queued: those of them that were woken.
    Index(
        "ix_jobs_short_of_balance",
        "state",
        "account_id",
        "instrument",
        "needed_nanos",
        postgresql_where=text(f"{RUNNABLE_SQL} AND needed_nanos > 0"),
    ),
    postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.05"},
)

job_payloads = Table(
    "job_payloads",
    metadata,
    # No foreign key: bodies are written in the same statement as their job. Purged from the oldest
    # id on: ids are ordered by their time, so that needs no index by age.
    Column("job_id", Id, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    created_at(),
    CheckConstraint("kind IN ('request', 'result')", name="payloads_are_requests_or_results"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("failure", Text),
    Column("status_code", SmallInteger),
    Column("started_at", Moment, nullable=False, server_default=func.now()),
    Column("finished_at", Moment),
    # What the provider reported, and what it is thought to charge for it; nobody has paid that when
    # the attempt did not succeed, or its answer was free.
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cost_nanos", BigInteger),
    Column("first_token_ms", Integer),
    Column("flag", Text),
    CheckConstraint("cost_nanos >= 0", name="providers_never_pay_us"),
    CheckConstraint(
        "state IN ('open', 'succeeded', 'failed', 'interrupted', 'lost')",
        name="attempts_have_a_known_state",
    ),
    CheckConstraint("(state = 'open') = (finished_at IS NULL)", name="closed_attempts_say_when"),
)

IS_RUNNABLE: Final = jobs.c.state.in_([word(state) for state in RUNNABLE_STATES])
IS_FINAL: Final = jobs.c.state.in_([word(state) for state in FINAL_STATES])
IS_RUNNING: Final = jobs.c.state == word("running")
STILL_RUNNING: Final = jobs.c.state == literal("running")
STILL_RUNNABLE: Final = jobs.c.state == func.any(literal(list(RUNNABLE_STATES), ARRAY(Text())))
"""The same of jobs that are known by their ids: parameters, because a plan that sees the constants
may go through all such jobs instead, which were few on the day it was made."""
