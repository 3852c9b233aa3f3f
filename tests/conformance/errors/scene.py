"""Where an error is met: the house, one customer's SDK, and what may be broken beside it."""

import json
from dataclasses import dataclass, field
from typing import Any

import requests

from app.domain.dialect import Dialect
from app.domain.limits.limit import NO_LIMITS, Limits
from app.services import accounts
from app.settings import Settings
from tests.conformance.house import House
from tests.factories import Customer
from tests.simulator.running import eventually
from tests.web.outside.server import ANSWER_S, Server

from .sdk import RETRIES, Sdk


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """A submitter on a database of its own, and a customer's key there."""

    server: Server
    settings: Settings
    key: str


@dataclass(kw_only=True)
class Scene:
    """One dialect's SDK, in front of one upstream protocol, and a customer who uses it."""

    house: House
    hasty: Server
    spare: Spare
    dialect: Dialect
    protocol: str
    opened: list[Sdk] = field(default_factory=list)

    def customer(self, dollars: str = "10") -> Customer:
        """Make a customer of the house."""
        return self.house.customer(dollars)

    def sdk(self, key: str | None = None, *, url: str | None = None, retries: int = RETRIES) -> Sdk:
        """Return an SDK that counts; without a key, a new customer's."""
        made = Sdk(
            self.dialect,
            url or self.house.server.url,
            key or self.customer().key,
            f"{self.protocol}-drain",
            retries=retries,
        )
        self.opened.append(made)
        return made

    def limited(self, customer: Customer, **limits: int) -> str:
        """Return a further key of a customer's, with limits of its own."""
        given = Limits(**limits) if limits else NO_LIMITS
        gateway = self.house.gateway
        return accounts.create_key(gateway, customer.account_id, "limited", limits=given).key

    def post(self, key: str, path: str, body: object, **options: Any) -> requests.Response:
        """Post outside of any SDK."""
        return requests.post(
            f"{self.house.server.url}{path}",
            data=json.dumps(body),
            headers={"Authorization": f"Bearer {key}"},
            timeout=ANSWER_S,
            **options,
        )

    def running(self, key: str) -> str:
        """Return the id of the key's one job as soon as it runs."""

        def look() -> str | None:
            found = requests.get(
                f"{self.house.server.url}/v1/jobs",
                headers={"Authorization": f"Bearer {key}"},
                timeout=ANSWER_S,
            ).json()["data"]
            return next((job["id"] for job in found if job["status"] == "running"), None)

        job_id = eventually(look, within_s=ANSWER_S)
        assert job_id is not None
        return job_id

    def close(self) -> None:
        """Give all connections back."""
        for sdk in self.opened:
            sdk.close()
