"""Plain functions that make what a test needs, with defaults for what it does not care about."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.attempt import Answer, Failure, FailureKind
from app.domain.job import Job, Lane, NewJob, OnEmpty
from app.domain.money import parse_dollars
from app.domain.pricing import Usage
from app.gateway import Gateway
from app.services import accounts, fund
from app.services.accounts import Caller
from app.services.draft import draft, fingerprint
from app.services.settle import Finished, settle
from app.services.start import Started, start
from app.services.submit import Submission, Submitted, submitter
from app.services.wait import reader
from app.wire.surface import CHAT

WORKER = "tests:1:worker_1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account with a key."""

    caller: Caller
    key: str

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.caller.account_id


def make_customer(gateway: Gateway, dollars: str = "10", name: str | None = None) -> Customer:
    """Create an account with a key and a balance."""
    account_id = accounts.create_account(gateway, name or gateway.new_id("name"))
    key = accounts.create_key(gateway, account_id, "tests")
    if parse_dollars(dollars):
        fund.deposit(gateway, account_id, parse_dollars(dollars), reference=None)
    return Customer(caller=Caller(account_id=account_id, key_id=key.id), key=key.key)


def chat_body(text: str = "What is 2 + 2?", **more: Any) -> dict[str, Any]:
    """Return a chat-completions body."""
    return {
        "model": "text-prime",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 100,
    } | more


def make_draft(
    gateway: Gateway,
    customer: Customer,
    *,
    lane: Lane = Lane.INTERACTIVE,
    on_empty: OnEmpty = OnEmpty.WAIT,
    deadline_s: int | None = None,
    max_cost: str | None = None,
    **body: Any,
) -> NewJob:
    """Return a job that is not written yet."""
    content = chat_body(**body)
    raw = json.dumps(content).encode()
    return draft(
        gateway,
        customer.caller,
        CHAT,
        content,
        raw=raw,
        lane=lane,
        on_empty=on_empty,
        deadline_s=deadline_s,
        max_cost=max_cost,
        fingerprint=fingerprint("/v1/chat/completions", raw),
    )


def submit(
    gateway: Gateway,
    customer: Customer,
    jobs: Sequence[NewJob],
    *,
    idempotency_key: str | None = None,
    is_retry: bool = False,
) -> Submitted:
    """Submit drafts as one request."""
    mark = b"".join(job.request for job in jobs)
    return submitter(gateway)(
        Submission(
            key_id=customer.caller.key_id,
            fingerprint=jobs[0].fingerprint if is_retry and jobs[0].fingerprint else mark,
            idempotency_key=idempotency_key,
            is_retry=is_retry,
            jobs=tuple(jobs),
        )
    )


def make_job(gateway: Gateway, customer: Customer, **draft_options: Any) -> str:
    """Submit one job and return its id."""
    return submit(gateway, customer, [make_draft(gateway, customer, **draft_options)]).job_ids[0]


def start_one(gateway: Gateway, job_id: str, worker_id: str = WORKER) -> Started:
    """Start one job that must start."""
    (started,) = start(gateway, [job_id], worker_id).started
    return started


def answer(input_tokens: int = 10, output_tokens: int = 20, text: str = "4") -> Answer:
    """Return a provider's good answer."""
    body = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return Answer(status_code=200, body=json.dumps(body).encode(), usage=usage)


def failure(
    kind: FailureKind = FailureKind.RETRYABLE,
    status_code: int | None = 503,
    retry_after_s: float | None = None,
) -> Failure:
    """Return a provider's failure."""
    return Failure(
        kind=kind,
        symbol=f"status_{status_code}",
        message="It did not work.",
        status_code=status_code,
        retry_after_s=retry_after_s,
    )


def settle_one(gateway: Gateway, job: Started, outcome: Any) -> None:
    """Settle one attempt."""
    settle(gateway, [Finished(job=job, outcome=outcome)])


def read_job(gateway: Gateway, customer: Customer, job_id: str) -> Job:
    """Return a job as its owner sees it."""
    return reader(gateway)(customer.account_id, job_id)
