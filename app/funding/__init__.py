"""Where credit is bought: a source's interface, and a payment service spoken to over HTTP."""

from app.funding.payments import PaymentService
from app.funding.source import FundingSource

__all__ = ["FundingSource", "PaymentService"]
