"""What the catalog says of how providers and routes are to be asked."""

import re

import pytest

from app.catalog import EXAMPLE, load
from app.domain.instrument import Extra

from .conftest import Write
from .samples import GOOD, INSTRUMENT, PROVIDER, ROUTE, places, refusal


def test_nothing_is_said_unless_it_is_written(write: Write) -> None:
    """By default nothing extra is allowed, any name of a limit goes, and no route thinks."""
    catalog = load(write(GOOD))
    provider, (route,) = catalog.providers["here"], catalog.routes["text"]
    assert (provider.allow, provider.output_limit_field) == (frozenset(), None)
    assert route.reasoning is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_may_have_one_name(write: Write, name: str) -> None:
    """Either of the two there are."""
    text = f'{PROVIDER}output_limit_field = "{name}"\n{INSTRUMENT}{ROUTE}'
    assert load(write(text)).providers["here"].output_limit_field == name


@pytest.mark.parametrize("extra", Extra)
def test_each_extra_can_be_allowed(write: Write, extra: Extra) -> None:
    """By its name, and it alone."""
    text = f'{PROVIDER}allow = ["{extra.value}"]\n{INSTRUMENT}{ROUTE}'
    assert load(write(text)).providers["here"].allow == {extra}


@pytest.mark.parametrize("reasoning", ["true", "false"])
def test_a_route_may_say_whether_it_reasons(write: Write, reasoning: str) -> None:
    """Each route for itself."""
    catalog = load(write(f"{GOOD}reasoning = {reasoning}\n{ROUTE}"))
    first, second = catalog.routes["text"]
    assert (first.reasoning, second.reasoning) == (reasoning == "true", None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (PROVIDER + 'allow = ["everything"]\n' + INSTRUMENT + ROUTE, "providers.here.allow.0"),
        (PROVIDER + 'allow = "betas"\n' + INSTRUMENT + ROUTE, "providers.here.allow"),
        (
            PROVIDER + 'output_limit_field = "n_predict"\n' + INSTRUMENT + ROUTE,
            "providers.here.output_limit_field",
        ),
        (GOOD + 'reasoning = "yes"\n', "routes.0.reasoning"),
        (GOOD + "reasoning = 1\n", "routes.0.reasoning"),
    ],
)
def test_a_wrong_manner_is_refused_by_its_key(write: Write, text: str, place: str) -> None:
    """Wrong types and names are refused with the full key."""
    assert places(refusal(write(text))) == {place}


def test_the_example_explains_every_extra() -> None:
    """Whoever looks for what can be allowed finds all of it in the file, and can uncomment it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert all(re.search(rf"^#   {extra.value} ", text, re.MULTILINE) for extra in Extra)


def test_the_examples_commented_manners_are_good(write: Write) -> None:
    """Taking the comment signs away leaves a catalog that loads."""
    lines = r"(?m)^# (allow = |output_limit_field = )"
    catalog = load(write(re.sub(lines, r"\1", EXAMPLE.read_text(encoding="utf-8"))))
    provider = catalog.providers["simulator"]
    assert provider.allow
    assert provider.output_limit_field == "max_tokens"
