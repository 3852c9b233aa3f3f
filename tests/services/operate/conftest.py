"""What the tests of operators' actions look at."""

from collections.abc import Callable

import pytest

from app.gateway import Gateway
from app.services.operate.trail import entries
from app.services.read import balance
from tests.factories import Customer, answer, make_job, settle_one, start_one

ANN = "ann@bastion"


@pytest.fixture
def available(gateway: Gateway) -> Callable[[Customer], int]:
    """Tell what an account has to spend."""
    return lambda owner: balance(gateway, owner.account_id).available_nanos


@pytest.fixture
def audited(gateway: Gateway) -> Callable[[Customer], list[str]]:
    """Tell what was done to an account, newest first."""
    return lambda owner: [
        each.action for each in entries(gateway, owner.account_id, after=None, limit=100)
    ]


@pytest.fixture
def paid(gateway: Gateway, customer: Customer) -> str:
    """A job of the customer's that was answered and paid for."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    return job_id
