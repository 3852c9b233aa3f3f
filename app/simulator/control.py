"""The simulator's own controls: what was called, and what is to go wrong."""

import json
from collections.abc import Mapping

from aiohttp import web

from app.simulator import sending
from app.simulator.calls import Calls
from app.simulator.faults import document
from app.simulator.faults.plan import Faults, Plan
from app.simulator.heard import Heard
from app.simulator.receiving import body_of


class Controls:
    """The doors under `/_simulator`."""

    def __init__(self, *, calls: Calls, faults: Faults, heard: Heard) -> None:
        self._calls = calls
        self._faults = faults
        self._heard = heard

    async def show_calls(self, request: web.BaseRequest) -> web.Response:
        """Show the calls: totals and every job, one job (`?job=`), or figures only (`?summary`)."""
        job = request.query.get("job")
        if job is not None:
            seen = self._calls.of(job)
            return _shown({**self._calls.totals(), "jobs": {job: seen} if seen else {}})
        if request.query.get("summary", "0") != "0":
            return _shown(self._calls.summary())
        return _shown({**self._calls.totals(), "jobs": self._calls.jobs()})

    async def reset_calls(self, _request: web.BaseRequest) -> web.Response:
        """Count from nothing again, and forget the requests."""
        self._calls.reset()
        self._heard.reset()
        return _shown(self._calls.summary())

    async def show_requests(self, _request: web.BaseRequest) -> web.Response:
        """Show the latest requests as they came in."""
        return _shown({"requests": self._heard.shown()})

    async def show_faults(self, _request: web.BaseRequest) -> web.Response:
        """Show the document in force."""
        return _shown(self._faults.plan.document)

    async def set_faults(self, request: web.BaseRequest) -> web.Response:
        """Put a document in force, or name everything wrong with it and change nothing."""
        try:
            plan = document.read(await body_of(request))
        except document.Faulty as faulty:
            return _shown(_refusal(faulty), status=400)
        self._faults.set(plan)
        return _shown(plan.document)

    async def reset_faults(self, _request: web.BaseRequest) -> web.Response:
        """Go back to no delay and no faults."""
        self._faults.set(Plan())
        return _shown(self._faults.plan.document)


def _shown(document: Mapping[str, object], *, status: int = 200) -> web.Response:
    return sending.whole(json.dumps(document).encode(), status=status)


def _refusal(faulty: document.Faulty) -> dict[str, object]:
    error = {
        "message": f"The faults are unchanged. {faulty}",
        "type": "invalid_request_error",
        "param": faulty.problems[0][0] or None,
        "code": "invalid_faults",
        "problems": [{"where": where, "what": what} for where, what in faulty.problems],
    }
    return {"error": error}
