"""Every event survives the journal exactly; nothing that is not an event comes out of it."""

from __future__ import annotations

import types
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.codec import MAX_PAYLOAD, CodecError, UnknownKind, checksum, decode, encode
from engine.model.events import KINDS, BadMessage, BookTick, Clock, Event, OrderReport

INT64 = st.integers(-(2**63), 2**63 - 1)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=20),
    bool: st.booleans(),
    type(None): st.none(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, as the engine would make them."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of([values(arg) for arg in args])
    if origin is list:
        return st.lists(values(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=3)
    if origin is tuple:
        return st.tuples(*(values(arg) for arg in args))
    assert issubclass(kind, msgspec.Struct), kind
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


ANY_EVENT: st.SearchStrategy[Event] = st.one_of([values(cls) for cls in KINDS.values()])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_event_comes_back_as_it_was(kind: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(values(KINDS[kind]))
    def holds(event: Event) -> None:
        name, payload = encode(event)
        back = decode(name, payload)
        assert name == kind
        assert back == event
        assert type(back) is type(event)
        assert encode(back) == (name, payload)

    holds()


def test_a_decimal_keeps_its_trailing_zeros() -> None:
    report = OrderReport(1, "c", "v", "BTCUSDT", "FILLED", Decimal("0.500"))
    back = decode(*encode(report))
    assert isinstance(back, OrderReport)
    assert str(back.filled) == "0.500"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_neither_written_nor_read(value: float) -> None:
    tick = BookTick(1, "BTCUSDT", [(value, 1.0)], [], 1)
    with pytest.raises(CodecError, match="not finite"):
        encode(tick)
    with pytest.raises(CodecError, match="not finite"):
        decode("BookTick", msgspec.msgpack.encode(tick))


def test_bytes_that_only_look_like_an_infinite_number_are_no_problem() -> None:
    t = int.from_bytes(b"\x00\xcb\x7f\xf0\x00\x00\x00\x00", "big")
    assert decode(*encode(Clock(t))) == Clock(t)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "1E+999999999", "1E-999999999", "9" * 5000])
def test_a_decimal_that_would_fill_the_memory_is_not_read(text: str) -> None:
    payload = msgspec.msgpack.encode([1, "c", "v", "BTCUSDT", "FILLED", text])
    with pytest.raises(CodecError):
        decode("OrderReport", payload)


def test_a_number_of_more_than_sixty_four_bits_is_not_written() -> None:
    with pytest.raises(CodecError, match="Clock cannot be encoded"):
        encode(Clock(1 << 64))


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownKind):
        decode("Teleported", b"\x91\x01")
    with pytest.raises(UnknownKind):
        encode(Event(1))


def test_an_event_of_more_than_a_mebibyte_is_refused_in_both_directions() -> None:
    big = BadMessage(1, "public", "why", "x" * MAX_PAYLOAD)
    with pytest.raises(CodecError, match="more than"):
        encode(big)
    with pytest.raises(CodecError, match="more than"):
        decode("BadMessage", msgspec.msgpack.encode(big))


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_at_all_give_an_event_or_a_codec_error(kind: str, payload: bytes) -> None:
    try:
        event = decode(kind, payload)
    except CodecError:
        return
    assert type(event) is KINDS[kind]


@pytest.mark.parametrize("payload", [b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"])
def test_deep_nesting_and_announced_sizes_cost_nothing(payload: bytes) -> None:
    with pytest.raises(CodecError):
        decode("BookTick", payload)


def test_fields_that_were_added_later_read_as_their_defaults() -> None:
    assert decode("BadMessage", msgspec.msgpack.encode([5, "rest", "why", "x"])) == BadMessage(5, "rest", "why", "x", 1)


@given(INT64, INT64, st.text(max_size=10), st.binary(max_size=50), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_one_flipped_bit_anywhere_in_a_row_changes_the_checksum(
    seq: int, t: int, kind: str, payload: bytes, where: int
) -> None:
    crc = checksum(seq, t, kind, payload)
    bit = 1 << where % 63
    assert checksum(seq ^ bit, t, kind, payload) != crc
    assert checksum(seq, t ^ bit, kind, payload) != crc
    if payload:
        flipped = bytearray(payload)
        flipped[where % len(payload)] ^= 1 << where % 8
        assert checksum(seq, t, kind, bytes(flipped)) != crc
