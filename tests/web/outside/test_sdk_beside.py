"""What the official OpenAI SDK asks for beside completions: models and stored completions."""

from collections.abc import Callable

import openai
import pytest

from tests.web.api import Api

from .sdk import Sdk

pytestmark = pytest.mark.xdist_group("web server")


def test_models(api: Api, sdk_of: Callable[..., Sdk]) -> None:
    """The SDK lists every instrument, and keeps the prices it does not know."""
    models = list(sdk_of(api.customer.key).client.models.list())
    assert [model.id for model in models] == list(api.gateway.catalog.instruments)
    assert (models[0].model_extra or {})["input_price"] == "0.10"


def test_a_model(api: Api, sdk_of: Callable[..., Sdk]) -> None:
    """One is shown under its name, in any letter case."""
    assert sdk_of(api.customer.key).client.models.retrieve("Text-Max").id == "text-max"


def test_an_unknown_model_with_a_slash(api: Api, sdk_of: Callable[..., Sdk]) -> None:
    """The SDK escapes the slash; the server reads the name behind it."""
    with pytest.raises(openai.NotFoundError) as caught:
        sdk_of(api.customer.key).client.models.retrieve("org/m")
    assert caught.value.code == "model_not_found"
    assert "'org/m'" in caught.value.message


def test_stored_completions(
    api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """Kept, found by its pairs, read, changed, its messages listed, deleted: all typed objects."""
    carry(api)
    sdk = sdk_of(api.customer.key)
    made = [sdk.ask(f"{n}", store=True, metadata={"run": "7", "row": f"{n}"}) for n in range(3)]
    kept = sdk.client.chat.completions

    assert [each.id for each in kept.list(metadata={"run": "7"}, limit=2)] == [m.id for m in made]
    assert [each.id for each in kept.list(metadata={"run": "7", "row": "1"})] == [made[1].id]
    assert kept.retrieve(made[0].id).choices == made[0].choices
    assert kept.update(made[0].id, metadata={"row": "x"}).metadata == {"row": "x"}
    assert [each.content for each in kept.messages.list(made[0].id)] == ["0"]
    assert kept.delete(made[0].id).deleted is True
    with pytest.raises(openai.NotFoundError):
        kept.retrieve(made[0].id)
    assert [each.id for each in kept.list(order="desc")] == [made[2].id, made[1].id]
