"""Keyframes: the whole state at some event, so that going anywhere in a recording folds thousands of events, not millions.

A keyframe is a hint and never the truth. It counts only for the very code that made it: the shape of the state, the
version of the events and the sources of the fold are in its guard, and whoever has another guard folds the events.
"""

from __future__ import annotations

import hashlib
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import get_type_hints

import msgspec

from engine.journal.codec import MAX_EXPONENT, CodecError
from engine.model.events import SCHEMA
from engine.model.state import State

EVERY = 10_000
"""Events between two keyframes: folding as many takes some 30 ms, and a keyframe has about the size of 5,000 events."""
MAX_STATE = 8 << 20
"""Bytes of an encoded state. Its lists are bounded: a full one has about 1 MB, and 250 kB for every further symbol."""
LEVEL = 6
_SOURCES = (
    ("engine.journal", ("keyframe.py",)),
    ("engine.core", ("ledger.py", "orders.py")),
    (
        "engine.core.fold",
        ("__init__.py", "base.py", "session.py", "market.py", "account.py", "stops.py", "decisions.py", "recovery.py"),
    ),
    ("engine.model", ("events.py", "market.py", "orders.py", "reasons.py", "state.py")),
)

_NUMBERS = (Decimal, Decimal | None, float, float | None)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


def encode_state(state: State) -> bytes:
    """Some 0.1 ms for 100 kB; a full state takes a millisecond."""
    return _encode(state)


def decode_state(raw: bytes) -> State:
    """A state that shares nothing with any other. CodecError for bytes that are none."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise CodecError(f"this is no state: {error}") from error


def decode_foreign(raw: bytes, seq: int) -> State:
    """The same for bytes that come from a file and say that they are the state after ``seq``."""
    state = decode_state(raw)
    if state.seq != seq:
        raise CodecError(f"this is the state after {state.seq}, not after {seq}")
    for row in _rows(state):
        if not all(map(_sane, _numbers(type(row))(row))):
            raise CodecError("a state holds a number out of all bounds")
    columns = [state.equity, *((m.candles, m.live or 0, m.bids, m.asks) for m in state.markets.values())]
    if b"null" in msgspec.json.encode(columns):  # that is what a float that is not finite becomes
        raise CodecError("a state holds a number that is not finite")
    return state


def _sane(value: Decimal | float | None) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT
    return value is None or isfinite(value)


def _rows(state: State) -> Iterator[msgspec.Struct]:
    """The structs in a state that have decimals or floats, but for candles."""
    yield from (state, state.account, state.risk)
    for market in state.markets.values():
        yield market
        if market.instrument is not None:
            yield market.instrument
    for table in (state.positions, state.orders, state.stops, state.links):
        yield from table.values()
    for rows in (state.fills, state.trades, state.rejections):
        yield from rows


@cache
def _numbers(cls: type[msgspec.Struct]) -> Callable[[msgspec.Struct], tuple[Decimal | float | None, ...]]:
    """Takes the decimals and floats out of a struct."""
    hints = get_type_hints(cls)
    names = [f.name for f in msgspec.structs.fields(cls) if hints[f.name] in _NUMBERS]
    return attrgetter(*names) if len(names) > 1 else lambda row: tuple(getattr(row, name) for name in names)


@cache
def guard() -> str:
    """Fingerprint of everything that a state depends on beside the events; empty where the sources are not there to be read."""
    found = hashlib.sha256(f"{SCHEMA} {msgspec.__version__}".encode())
    for package, files in _SOURCES:
        for file in files:
            try:
                found.update(pkgutil.get_data(package, file) or b"")
            except OSError:
                return ""
    return found.hexdigest()[:32]


def inflate(data: bytes, size: int) -> bytes:
    """The encoded state of a row from anywhere; CodecError before memory is spent on more than ``size`` or the limit."""
    if not 0 <= size <= MAX_STATE:
        raise CodecError(f"a state of {size:,} bytes, more than {MAX_STATE:,}")
    machine = zlib.decompressobj()
    try:
        raw = machine.decompress(data, size + 1)
    except zlib.error as error:
        raise CodecError(f"a state cannot be decompressed: {error}") from error
    if len(raw) != size:
        raise CodecError("a state has another size than it says")
    return raw
