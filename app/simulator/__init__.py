"""A stand-in for an LLM provider: a real HTTP server that costs nothing and fails on demand.

It answers the OpenAI chat protocol, for demos, tests and measurements, and knows nothing of the
gateway in front of it. Any key and any model name are served, except names beginning with
`missing-`, which are answered with 404.

Answers. POST /v1/chat/completions, whole or with `stream`. The same request always gets the same
bytes, and the text depends on nothing but model and prompt: 8 to 80 words, or one sentence with a
number for a question that asks for one (a sum, "solve", "how many"). `response_format` gets JSON
that fits, a `tool_choice` that requires a call gets one whose arguments fit (a `pattern` is not
honoured), and `n`, `stop`, `max_tokens`, `max_completion_tokens` and
`stream_options.include_usage` mean what they mean. What cannot be answered gets a 400.

Usage. A text weighs one token for every four UTF-8 bytes and at least one, so never more than its
bytes. The prompt is its messages, at least one token each even when empty, and its tools as
compact JSON. No token is ever cached or spent on reasoning.

Calls. GET /_simulator/calls says what came in, however it was answered:

    {"total": 3, "answered": 2, "in_flight": 1, "in_flight_peak": 2, "faults": {"status": 1},
     "jobs": {"job_1": {"1": 1, "2": 1}}}

A call belongs to the job in its `Idempotency-Key` header and the attempt in `X-Busbar-Attempt`
(1 where it has none); without a job it counts in the totals only. `answered` counts answers sent
in full, errors among them; `faults` counts those that befell a call. `?job=ID` shows one job.
`?summary=1` shows the totals with `jobs_seen`, `jobs_forgotten`, `jobs_with_several_calls` and
`repeated`, the number of attempts of a job that were called more than once. The latest 200,000
jobs are remembered. DELETE starts from nothing.

Faults. PUT /_simulator/faults takes a document, all of it optional, and starts it from its
beginning; `{}` and DELETE set the defaults, GET shows what is in force. A document with mistakes
is answered with 400, names them all under `error.problems`, and changes nothing.

    {"seed": 7,
     "latency": {"kind": "lognormal", "median_ms": 200, "sigma": 0.5, "max_ms": 5000},
     "rules": [
       {"fault": "status", "status": 503, "retry_after_s": 1, "share": 0.1, "times": 20},
       {"fault": "hang", "match": {"model": "m", "contains": "tides", "attempt_max": 1}}]}

`latency` is `fixed` (`ms`), `uniform` (`min_ms`, `max_ms`) or `lognormal` (`median_ms`, `sigma`,
`max_ms`), and comes before the first byte of every answer or fault; `chunk_ms` comes between the
chunks of a stream. The first rule that matches a call, has `times` left and is drawn befalls it.
The draw for a `share` depends on seed, job, attempt and the rule's place alone, so that a run can
be repeated; a call without a job is numbered by its arrival instead.

    status       any error: `status` 400 to 599, with `retry_after_s` and an error `code` at will
    hang         no answer until the client leaves
    reset        the connection is reset without an answer
    garbage      200 with a page of HTML
    truncated    half the body that Content-Length promised, then the connection closes
    slow_drip    the body byte by byte, `every_ms` (5) apart
    wrong_usage  usage that is, as `usage` says: missing (the default), null, negative, absurd
    empty        no choices, or with `"empty": "content"` choices that say nothing
    huge         a valid body of `megabytes` (64) million bytes and a little more
    cut_stream   a stream that ends halfway, without `[DONE]`; other calls are spared

GET /healthz answers `ok`.
"""

from app.simulator.server import serve

__all__ = ["serve"]
