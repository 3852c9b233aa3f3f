"""What jobs used and cost."""

from typing import Any, Final

from app.domain.errors import NotFound
from app.domain.usage.receipt import Standing
from app.domain.usage.summary import Grouping
from app.wire.native.usage import COST_STATUS
from app.wire.openapi import receipts
from app.wire.openapi.parameters import ASKED, LIMIT
from app.wire.openapi.route import Answer, Content, Parameter, Route
from app.wire.openapi.shapes.usage import Receipt, ReceiptPage, UsageSummary

_GROUP: Final = "Usage"
_DAY: Final = {"type": "string", "format": "date"}
_TIME: Final = {"anyOf": [_DAY, {"type": "string", "format": "date-time"}]}


def _query(name: str, text: str, schema: dict[str, Any], example: Any = None) -> Parameter:
    return Parameter(name=name, where="query", text=text, schema=schema, example=example)


LIST: Final = Route(
    method="GET",
    path="/v1/usage",
    name="list_usage",
    group=_GROUP,
    title="List receipts",
    text="Newest first, without attempts and lots.",
    parameters=(
        _query("from", "Only jobs submitted then or later; a day begins at 0:00 UTC.", _TIME),
        _query("to", "Only jobs submitted before; a day counts as a whole.", _TIME),
        _query("status", "Only those.", {"type": "string", "enum": list(Standing)}),
        _query(
            "cost_status",
            "Only those whose cost stands so.",
            {"type": "string", "enum": list(COST_STATUS.values())},
        ),
        _query("model", "Only those of this instrument.", {"type": "string"}),
        _query("key_id", "Only those of this key.", {"type": "string"}),
        _query("after", "The `request_id` that the page before ended with.", {"type": "string"}),
        LIMIT,
    ),
    answers=(
        Answer(
            text="A page of receipts.",
            contents=(Content(shapes=(ReceiptPage,), examples={"plain": receipts.RECEIPT_PAGE}),),
        ),
    ),
    errors=ASKED,
)
SUMMARY: Final = Route(
    method="GET",
    path="/v1/usage/summary",
    name="summarize_usage",
    group=_GROUP,
    title="Sum usage up",
    text="Exact sums of the jobs submitted on some days, in UTC, 31 at most. Days come in their "
    "order, instruments and keys with the dearest first.",
    parameters=(
        _query("from", "The first day. [default: so that there are 30]", _DAY),
        _query("to", "The last day, which counts too. [default: today]", _DAY),
        _query(
            "group_by",
            "What there is a bucket for.",
            {"type": "string", "enum": list(Grouping), "default": Grouping.DAY.value},
        ),
    ),
    answers=(
        Answer(
            text="The sums.",
            contents=(Content(shapes=(UsageSummary,), examples={"plain": receipts.SUMMARY}),),
        ),
    ),
    errors=ASKED,
)
SHOW: Final = Route(
    method="GET",
    path="/v1/usage/{request_id}",
    name="get_usage",
    group=_GROUP,
    title="Show a receipt",
    text="What one job used, what it cost, who served it, each attempt, and the lots that paid.",
    parameters=(
        Parameter(
            name="request_id",
            where="path",
            text="What `x-busbar-request-id` said, or the job's id.",
            schema={"type": "string"},
            example=receipts.REQUEST_ID,
        ),
    ),
    answers=(
        Answer(
            text="The receipt.",
            contents=(Content(shapes=(Receipt,), examples={"plain": receipts.RECEIPT}),),
        ),
    ),
    errors=(*ASKED, NotFound),
)

ROUTES: Final = (LIST, SUMMARY, SHOW)
