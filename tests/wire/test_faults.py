"""Findings about a value, told all at once in the caller's own words."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import Fault, InvalidRequest, OutOfRange
from app.wire.faults import FAULTS_MAX, checked, refusal


class Leaf(BaseModel):
    """A shape inside another."""

    model_config = ConfigDict(strict=True, extra="forbid")

    size: int = Field(ge=1, le=9)


class Tree(BaseModel):
    """A shape with something to go wrong at every depth."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(min_length=1)
    leaves: list[Leaf] = []


def error_of(**value: Any) -> InvalidRequest | OutOfRange:
    """Return the refusal of a Tree that must be refused."""
    with pytest.raises((InvalidRequest, OutOfRange)) as caught:
        checked(Tree, value)
    assert isinstance(caught.value, InvalidRequest | OutOfRange)
    return caught.value


def test_a_good_value_is_returned() -> None:
    """What has no fault comes back in its shape."""
    assert checked(Tree, {"name": "oak", "leaves": [{"size": 3}]}).leaves[0].size == 3


def test_a_fault_says_where_and_what() -> None:
    """The message names the place, the param is the place, and the fault is there to be read."""
    error = error_of()
    assert error.message == "name: is required"
    assert error.param == "name"
    assert error.faults == (Fault(where="name", what="is required"),)


def test_places_are_written_as_paths() -> None:
    """A place inside a list of objects is written as one would reach it."""
    assert error_of(name="oak", leaves=[{"size": 1}, {"size": "x"}]).param == "leaves[1].size"


def test_all_faults_come_at_once() -> None:
    """Every fault is listed, and the message counts those it does not name."""
    error = error_of(leaves=[{"size": 0}, {"size": 1, "colour": "red"}])
    assert [fault.where for fault in error.faults] == [
        "name",
        "leaves[0].size",
        "leaves[1].colour",
    ]
    assert error.message == "name: is required (and 2 more)"


def test_a_value_out_of_range_is_another_kind_of_error() -> None:
    """Where all faults are ones of range the value was well formed: OutOfRange."""
    assert isinstance(error_of(name="", leaves=[{"size": 10}]), OutOfRange)


def test_one_wrong_type_makes_the_whole_malformed() -> None:
    """Where any fault is one of shape, the request is malformed: InvalidRequest."""
    assert isinstance(error_of(name="", leaves=[{"size": "x"}]), InvalidRequest)


@pytest.mark.parametrize("in_range", [True, False])
def test_a_fault_of_one_job_of_many_tells_its_index(*, in_range: bool) -> None:
    """The index stands in the message and beside the place."""
    error = refusal([(Fault(where="n", what="is odd", index=7), in_range)])
    assert error.message == "jobs[7].n: is odd"
    assert (error.param, error.faults[0].index) == ("n", 7)


def test_faults_are_listed_up_to_a_limit() -> None:
    """A refusal lists FAULTS_MAX faults and counts all of them."""
    found = [(Fault(where="n", what="is odd", index=at), True) for at in range(FAULTS_MAX + 50)]
    error = refusal(found)
    assert len(error.faults) == FAULTS_MAX
    assert error.message.endswith(f"(and {FAULTS_MAX + 49} more)")
