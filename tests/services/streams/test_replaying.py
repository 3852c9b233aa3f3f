"""Coming back for the rest of an answer that was cut from its row: never the rest of another."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import NotFound
from app.gateway import Gateway
from app.services.streaming.replay import Place
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one

from .test_following import BODY, FRAMES, all_of, follow, placed, send

OTHER_BODY: Mapping[str, Any] = BODY | {"model": "text-other"}


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with money."""
    return make_customer(gateway)


def answered(gateway: Gateway, owner: Customer, body: Mapping[str, Any] = BODY) -> str:
    """Return a job that was not streamed."""
    job_id = make_job(gateway, owner)
    ended = replace(answer(), body=json.dumps(body).encode())
    settle_one(gateway, start_one(gateway, job_id), ended)
    return job_id


def test_a_cut_can_be_gone_on_with(gateway: Gateway, owner: Customer) -> None:
    """Behind each of its frames, the rest is what it was the first time."""
    job_id = answered(gateway, owner)
    whole = placed(follow(gateway, job_id), owner)
    assert len(whole) > 2
    for known, each in enumerate(whole, start=1):
        assert placed(follow(gateway, job_id, after=each.place), owner) == whole[known:]


def test_a_frame_of_a_cut_says_so(gateway: Gateway, owner: Customer) -> None:
    """Its place is no number alone, as those of live frames are."""
    places = [str(each.place) for each in placed(follow(gateway, answered(gateway, owner)), owner)]
    assert all(place.startswith(f"{number}-") for number, place in enumerate(places, start=1))


def test_the_rest_of_live_frames_is_not_that_of_a_cut(gateway: Gateway, owner: Customer) -> None:
    """Who knows live frames that are gone is told so, instead of being given a cut's."""
    with pytest.raises(NotFound, match="not kept"):
        all_of(follow(gateway, answered(gateway, owner), after=Place(1)), owner)


def test_the_rest_of_a_cut_is_not_live_frames(gateway: Gateway, owner: Customer) -> None:
    """Who knows a part of a cut goes on in the cut, whatever frames there are of the job."""
    job_id = answered(gateway, owner)
    whole = placed(follow(gateway, job_id), owner)
    send(gateway, job_id, *FRAMES)
    assert placed(follow(gateway, job_id, after=whole[0].place), owner) == whole[1:]


def test_the_rest_of_a_cut_is_not_that_of_another(gateway: Gateway, owner: Customer) -> None:
    """A cut that would be another one today is told to be gone."""
    theirs = placed(follow(gateway, answered(gateway, owner, OTHER_BODY)), owner)
    with pytest.raises(NotFound, match="not kept"):
        all_of(follow(gateway, answered(gateway, owner), after=theirs[0].place), owner)


def test_no_cut_goes_on_behind_its_end(gateway: Gateway, owner: Customer) -> None:
    """A number no frame of the cut has is no place in it."""
    job_id = answered(gateway, owner)
    last = placed(follow(gateway, job_id), owner)[-1].place
    with pytest.raises(NotFound, match="not kept"):
        all_of(follow(gateway, job_id, after=replace(last, number=last.number + 1)), owner)
