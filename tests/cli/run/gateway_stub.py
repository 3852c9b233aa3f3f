"""A scripted peer: it speaks the gateway's job API over real HTTP and counts what it is asked."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.domain.money import format_dollars, parse_dollars

from .bucket import Bucket

KEY = "bb_live_stub"
COST = "0.001"


class GatewayStub:
    """What the peer knows and how it behaves; tests set the public fields."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.lock = threading.Lock()
        self.made: list[dict[str, Any]] = []
        """Every job made, in order; more than there are lines means paid twice."""
        self.posts: Counter[str] = Counter()
        """How often each Idempotency-Key was sent."""
        self.asked: Counter[str] = Counter()
        """How often each path was called."""
        self.finish_max = 10**9
        """How many jobs may finish."""
        self.looks_needed: Callable[[int], int] = lambda _: 1
        """How often the n-th job must be looked at before it is over."""
        self.fails: Callable[[dict[str, Any]], str | None] = lambda _: None
        """The error code a body ends with, if any."""
        self.refuse: Callable[[list[dict[str, Any]]], dict[str, Any] | None] = lambda _: None
        """The error a submission is refused with, if any."""
        self.refuse_status = 400
        self.statuses: list[int] = []
        """Answers to the next calls, before anything is done."""
        self.bucket: Bucket | None = None
        """The limit of the key."""
        self.hold_answer: threading.Event | None = None
        """While set and unset, submissions are made but not answered."""
        self.balance = parse_dollars("10")
        self.unfinished_max = 0
        self.page: tuple[int, bytes] | None = None
        """What a server that is no gateway answers to everything."""
        self._answers: dict[str, list[str]] = {}
        self._asked: dict[str, list[dict[str, Any]]] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self.looks: Counter[str] = Counter()
        self._finished = 0

    def refuse_lines(self, why: Callable[[dict[str, Any]], str | None]) -> None:
        """Refuse each submission with a body that there is something against, as the gateway does.

        Like the gateway it names a hundred faults at most.
        """

        def refuse(jobs: list[dict[str, Any]]) -> dict[str, Any] | None:
            found = [(n, what) for n, job in enumerate(jobs) if (what := why(job["body"]))]
            faults = [{"index": n, "where": "model", "what": what} for n, what in found[:100]]
            message = f"jobs[{found[0][0]}].model: {found[0][1]}" if found else ""
            error = {"message": message, "code": "invalid_request", "faults": faults}
            return error if found else None

        self.refuse = refuse

    def submit(self, key: str, jobs: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        """Make jobs once per Idempotency-Key; None when other jobs were made under it."""
        with self.lock:
            self.posts[key] += 1
            if self._asked.setdefault(key, jobs) != jobs:
                return None
            if key not in self._answers:
                self._answers[key] = [self._make(job) for job in jobs]
            self.unfinished_max = max(self.unfinished_max, len(self._jobs) - self._finished)
            return [self._jobs[job_id] for job_id in self._answers[key]]

    def look(self, ids: list[str]) -> list[dict[str, Any]]:
        """Return jobs, moving each on a little."""
        with self.lock:
            known = [self._jobs[job_id] for job_id in ids if job_id in self._jobs]
            for job in known:
                self._move(job)
            return known

    def finish_all(self) -> None:
        """Let every job end now, whether somebody looks or not."""
        with self.lock:
            for job in self._jobs.values():
                if job["status"] not in ("succeeded", "failed"):
                    self._finished += 1
                    self._finish(job, parse_dollars(COST))

    def forget(self) -> None:
        """Know none of the jobs any more, as another account would."""
        with self.lock:
            self._jobs.clear()
            self._answers.clear()
            self._asked.clear()

    def _make(self, wanted: dict[str, Any]) -> str:
        number = len(self.made)
        job_id = f"job_{number:026d}"
        self.made.append(wanted)
        self._jobs[job_id] = {
            "id": job_id,
            "object": "job",
            "status": "queued",
            "reason": None,
            "custom_id": wanted.get("custom_id"),
            "usage": None,
            "cost": None,
            "response": None,
            "error": None,
            "number": number,
            "body": wanted["body"],
        }
        return job_id

    def _move(self, job: dict[str, Any]) -> None:
        if job["status"] in ("succeeded", "failed"):
            return
        self.looks[job["id"]] += 1
        cost = parse_dollars(COST)
        if self.balance < cost:
            job["status"], job["reason"] = "waiting", "balance"
        elif self._finished >= self.finish_max:
            job["status"], job["reason"] = "running", None
        elif self.looks[job["id"]] >= self.looks_needed(job["number"]):
            self._finished += 1
            self._finish(job, cost)

    def _finish(self, job: dict[str, Any], cost: int) -> None:
        code, job["reason"] = self.fails(job["body"]), None
        if code is not None:
            job |= {"status": "failed", "error": {"code": code, "message": f"It was {code}."}}
            return
        self.balance -= cost
        text = job["body"]["messages"][-1]["content"]
        answer = {"choices": [{"message": {"role": "assistant", "content": f"re: {text}"}}]}
        job |= {
            "status": "succeeded",
            "response": {"status_code": 200, "body": answer},
            "usage": {"input_tokens": 3, "output_tokens": 4},
            "cost": COST,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: GatewayStub

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self._is_refused(url.path):
            return
        if url.path == "/v1/balance":
            spent = format_dollars(len(self.stub.made))
            available = format_dollars(self.stub.balance)
            self._answer(200, {"available": available, "held": "0.00", "spent": spent})
        else:
            ids = parse_qs(url.query)["ids"][0].split(",")
            self._answer(200, {"object": "list", "data": self.stub.look(ids), "has_more": False})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_refused(self.path):
            return
        jobs = body["jobs"]
        error = self.stub.refuse(jobs)
        if error is not None:
            self._answer(self.stub.refuse_status, {"error": error})
            return
        if not self._is_let_in(jobs):
            return
        made = self.stub.submit(self.headers["Idempotency-Key"], jobs)
        if made is None:
            error = {"message": "This key was used.", "code": "idempotency_key_reused"}
            self._answer(422, {"error": error})
            return
        if self.stub.hold_answer is not None:
            self.stub.hold_answer.wait(30)
        self._answer(202, {"object": "list", "data": made})

    def _is_let_in(self, jobs: list[dict[str, Any]]) -> bool:
        bucket = self.stub.bucket
        if bucket is None:
            return True
        with self.stub.lock:
            status = bucket.take(len(jobs))
        if status == 422:
            what = f"jobs: {len(jobs)} jobs are more than the {bucket.most} requests a minute"
            error = {"message": what, "param": "jobs", "code": "invalid_value"}
            self._answer(422, {"error": error})
        elif status == 429:
            error = {"message": "Too many requests.", "code": "rate_limit_exceeded"}
            self._answer(429, {"error": error})
        return status == 202

    def _is_refused(self, path: str) -> bool:
        with self.stub.lock:
            self.stub.asked[path] += 1
            status = self.stub.statuses.pop(0) if self.stub.statuses else None
        if self.stub.page is not None:
            status, body = self.stub.page
            self._send(status, body)
        elif status is not None:
            self._answer(status, {"error": {"message": "Not now.", "code": "busy"}})
        elif self.headers["Authorization"] != f"Bearer {KEY}":
            self._answer(401, {"error": {"message": "Unknown key.", "code": "invalid_api_key"}})
            status = 401
        return status is not None

    def _answer(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 503:
            self.send_header("Retry-After", "0")
        bucket = self.stub.bucket
        if bucket is not None and self.command == "POST" and status in (202, 429):
            if bucket.share is None:
                self.send_header("x-ratelimit-limit-requests", str(bucket.most))
                self.send_header("x-ratelimit-remaining-requests", str(int(bucket.left)))
            if status == 429:
                self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has there
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client killed in the middle of a call is what these tests are about."""


@contextmanager
def serving() -> Iterator[GatewayStub]:
    """Run the peer on a free port of loopback."""
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        stub = GatewayStub(f"http://127.0.0.1:{server.server_port}")
        handler.stub = stub  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
