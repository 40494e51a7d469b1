"""Market events in bulk: about a thousand rows as one compressed text, and back.

The text is UTF-8 JSON, one line each: first the sequence numbers by kind (``{"BookTick": [first, step, step …], …}``), then
the events, kind after kind in that order, as the arrays that they are on the wire. Digits compress far better than doubles,
and a line is turned back into exactly the bytes that were written, whatever fields later versions add.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

from engine.journal.codec import MAX_PAYLOAD, CodecError, checksum
from engine.journal.schema import FREQUENT
from engine.model.events import KINDS, Event

EVENTS = 1_000
"""Events of a full block: twice as many save 2 % and double what one event costs to read."""
MAX_EVENTS = 4_096
MAX_TEXT = 8 << 20
"""Bytes of the text; what grows beyond is no block of ours."""
LEVEL = 6
LIMIT = 1 << 63

Row = tuple[int, int, str, bytes, int]
_HEAD = struct.Struct("<qqqqqqq")
_generic = msgspec.msgpack.Decoder().decode
_payload = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder()
_line = msgspec.json.Decoder().decode
_directory = msgspec.json.Decoder(dict[str, list[int]]).decode
_LINES: dict[str, Callable[[bytes], list[Event]]] = {
    kind: msgspec.json.Decoder(KINDS[kind]).decode_lines for kind in FREQUENT
}


class Block(NamedTuple):
    """A row of the table ``block``. ``idle`` is the longest time between two neighbours, nanoseconds."""

    seq: int
    first: int
    events: int
    t: int
    last_t: int
    idle: int
    size: int
    data: bytes
    crcs: bytes
    crc: int


class BlockError(CodecError):
    """The block is not as it was written, or never was one of ours."""


def text_of(rows: Sequence[Row]) -> bytes:
    """The text of rows of frequent kinds."""
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row[2], []).append(row)
    seqs = {kind: _steps([row[0] for row in some]) for kind, some in by_kind.items()}
    lines = [_json.encode(seqs)]
    for some in by_kind.values():
        lines.extend(_json.encode(_generic(row[3])) for row in some)
    return b"\n".join(lines)


def block_of(rows: Sequence[Row], text: bytes, data: bytes) -> Block:
    """``data`` is ``text``, compressed. BlockError unless exactly ``rows`` would come back."""
    times = [row[1] for row in rows]
    idle = max((after - before for before, after in pairwise(times)), default=0)
    crcs = struct.pack(f"<{len(rows)}I", *(row[4] for row in rows))
    head = (rows[-1][0], rows[0][0], len(rows), times[0], times[-1], min(max(0, idle), LIMIT - 1), len(text))
    block = Block(*head, data, crcs, _crc(head, data, crcs))
    if list(_rows(inflate(data, len(text)))) != sorted(row[:4] for row in rows):
        raise BlockError("these events would not come back as they are")
    return block


def read(block: Block) -> list[tuple[int, Event]]:
    """The events in order. The bytes may come from anywhere; BlockError for what is not as it was written."""
    if _crc(block[:7], block.data, block.crcs) != block.crc:
        raise BlockError("is not as it was written (checksum)")
    if not 0 < block.events <= MAX_EVENTS:
        raise BlockError(f"says that it holds {block.events:,} events")
    try:
        events = _read_text(inflate(block.data, block.size))
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise BlockError(f"cannot be read: {error}") from error
    found = [(seq, events[seq]) for seq in sorted(events)]
    if len(found) != block.events or found[0][0] != block.first or found[-1][0] != block.seq:
        raise BlockError("holds other events than it says")
    times = [event.t for _, event in found]
    if min(times) < -LIMIT or max(times) >= LIMIT:
        raise BlockError("holds impossible times")
    return found


def proven(block: Block) -> tuple[list[tuple[int, Event]], list[int]]:
    """Of a block that may be broken, the events that carry their own checksum, and the numbers of the others.

    Bits that flipped in the compressed bytes take the rest of the text with them; what came before is still good.
    """
    good: list[tuple[int, Event]] = []
    wanted = {block.first, block.seq}
    try:
        rows = list(_rows(inflate(block.data, block.size, partly=True), wanted))
        crcs = struct.unpack(f"<{len(block.crcs) // 4}I", block.crcs[: len(block.crcs) // 4 * 4])
        order = {seq: place for place, seq in enumerate(sorted(wanted))}
        for seq, t, kind, payload in rows:
            if order[seq] < len(crcs) and checksum(seq, t, kind, payload) == crcs[order[seq]]:
                good.append((seq, msgspec.msgpack.decode(payload, type=KINDS[kind])))
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        good = []
    known = {seq for seq, _ in good}
    return sorted(good), sorted(wanted - known)


def inflate(data: bytes, size: int, *, partly: bool = False) -> bytes:
    """``data`` decompressed: exactly ``size`` bytes, or BlockError before memory is spent on more.

    With ``partly`` it is as much as can be had.
    """
    if not 0 <= size <= MAX_TEXT:
        raise BlockError(f"says that it has {size:,} bytes, more than {MAX_TEXT:,}")
    machine = zlib.decompressobj()
    if partly:
        return b"".join(_as_far_as_it_goes(machine, data, size))
    try:
        text = machine.decompress(data, size + 1)
    except zlib.error as error:
        raise BlockError(f"cannot be decompressed: {error}") from error
    if len(text) != size or not machine.eof or machine.unused_data:
        raise BlockError("has another size than it says")
    return text


def _as_far_as_it_goes(machine: zlib._Decompress, data: bytes, size: int) -> Iterator[bytes]:
    left = size
    for at in range(0, len(data), 64):
        try:
            piece = machine.decompress(data[at : at + 64], left + 1)
        except zlib.error:
            return
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _crc(head: Sequence[int], data: bytes, crcs: bytes) -> int:
    return zlib.crc32(crcs, zlib.crc32(data, zlib.crc32(_HEAD.pack(*head))))


def _steps(seqs: list[int]) -> list[int]:
    return [seqs[0], *(after - before for before, after in pairwise(seqs))]


def _places(head: bytes) -> dict[str, list[int]]:
    """Sequence numbers by kind; ValueError for kinds that are in no block and for too many of them."""
    steps = _directory(head)
    if not steps.keys() <= _LINES.keys() or sum(map(len, steps.values())) > MAX_EVENTS:
        raise ValueError("not a block's directory")
    return {kind: list(accumulate(some)) for kind, some in steps.items()}


def _read_text(text: bytes) -> dict[int, Event]:
    head, _, body = text.partition(b"\n")
    places = _places(head)
    lines = body.split(b"\n")
    if len(lines) != sum(map(len, places.values())):
        raise ValueError("lines are missing")
    events: dict[int, Event] = {}
    at = 0
    for kind, seqs in places.items():
        some = _LINES[kind](b"\n".join(lines[at : at + len(seqs)]))
        at += len(seqs)
        if len(some) != len(seqs):
            raise ValueError("events are missing")
        events.update(zip(seqs, some, strict=True))
    if len(events) != len(lines):
        raise ValueError("numbers are there twice")
    return events


def _rows(text: bytes, wanted: set[int] | None = None) -> Iterator[tuple[int, int, str, bytes]]:
    """Sequence number, time, kind and payload of each complete line; ``wanted`` is given all numbers of the directory."""
    head, _, body = text.partition(b"\n")
    places = _places(head)
    if wanted is not None:
        wanted.clear()
        wanted.update(seq for seqs in places.values() for seq in seqs)
    found = []
    lines = iter(body.split(b"\n"))
    for kind, seqs in places.items():
        for seq in seqs:
            line = next(lines, None)
            if line is None:
                break
            try:
                fields = _line(line)
                payload = _payload(fields)
                found.append((seq, int(fields[0]), kind, payload))
            except (msgspec.MsgspecError, ValueError, TypeError, IndexError, KeyError):
                continue
    found.sort()
    yield from (row for row in found if len(row[3]) <= MAX_PAYLOAD and -LIMIT <= min(row[:2]) <= max(row[:2]) < LIMIT)
