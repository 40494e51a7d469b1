"""How an event becomes a row of the journal and back: the only place that knows the bytes of a payload.

A payload is the event as a msgpack array in the order of its fields; decimals are strings. Numbers are finite: a NaN in
a price passes every comparison that should have stopped it, so it is refused here in both directions.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any
from zlib import crc32

import msgspec

from engine.model.events import KINDS, Event

MAX_PAYLOAD = 1 << 20
"""Bytes of one event. The largest real one (a page of candles) has about a tenth of that."""
MAX_EXPONENT = 40
"""Largest power of ten, either way, of a decimal; ``1E+999999999`` is eleven bytes here and a gigabyte when printed."""

_encode = msgspec.msgpack.Encoder().encode
_NAMES: dict[type[Event], str] = {cls: name for name, cls in KINDS.items()}
_DECODE: dict[str, Callable[[bytes], Event]] = {
    name: msgspec.msgpack.Decoder(cls).decode for name, cls in KINDS.items()
}
_HEAD = struct.Struct("<qq")
_maybe_not_finite = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]", re.DOTALL).search
"""Finds every msgpack float that is NaN or infinite, and now and then other bytes that look like one."""


class CodecError(ValueError):
    """The event cannot be written, or the payload cannot be read."""


class UnknownKind(CodecError):
    """No event of this name is known: the journal is newer than this program, or foreign."""


def encode(event: Event) -> tuple[str, bytes]:
    """Journal name and payload of an event."""
    kind = _NAMES.get(type(event))
    if kind is None:
        raise UnknownKind(f"{type(event).__name__} is not an event of the journal")
    try:
        payload = _encode(event)
    except (TypeError, ValueError, OverflowError) as error:
        raise CodecError(f"{kind} cannot be encoded: {error}") from error
    if len(payload) > MAX_PAYLOAD:
        raise CodecError(f"{kind} has {len(payload):,} bytes, more than {MAX_PAYLOAD:,}")
    if _maybe_not_finite(payload) and not _finite(event):
        raise CodecError(f"{kind} holds a number that is not finite")
    return kind, payload


def decode(kind: str, payload: bytes) -> Event:
    """The event of a row; the bytes may come from anywhere."""
    decoder = _DECODE.get(kind)
    if decoder is None:
        raise UnknownKind(f"unknown kind of event {kind[:40]!r}")
    if len(payload) > MAX_PAYLOAD:
        raise CodecError(f"{kind} has {len(payload):,} bytes, more than {MAX_PAYLOAD:,}")
    try:
        event = decoder(payload)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise CodecError(f"{kind} cannot be read: {error}") from error
    if (kind in _WITH_DECIMALS or _maybe_not_finite(payload)) and not _finite(event):
        raise CodecError(f"{kind} holds a number that is not finite or out of all bounds")
    return event


def checksum(seq: int, t: int, kind: str, payload: bytes) -> int:
    """CRC-32 over a whole row: ``seq`` and ``t`` as little-endian 64-bit integers, the kind's UTF-8, the payload."""
    return crc32(payload, crc32(kind.encode(), crc32(_HEAD.pack(seq, t))))


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT and len(value.as_tuple().digits) <= 100
    if isinstance(value, msgspec.Struct):
        return all(_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, (list, tuple)):
        return all(_finite(item) for item in value)
    return True


def _holds_decimals(cls: type[msgspec.Struct]) -> bool:
    return "decimal" in repr(msgspec.inspect.type_info(cls)).lower()


_WITH_DECIMALS = frozenset(name for name, cls in KINDS.items() if _holds_decimals(cls))
