"""A stand-in for a payment service: a real HTTP server that moves no money and fails on demand.

Purchases. POST /v1/purchases with `{"id", "account", "amount", "currency"}` and the id as
`Idempotency-Key` charges once for that id, however often it is asked, and answers

    {"id": "rpl_1", "status": "bought", "amount": "20.00", "reference": "ch_1"}

or with 402 and the status `declined`, which stays what it is. GET /v1/purchases/ID tells the same;
the status is `pending` while it charges, and `absent` with 404 for an id that never came. An id
that comes back with another account or amount is a 409. Calls are signed: `Busbar-Timestamp` and
`Busbar-Signature`, `v1=` and the HMAC-SHA256 of `timestamp.body` under the secret of `--secret`;
another signature, or one older than five minutes, is a 401. Without `--secret` none is asked for.

The truth. GET /_simulator/purchases says what was charged, whatever was answered:

    {"purchases": {"rpl_1": {"account": "acct_1", "amount": "20.00", "status": "bought", "asked": 2,
     "lookups": 1}}, "bought": 1, "asked": 2, "lookups": 1, "in_flight": 0, "in_flight_peak": 1,
     "in_flight_peak_of_one": 1}

`in_flight_peak_of_one` is the largest number of purchases of one account that were being charged at
the same moment. DELETE starts from nothing.

Faults. PUT /_simulator/faults takes a document, all of it optional; `{}` and DELETE set the
defaults, GET shows what is in force.

    {"latency_ms": 5000, "rules": [{"fault": "decline", "times": 2}]}

`latency_ms` comes before each charge; a client that leaves meanwhile is charged all the same. The
first rule that has `times` left befalls a call:

    decline   the charge is declined
    status    an error of a `status` (500), without a charge
    lost      charged, but the connection is reset without an answer
    silent    charged, but nothing is answered until the client leaves
    stuck     as silent, but without a charge

With `"on": "lookup"` a rule befalls look-ups instead: status, lost and stuck, which charge nothing.

GET /healthz answers `ok`.
"""

from app.simulator.funding.server import serve

__all__ = ["serve"]
