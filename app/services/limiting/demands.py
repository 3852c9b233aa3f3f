"""What the jobs of a request count for under the limits that bind its caller."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.catalog import Catalog
from app.domain.errors import OutOfRange
from app.domain.job import NewJob
from app.domain.limits.counting import tokens_counted
from app.domain.limits.limit import NO_LIMITS, Limit, Limits, Measure, Scope
from app.domain.limits.verdict import Demand
from app.services.accounts import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The limits that bind a key or an account, whose id `owner` is."""

    scope: Scope
    owner: str
    limits: Limits

    def limit(self, measure: Measure) -> Limit | None:
        """Return the limit of that measure, or None."""
        most = self.limits.of(measure)
        if most is None:
            return None
        return Limit(scope=self.scope, owner=self.owner, measure=measure, most=most)


def bindings(catalog: Catalog, caller: Caller) -> Sequence[Binding]:
    """Return what binds a caller: the limits of its key, and those of its account; often none."""
    of_key = caller.limits.over(catalog.key_limits)
    found = [
        Binding(scope=Scope.KEY, owner=caller.key_id, limits=of_key),
        Binding(scope=Scope.ACCOUNT, owner=caller.account_id, limits=catalog.account_limits),
    ]
    return [each for each in found if each.limits != NO_LIMITS]


def demands(
    binding: Iterable[Binding], jobs: Sequence[NewJob], measures: Iterable[Measure]
) -> tuple[Demand, ...]:
    """Return what the jobs of one request demand of those measures.

    Each job is a request. One job never counts for more tokens than a minute gives, so that
    every job can be had at some time. Raises OutOfRange for a list that never could.
    """
    limits = [
        limit
        for measure in measures
        for each in binding
        if (limit := each.limit(measure)) is not None
    ]
    tokens: list[int] = []
    if any(limit.measure is Measure.TOKENS for limit in limits):
        tokens = [_tokens(job) for job in jobs]
    return tuple(Demand(limit=limit, amount=_amount(limit, jobs, tokens)) for limit in limits)


def _amount(limit: Limit, jobs: Sequence[NewJob], tokens: Sequence[int]) -> int:
    if limit.measure is Measure.CALLS:
        return 1
    each = [1] * len(jobs) if limit.measure is Measure.REQUESTS else tokens
    amount = sum(min(count, limit.most) for count in each)
    if amount > limit.most:
        raise _never(limit, len(jobs), amount)
    return amount


def _never(limit: Limit, jobs: int, amount: int) -> OutOfRange:
    a_minute = f"the {limit.most} {limit.measure} a minute that this {limit.scope} may use"
    if limit.measure is Measure.REQUESTS:
        message = f"jobs: {jobs} jobs are more than {a_minute}; send at most {limit.most} at once"
    else:
        message = f"jobs: {jobs} jobs count for {amount} tokens, more than {a_minute}; send fewer"
    return OutOfRange(message, param="jobs")


def _tokens(job: NewJob) -> int:
    return tokens_counted(
        job.request,
        input_tokens_max=job.input_tokens_max,
        output_tokens_max=job.output_tokens_max,
    )
