"""A script that calls a real upstream through the real adapter."""

import asyncio
from datetime import UTC, datetime

import aiohttp

from app.domain.attempt import Answer, Failure
from app.domain.dialect import OF_ENDPOINT
from app.domain.instrument import OnDisconnect, Provider
from app.providers.base import Call
from app.providers.openai import OpenAI
from app.services.start import Started
from tests.web.carrier import Script

TIMEOUT_S = 10.0


def calling(base_url: str) -> Script:
    """Return a script that asks the upstream at `base_url`."""
    entry = Provider(
        name="upstream",
        protocol="openai",
        base_url=base_url,
        api_key_env=None,
        connect_timeout_s=TIMEOUT_S,
        timeout_s=TIMEOUT_S,
        concurrency=1,
        on_disconnect=OnDisconnect.DRAIN,
    )

    async def call(job: Started) -> Answer | Failure:
        async with aiohttp.ClientSession() as session:
            return await OpenAI(entry, None, session, lambda: datetime.now(UTC)).complete(
                Call(
                    job_id=job.id,
                    attempt=job.attempt,
                    dialect=OF_ENDPOINT[job.endpoint],
                    instrument=job.instrument,
                    model=job.route.model,
                    request=job.request,
                    input_tokens_max=job.input_tokens_max,
                    output_tokens_max=job.output_tokens_max,
                    timeout_s=TIMEOUT_S,
                )
            )

    return lambda job: asyncio.run(call(job))
