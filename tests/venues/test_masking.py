"""What the venue writes back to us of our own keys is masked where its text comes in."""

from __future__ import annotations

import base64
import random
import timeit
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.clean import MASK, SHORTEST, clean, hide, masked
from engine.venues.bitunix.rest import Keys

KEY, WORD = "f3a9C+canary/77aQx", "s3cr3t-CANARY-5d41402abc4b2a76"


@pytest.fixture(autouse=True)
def _hidden() -> None:
    Keys(KEY, WORD)


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        KEY.upper(),
        quote(KEY, safe=""),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        base64.b64encode(KEY.encode()).decode(),
        KEY[:SHORTEST],
        KEY[-SHORTEST:],
        f"{KEY}{WORD}",
        KEY[:4] + "\u200b" + KEY[4:],
    ],
)
def test_a_key_is_masked_in_every_form(form: str) -> None:
    assert clean(f"invalid api key '{form}'.") == f"invalid api key '{MASK}'."


def test_two_keys_are_masked_and_what_stands_between_stays() -> None:
    assert clean(f"{KEY} is not {WORD}") == "*** is not ***"


def test_a_key_that_the_limit_cuts_leaves_nothing() -> None:
    assert KEY[:SHORTEST] not in clean("x" * 190 + KEY, 200)


def test_what_is_too_short_to_be_a_secret_hides_nothing() -> None:
    hide("key", "", "00000000000")
    assert clean("key 000000000000 keys") == "key 000000000000 keys"


@given(st.text(max_size=40), st.integers(0, len(WORD) - SHORTEST), st.text(max_size=40))
def test_no_eight_characters_of_a_secret_get_through(before: str, at: int, after: str) -> None:
    assert WORD[at : at + SHORTEST] not in masked(before + WORD[at : at + SHORTEST] + after)


@given(st.text(alphabet="abcdefgh 0123456789", max_size=300))
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_masking_costs_the_stream_next_to_nothing() -> None:
    rng = random.Random(1)
    hide("".join(rng.choices("0123456789abcdef", k=32)))
    words = ["BUY", "LIMIT", "NEW", "ISOLATION"] * 250
    took = min(timeit.repeat(lambda: [masked(word) for word in words], number=1, repeat=5))
    assert took / len(words) < 5e-6
