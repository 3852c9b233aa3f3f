"""A stand-in for an LLM provider: a real HTTP server that costs nothing and fails on demand.

It answers the OpenAI chat and the Anthropic messages protocol, for demos, tests and measurements,
and knows nothing of the gateway in front of it. Any key and any model name are served, except names
beginning with `missing-`, which are answered with 404.

Answers. POST /v1/chat/completions and POST /v1/messages, whole or with `stream`. The same request
always gets the same bytes, and the text depends on nothing but model and prompt, so that it is the
same in both protocols: 8 to 80 words, or one sentence with a number for a question that asks for
one (a sum, "solve", "how many"). A schema (`response_format`, `output_config.format` or
`output_format`) gets JSON that fits (a `pattern` is not honoured); limits, stop sequences, `n` and
`stream_options.include_usage` mean what they mean. An answer to pictures begins with how many were
seen. What cannot be answered gets a 400; so does, as from the vendors, a tool call without its
result, and on the messages side an empty text or a thought that was not signed here.

Tools. A `tool_choice` that requires a call gets one whose arguments fit; left the choice, the
simulator talks, unless the last thing a user said has instructions for it:

    write the file NAME with TEXT               edit the file NAME: replace OLD with NEW
    read the file NAME                          run: COMMAND
    use the tool NAME

Each calls the tool that is named so, or like the one a coding agent has for it (Write, Edit, Read,
Bash and their like), one in a turn, or all at once with the words "in parallel". After the results
comes an answer that quotes them. TEXT, NEW and COMMAND go to the end of the line.

Other cues in the last thing a user said: "please refuse" is refused (`stop_reason` refusal;
`message.refusal` and `finish_reason` content_filter), "please refuse silently" without a word. With
"think in secret" thoughts come as `redacted_thinking`.

Thinking. `thinking` on the messages side gets signed thoughts, empty ones with `"display":
"omitted"`; `reasoning_effort` on the chat side spends the same tokens and shows nothing. Models
whose name begins with `reasoner-` reason unasked there, and show it as `reasoning_content`.

Usage. A text weighs one token for every four UTF-8 bytes and at least one, so never more than its
bytes; a picture or a file likewise by its data or address, up to 1,600. The prompt is its messages,
at least one token each even when empty, and its tools as compact JSON. No token is ever cached.
POST /v1/messages/count_tokens tells the weight of a prompt, at once and whatever goes wrong.

Calls. GET /_simulator/calls says what came in, however it was answered:

    {"total": 3, "answered": 1, "aborted": 1, "in_flight": 1, "in_flight_peak": 2,
     "streams": {"begun": 2, "ended": 0, "broken": 0, "aborted": 1, "open": 1},
     "token_counts": 0, "faults": {"status": 1}, "jobs": {"job_1": {"1": 1, "2": 1}}}

A call belongs to the job in its `Idempotency-Key` header and the attempt in `X-Busbar-Attempt`
(1 where it has none); without a job it counts in the totals only. `answered` counts answers sent
in full, errors among them, and `aborted` those whose client left; `streams` counts the streams of
events that began, and how they ended: in full, broken by a fault, left by the client. `faults`
counts those that befell a call, `token_counts` the questions for a weight. `?job=ID` shows one job.
`?summary=1` shows the totals with `jobs_seen`, `jobs_forgotten`, `jobs_with_several_calls` and
`repeated`, the number of attempts of a job that were called more than once. The latest 200,000
jobs are remembered. DELETE starts from nothing.

Requests. GET /_simulator/requests shows the latest 50 as they came in, oldest first, each with its
`method`, `path`, `headers` (and so its key), `bytes` and `body`; a body of more than 1 MB is left
out. DELETE /_simulator/calls forgets them.

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
    wrong_usage  usage that is, as `usage` says: missing (the default), null, negative, absurd; or
                 cached, which is honest but for half of the prompt being read from a cache
    empty        no choices, or with `"empty": "content"` choices that say nothing
    huge         a valid body of `megabytes` (64) million bytes and a little more
    cut_stream   a stream that breaks off halfway, or after `after_events` of its events; `ending`
                 says how: end (the default, in good order but without what was to come), reset,
                 hang, garbage, or error, which is an error event of a `status` (503) and `code`.
                 Other calls are spared

GET /healthz answers `ok`.
"""

from app.simulator.server import serve

__all__ = ["serve"]
