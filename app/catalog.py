"""The catalog: `busbar.toml` read, validated and turned into the domain's plain data."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
)

from app.domain.errors import CatalogError, Fault
from app.domain.instrument import (
    Extra,
    Instrument,
    OnDisconnect,
    Provider,
    Route,
    Specification,
)
from app.domain.limits.limit import LIMIT_MAX, NO_LIMITS, Limits
from app.domain.money import parse_dollars
from app.domain.pricing import Price

CATALOG_BYTES_MAX: Final = 4_000_000
EXAMPLE: Final = Path(__file__).resolve().parent / "examples" / "busbar.example.toml"
"""Part of the package; a test keeps the copy at the root of the repository equal to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Instruments, providers, routes and limits. Instruments are looked up in any letter case.

    `key_limits` bind each key that has none of its own, `account_limits` each account.
    """

    instruments: Mapping[str, Instrument]
    providers: Mapping[str, Provider]
    routes: Mapping[str, Sequence[Route]]
    key_limits: Limits = NO_LIMITS
    account_limits: Limits = NO_LIMITS

    def instrument(self, name: str) -> Instrument | None:
        """Return the instrument of that name, or None."""
        return self.instruments.get(name.lower())


def load(path: Path) -> Catalog:
    """Read a catalog file. Raises CatalogError naming the file and each line or key at fault."""
    try:
        with path.open("rb") as file:
            raw = file.read(CATALOG_BYTES_MAX + 1)
        if len(raw) > CATALOG_BYTES_MAX:
            raise CatalogError(f"{path}: larger than {CATALOG_BYTES_MAX} bytes")
        document = tomllib.loads(raw.decode())
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise CatalogError(f"{path}: nested too deep") from error
    except ValueError as error:  # malformed TOML (names the line) or not UTF-8
        raise CatalogError(f"{path}: {error}") from error
    return _build(document, str(path))


def _build(document: Mapping[str, object], source: str) -> Catalog:
    try:
        parsed = _Document.model_validate(document)
    except ValidationError as error:
        faults = [
            Fault(where=".".join(str(part) for part in item["loc"]), what=item["msg"])
            for item in error.errors()
        ]
        raise _refusal(source, faults) from None
    catalog = _to_domain(parsed)
    faults = _dangling(catalog, parsed)
    if faults:
        raise _refusal(source, faults)
    return catalog


def _refusal(source: str, faults: Sequence[Fault]) -> CatalogError:
    lines = "; ".join(f"{fault.where}: {fault.what}" for fault in faults)
    return CatalogError(f"{source}: {lines}", faults=tuple(faults))


def _dangling(catalog: Catalog, parsed: "_Document") -> list[Fault]:
    seen = Counter(name.lower() for name in parsed.instruments)
    faults = [
        Fault(where=f"instruments.{name}", what="stands here in another letter case too")
        for name in parsed.instruments
        if seen[name.lower()] > 1
    ]
    for number, route in enumerate(parsed.routes):
        if route.instrument.lower() not in catalog.instruments:
            faults.append(
                Fault(
                    where=f"routes.{number}.instrument", what=f"no instrument {route.instrument!r}"
                )
            )
        if route.provider not in catalog.providers:
            faults.append(
                Fault(where=f"routes.{number}.provider", what=f"no provider {route.provider!r}")
            )
    faults += [
        Fault(where=f"instruments.{name}", what="has no route, so nothing could serve it")
        for name in catalog.instruments
        if not catalog.routes.get(name)
    ]
    return faults


def _to_domain(parsed: "_Document") -> Catalog:
    instruments = {
        name.lower(): Instrument(
            name=name.lower(),
            price=Price(
                input_nanos=parse_dollars(entry.input_price),
                output_nanos=parse_dollars(entry.output_price),
            ),
            context_tokens=entry.context_tokens,
            output_tokens_max=entry.output_tokens_max,
            output_tokens_default=min(entry.output_tokens_default, entry.output_tokens_max),
            specification=Specification(**entry.specification.model_dump()),
        )
        for name, entry in parsed.instruments.items()
    }
    providers = {
        name: Provider(name=name, **{**entry.model_dump(), "allow": frozenset(entry.allow)})
        for name, entry in parsed.providers.items()
    }
    routes: dict[str, list[Route]] = {}
    for route in parsed.routes:
        name = route.instrument.lower()
        routes.setdefault(name, []).append(
            Route(
                instrument=name,
                provider=route.provider,
                model=route.model,
                reasoning=route.reasoning,
            )
        )
    return Catalog(
        instruments=instruments,
        providers=providers,
        routes=routes,
        key_limits=Limits(**parsed.limits.key.model_dump()),
        account_limits=Limits(**parsed.limits.account.model_dump()),
    )


def _a_price(text: str) -> str:
    parse_dollars(text)
    return text


_Price = Annotated[str, AfterValidator(_a_price)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _ProviderEntry(_Entry):
    protocol: Literal["openai", "anthropic"]
    base_url: _Url
    api_key_env: _Name | None = None
    connect_timeout_s: float = Field(default=5, gt=0, le=60)
    timeout_s: float = Field(default=600, gt=0, le=86_400)
    concurrency: int = Field(default=400, ge=1, le=100_000)
    on_disconnect: Annotated[OnDisconnect, Strict(strict=False)] = OnDisconnect.DRAIN
    output_limit_field: Literal["max_completion_tokens", "max_tokens"] | None = None
    allow: list[Annotated[Extra, Strict(strict=False)]] = []


class _SpecificationEntry(_Entry):
    quality_min: float | None = Field(default=None, allow_inf_nan=False)
    throughput_min_tps: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    ttft_max_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class _InstrumentEntry(_Entry):
    input_price: _Price
    output_price: _Price
    context_tokens: int = Field(ge=1, le=100_000_000)
    output_tokens_max: int = Field(ge=1, le=100_000_000)
    output_tokens_default: int = Field(default=4096, ge=1)
    specification: _SpecificationEntry = _SpecificationEntry()


class _RouteEntry(_Entry):
    instrument: _Name
    provider: _Name
    model: _Name
    reasoning: bool | None = None


_Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]


class _LimitsEntry(_Entry):
    requests_per_minute: _Limit | None = None
    tokens_per_minute: _Limit | None = None
    concurrent_calls: _Limit | None = None


class _ScopesEntry(_Entry):
    key: _LimitsEntry = _LimitsEntry()
    account: _LimitsEntry = _LimitsEntry()


class _Document(_Entry):
    providers: dict[_Name, _ProviderEntry] = Field(min_length=1)
    instruments: dict[_Name, _InstrumentEntry] = Field(min_length=1)
    routes: list[_RouteEntry] = Field(min_length=1)
    limits: _ScopesEntry = _ScopesEntry()
