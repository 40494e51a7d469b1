"""A block gives back exactly what was put into it, or says what is wrong with it; it is never a way to fill the memory."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codec import values

from engine.journal import block
from engine.journal.block import Block, BlockError, Row
from engine.journal.codec import checksum, encode
from engine.journal.schema import FREQUENT
from engine.model.events import KINDS, BookTick, Clock, Event, TradeTick

MARKET: st.SearchStrategy[Event] = st.one_of([values(KINDS[kind]) for kind in FREQUENT])


def row(seq: int, event: Event) -> Row:
    kind, payload = encode(event)
    return seq, event.t, kind, payload, checksum(seq, event.t, kind, payload)


def packed(rows: Sequence[Row]) -> Block:
    text = block.text_of(rows)
    return block.block_of(rows, text, zlib.compress(text, block.LEVEL))


def sample(count: int = 100) -> tuple[list[tuple[int, Event]], Block]:
    """Books and trades whose numbers go up by one, two, three … as when other events are in between."""
    chance = random.Random(3)
    events: list[tuple[int, Event]] = []
    seq = 10
    for n in range(count):
        price = round(95_000 + chance.gauss(0, 10), 1)
        tick = BookTick(n, "BTCUSDT", [(price, 1.0)] * 5, [(price + 0.1, 2.0)] * 5, n)
        events.append((seq, tick if n % 3 else TradeTick(n, "BTCUSDT", price, 0.5, "BUY", n)))
        seq += 1 + n % 3
    return events, packed([row(*pair) for pair in events])


def sealed(made: Block, **changes: object) -> Block:
    """A block with other contents and a checksum that fits them, as a forger would make it."""
    made = made._replace(**changes)
    return made._replace(crc=block._crc(made[:7], made.data, made.crcs))


def with_text(made: Block, text: bytes) -> Block:
    return sealed(made, size=len(text), data=zlib.compress(text))


@given(st.lists(MARKET, min_size=1, max_size=20), st.integers(1, 2**40))
@settings(max_examples=100, deadline=None)
def test_every_market_event_comes_back_as_it_was(events: list[Event], first: int) -> None:
    numbered = list(enumerate(events, first))
    made = packed([row(*pair) for pair in numbered])
    found = block.read(made)
    assert found == numbered
    assert [encode(event) for _, event in found] == [encode(event) for event in events]
    assert block.proven(made) == (numbered, [])


def test_fields_that_a_later_version_adds_do_not_change_what_is_kept() -> None:
    payload = msgspec.msgpack.encode([5, 1.5, 2.5, "added later", [1, 2.0]])
    rows = [(1, 5, "Clock", payload, checksum(1, 5, "Clock", payload))]
    made = packed(rows)
    assert block.read(made) == [(1, Clock(5, 1.5, 2.5))]
    assert block.proven(made)[1] == []


def test_a_block_knows_its_ends_and_its_longest_pause() -> None:
    made = packed([row(3, Clock(100)), row(5, Clock(900)), row(9, Clock(950))])
    assert (made.first, made.seq, made.events, made.t, made.last_t, made.idle) == (3, 9, 3, 100, 950, 800)


def test_numbers_are_much_smaller_as_text() -> None:
    events, made = sample(1_000)
    raw = sum(len(encode(event)[1]) for _, event in events)
    assert len(made.data) + len(made.crcs) < raw / 4


# --- damage -------------------------------------------------------------------------------------------------------


def test_any_flipped_bit_is_noticed() -> None:
    _, made = sample()
    chance = random.Random(1)
    for _ in range(200):
        name = chance.choice(("data", "crcs"))
        broken = bytearray(getattr(made, name))
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        with pytest.raises(BlockError, match="checksum"):
            block.read(made._replace(**{name: bytes(broken)}))


def test_of_a_broken_block_every_event_is_either_proven_or_named() -> None:
    events, made = sample()
    chance = random.Random(2)
    saved = 0
    for _ in range(100):
        broken = bytearray(made.data)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        good, bad = block.proven(made._replace(data=bytes(broken)))
        assert all(pair in events for pair in good)
        assert bad
        saved += len(good)
    assert saved > 500


def test_a_flipped_bit_among_the_checksums_costs_one_event() -> None:
    events, made = sample()
    broken = bytearray(made.crcs)
    broken[4 * 7] ^= 1
    good, bad = block.proven(made._replace(crcs=bytes(broken)))
    assert bad == [events[7][0]]
    assert len(good) == 99


# --- forgeries ----------------------------------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    _, made = sample()
    bomb = zlib.compress(bytes(200 << 20), 9)
    for size in (len(made.data), block.MAX_TEXT, block.MAX_TEXT + 1, 1 << 40, -1):
        with pytest.raises(BlockError):
            block.read(sealed(made, size=size, data=bomb))
        assert block.proven(made._replace(size=min(size, 1000), data=bomb))[0] == []


@pytest.mark.parametrize("events", [0, -1, 99, 101, 1 << 40])
def test_a_wrong_count_is_refused(events: int) -> None:
    with pytest.raises(BlockError):
        block.read(sealed(sample()[1], events=events))


@pytest.mark.parametrize("ends", [{"first": 9}, {"first": 11}, {"seq": 5}, {"seq": 1 << 60}])
def test_other_ends_than_its_events_have_are_refused(ends: dict[str, int]) -> None:
    with pytest.raises(BlockError, match="other events"):
        block.read(sealed(sample()[1], **ends))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"{}\n",
        b'{"Clock":[1]}',
        b'{"Clock":[1]}\n[1,NaN]',
        b'{"Clock":[1]}\n[1,1e999]',
        b'{"Clock":[1]}\n[99999999999999999999]',
        b'{"Clock":[1]}\n[9223372036854775808]',
        b'{"Clock":[1,0]}\n[1]\n[1]',
        b'{"Clock":[2,-1]}\n[1]\n[1]',
        b'{"Clock":[1]}\n[1]\n[1]',
        b'{"Clock":[1]}\n[1] [1]',
        b'{"Clock":[1]}\n' + b"[" * 100_000,
        b'{"Noticed":[1]}\n[1,"Config","","x"]',
        b'{"Teleported":[1]}\n[1]',
        b'{"Clock":[' + b"1," * 5_000 + b"1]}\n" + b"[1]\n" * 5_001,
        b'{"Clock":[1e400]}\n[1]',
        b'{"Clock":["1"]}\n[1]',
    ],
)
def test_a_text_that_is_none_of_ours_is_refused(text: bytes) -> None:
    made = packed([row(1, Clock(1))])
    with pytest.raises(BlockError):
        block.read(with_text(made, text))
    block.proven(with_text(made, text))


def test_rows_that_would_not_come_back_stay_rows() -> None:
    rows = [row(1, Clock(1)), row(2, Clock(2))]
    text = block.text_of(rows)
    with pytest.raises(BlockError, match="come back"):
        block.block_of([row(1, Clock(1)), row(2, Clock(3))], text, zlib.compress(text))


def test_bytes_behind_the_end_are_refused() -> None:
    _, made = sample()
    with pytest.raises(BlockError, match="size"):
        block.read(sealed(made, data=made.data + b"more"))


def test_the_checksum_covers_every_field() -> None:
    _, made = sample()
    for name in ("seq", "first", "events", "t", "last_t", "idle", "size"):
        with pytest.raises(BlockError, match="checksum"):
            block.read(made._replace(**{name: getattr(made, name) + 1}))
    assert struct.calcsize("<qqqqqqq") == 56
