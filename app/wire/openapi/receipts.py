"""Examples of receipts: the short exchange of `samples`, as its bill."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from app.domain.job import JobState
from app.domain.pricing import Price, Usage
from app.domain.usage.receipt import Call, Draw, Receipt
from app.domain.usage.summary import Bucket, Days, Grouping, Sums, summed
from app.wire.native import usage
from app.wire.openapi.samples import MODEL

_AT: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_CALL: Final = Call(
    number=1,
    provider="simulator",
    model="sim-large",
    state="succeeded",
    failure=None,
    status_code=200,
    started_at=_AT + timedelta(milliseconds=4),
    finished_at=_AT + timedelta(milliseconds=950),
    input_tokens=14,
    output_tokens=1,
    first_token_ms=900,
    flag=None,
)
_RECEIPT: Final = Receipt(
    job_id="job_01kar5w9z0c8n4t2v6x8y0a2c4",
    key_id="key_01kar5w9z0h8k0m2p4r6t8v0x2",
    endpoint="/v1/chat/completions",
    instrument=MODEL,
    state=JobState.SUCCEEDED,
    created_at=_AT,
    finished_at=_AT + timedelta(milliseconds=950),
    usage=Usage(input_tokens=14, output_tokens=1),
    cost_nanos=1_800,
    price=Price(input_nanos=100_000_000, output_nanos=400_000_000),
    served=_CALL,
    calls=(_CALL,),
    draws=(
        Draw(
            lot_id="lot_01kar5w9z0g6j8m0q2s4v6x8z0",
            source="deposit",
            kind="capture",
            nanos=1_800,
            tokens=None,
        ),
    ),
)
_DAY: Final = date(2026, 11, 23)
_SUMS: Final = Sums(jobs=1, succeeded=1, input_tokens=14, output_tokens=1, cost_nanos=1_800)
_BUCKET: Final = Bucket(name=_DAY.isoformat(), sums=_SUMS)

RECEIPT: Final = usage.view(_RECEIPT)
RECEIPT_PAGE: Final = usage.list_page([_RECEIPT], has_more=False)
SUMMARY: Final = usage.summary(summed(Days(first=_DAY, last=_DAY), Grouping.DAY, [_BUCKET]))
REQUEST_ID: Final = _RECEIPT.request_id
