"""API keys: a prefix scanners find, thirty random characters, a checksum that catches typos."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.apikey import ENTROPY_BYTES, PREFIX, digest, hint, is_well_formed, make_key

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
LENGTH = len("bb_live_") + 30 + 6

keys = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES).map(make_key)
characters = st.sampled_from(BASE62) | st.characters(codec="utf-8")


@given(keys)
def test_a_key_is_a_prefix_and_36_base62_characters(key: str) -> None:
    """Every key is `bb_live_`, thirty random characters and six of a checksum."""
    assert key.startswith("bb_live_")
    assert len(key) == LENGTH
    assert set(key.removeprefix("bb_live_")) <= set(BASE62)
    assert is_well_formed(key)


@given(keys, st.integers(0, LENGTH - 1), characters)
def test_one_wrong_character_is_noticed(key: str, at: int, character: str) -> None:
    """A key with any single character changed, prefix and checksum included, is malformed."""
    changed = key[:at] + character + key[at + 1 :]
    assert is_well_formed(changed) == (changed == key)


@given(keys, st.integers(0, LENGTH - 2))
def test_two_swapped_characters_are_noticed(key: str, at: int) -> None:
    """A key with two neighbours swapped is malformed."""
    swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    assert is_well_formed(swapped) == (swapped == key)


@given(keys, st.integers(0, LENGTH - 1), characters)
def test_a_key_of_another_length_is_noticed(key: str, at: int, character: str) -> None:
    """A key that lost or gained a character is malformed."""
    assert not is_well_formed(key[:at] + key[at + 1 :])
    assert not is_well_formed(key[:at] + character + key[at:])


@pytest.mark.parametrize("text", ["", "bb_live_", "Bearer", PREFIX + "0" * 36, "sk-" + "a" * 40])
def test_what_never_was_a_key_is_malformed(text: str) -> None:
    """Text of any other kind is malformed, and nothing breaks on it."""
    assert not is_well_formed(text)


def test_different_entropy_makes_different_keys() -> None:
    """All 30 characters of the secret depend on the entropy."""
    made = {make_key(n.to_bytes(ENTROPY_BYTES, "big")) for n in range(1_000)}
    assert len(made) == 1_000


@pytest.mark.parametrize("length", [0, ENTROPY_BYTES - 1, ENTROPY_BYTES + 1])
def test_entropy_of_another_length_is_refused(length: int) -> None:
    """A key made of too little or too much entropy is a programming error."""
    with pytest.raises(AssertionError):
        make_key(bytes(length))


@given(keys)
def test_only_a_digest_is_kept(key: str) -> None:
    """What is stored is the SHA-256 of the key: 32 bytes."""
    assert digest(key) == hashlib.sha256(key.encode()).digest()
    assert len(digest(key)) == 32


@given(keys)
def test_a_hint_hides_the_key(key: str) -> None:
    """A hint shows the prefix and the last four characters, and nothing of the secret."""
    shown = hint(key)
    assert shown == f"bb_live_…{key[-4:]}"
    assert key[len(PREFIX) : -6] not in shown
