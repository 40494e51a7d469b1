"""What the writer thread does when nobody waits: market rows into blocks, states into keyframes.

Compressing goes in slices, and between two of them whatever has become due is committed first. A block replaces its rows
in one transaction, and only after it has been read back: a crash before it leaves the rows, after it the block.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from engine.journal import block, keyframe, schema
from engine.journal.block import BlockError, Row

SLICE = 32 << 10
"""Bytes that are compressed before the next look at what is due: about a millisecond."""
KEPT_ROWS = 100
"""A last block that would be smaller stays rows."""
MAX_LOOSE = 100_000
"""Rows that wait for a block when the disk is busy all the time; older ones then stay rows for good."""
MAX_WAITING = 2
SMALL_FILE = 16 << 20

_FREQUENT = frozenset(schema.FREQUENT)


class Waiting(NamedTuple):
    seq: int
    state: bytes
    guard: str


class Compactor:
    """Belongs to the writer thread, except ``offer``. ``urgent`` commits what is due; it is called between slices."""

    def __init__(self, db: sqlite3.Connection, urgent: Callable[[], None]) -> None:
        self._db = db
        self._urgent = urgent
        self._loose: deque[Row] = deque()
        """Market rows that are committed and in no block yet."""
        self._keyframes: deque[Waiting] = deque(maxlen=MAX_WAITING)

    def offer(self, seq: int, state: bytes, guard: str) -> None:
        """From the loop's thread; when too many wait, the oldest is forgotten."""
        if guard and len(state) <= keyframe.MAX_STATE:
            self._keyframes.append(Waiting(seq, state, guard))

    def took(self, batch: Iterable[Row]) -> None:
        """These rows have been committed."""
        self._loose.extend(row for row in batch if row[2] in _FREQUENT)
        while len(self._loose) > MAX_LOOSE:
            self._loose.popleft()

    def has_work(self, committed: int) -> bool:
        return len(self._loose) >= block.EVENTS or self._ripe(committed)

    def work(self, committed: int) -> None:
        """One block or one keyframe."""
        if self._ripe(committed):
            self._write_keyframe(self._keyframes.popleft())
        elif len(self._loose) >= block.EVENTS:
            self._write_block(block.EVENTS)

    def finish(self, committed: int, on_time: Callable[[], bool]) -> None:
        """Everything that is left, as long as ``on_time`` says so."""
        while self.has_work(committed) and on_time():
            self.work(committed)
        if len(self._loose) >= KEPT_ROWS and on_time():
            self._write_block(min(len(self._loose), block.EVENTS))

    def shrink(self) -> None:
        """Give the space of compacted rows back where that is quickly done; a long recording uses it up by itself."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if free * 10 > pages and pages * size <= SMALL_FILE:
            self._db.execute("VACUUM")

    def _ripe(self, committed: int) -> bool:
        return bool(self._keyframes) and self._keyframes[0].seq <= committed

    def _squeeze(self, text: bytes, level: int) -> bytes:
        machine = zlib.compressobj(level)
        pieces = []
        for at in range(0, len(text), SLICE):
            pieces.append(machine.compress(text[at : at + SLICE]))
            self._urgent()
        pieces.append(machine.flush())
        return b"".join(pieces)

    def _write_block(self, count: int) -> None:
        rows = [self._loose.popleft() for _ in range(count)]
        text = block.text_of(rows)
        if len(text) > block.MAX_TEXT:
            return
        data = self._squeeze(text, block.LEVEL)
        try:
            made = block.block_of(rows, text, data)
        except BlockError:
            return
        self._urgent()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(schema.INSERT_BLOCK, made)
        self._db.executemany(schema.DELETE_BLOCKED, [(row[0],) for row in rows])
        self._db.execute("COMMIT")

    def _write_keyframe(self, given: Waiting) -> None:
        data = self._squeeze(given.state, keyframe.LEVEL)
        self._urgent()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(schema.INSERT_KEYFRAME, (given.seq, given.guard, len(given.state), data, zlib.crc32(data)))
        self._db.execute("COMMIT")
