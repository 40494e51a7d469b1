"""The rows and blocks of a journal's file in order, read in short transactions, over whatever is broken in it."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from engine.journal import block
from engine.journal.block import Block, BlockError
from engine.journal.codec import MAX_PAYLOAD
from engine.journal.opening import BROKEN, clean
from engine.model.events import Event

PAGE_EVENTS = 2_000
PAGE_BYTES = 4 << 20
"""What one read transaction may fetch: a long one would keep the writer's log from being folded in."""
WORK_STEP = 100_000
"""Steps of SQLite's machine between two looks at whether a query is still worth it."""
MAX_DAMAGE = 100
"""Lines of damage that are kept; more are only counted."""
BLOCKS_KEPT = 8
"""Blocks that stay decoded: whoever steps about stays within a few of them."""

_COLUMNS = (
    "seq, t, kind, length(payload), crc, "
    f"CASE WHEN typeof(payload) = 'blob' AND length(payload) <= {MAX_PAYLOAD} THEN payload END"
)
_BLOCK = "seq, first, events, t, last_t, idle, size, data, crcs, crc"
SPAN = "seq, first, events, t, last_t, idle"

# seq, t, kind, size, crc, payload: whatever a broken file may hold
Row = tuple[int, object, object, object, object, object]
Item = tuple[int, Row | Event]
"""A row that is still to be decoded, or an event out of a block."""


class Span(NamedTuple):
    """What a block covers: numbers and times of its ends, and the longest time between two of its events (nanoseconds)."""

    seq: int
    first: int
    events: int
    t: int
    last_t: int
    idle: int


class Pages:
    """What is found broken on the way is kept in ``damage``. From one thread."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._damage: dict[str, None] = {}
        self._decoded: OrderedDict[int, list[tuple[int, Event]]] = OrderedDict()
        self._more_damage = 0
        # Pages that point at each other make a small file endless; an honest scan takes some 20 steps for a row.
        self._work, self._enough = 0, path.stat().st_size // WORK_STEP + 1_000
        db.set_progress_handler(self._too_long, WORK_STEP)

    @property
    def damage(self) -> list[str]:
        """What was found broken so far; complete after ``Recording.check``."""
        more = [f"and {self._more_damage:,} more"] if self._more_damage else []
        return [*self._damage, *more]

    def _items(
        self, start: int, end: int | None, classes: frozenset[type[Event]] | None = None, *, thorough: bool = False
    ) -> Iterator[Item]:
        """Rows and the events of blocks in order; behind an unreadable page it goes on at the next readable row."""
        end = (1 << 62) if end is None else end
        where, names = "", []
        if classes is not None:
            where, names = f" AND kind IN ({', '.join('?' * len(classes))})", [cls.__name__ for cls in classes]
        sql = f"SELECT {_COLUMNS} FROM event WHERE seq BETWEEN ? AND ?{where} ORDER BY seq LIMIT ?"
        lost_from, step = 0, 1
        while start <= end:
            with self._snapshot():
                found = self._block(start, end)
                inside = found is not None and found.first <= start
                stop = end if found is None else found.seq if inside else found.first - 1
                page, error = self._page(sql, start, (min(stop, end), *names, PAGE_EVENTS))
            full = len(page) == PAGE_EVENTS or sum(_size(row) for row in page) > PAGE_BYTES
            upto = min(stop, end)
            if error is not None:  # over the unreadable rows in ever longer steps; a block there is read all the same
                upto = min(upto, (page[-1][0] if page else start - 1) + step)
            elif full:
                upto = page[-1][0]
            items: list[Item] = [(row[0], row) for row in page]
            if inside and found is not None:
                events = self._events_of(found, thorough=thorough)
                items = self._together(items, [pair for pair in events if start <= pair[0] <= upto], classes)
            if lost_from and (page or (items and error is None)):
                self._damaged(f"events {lost_from} to {(page[0] if page else items[0])[0] - 1} cannot be read")
                lost_from, step = 0, 1
            yield from items
            if error is not None:
                lost_from = lost_from or (page[-1][0] + 1 if page else start)
                step *= 2
            elif found is None and not full:
                break
            start = upto + 1
        if lost_from:
            self._damaged(f"event {lost_from} and what follows cannot be read")

    def _together(
        self, rows: list[Item], events: list[tuple[int, Event]], classes: frozenset[type[Event]] | None
    ) -> list[Item]:
        numbers = {seq for seq, _ in events}
        if twice := [seq for seq, _ in rows if seq in numbers]:
            self._damaged(f"event {twice[0]} is there twice")
            rows = [item for item in rows if item[0] not in numbers]
        wanted = events if classes is None else [pair for pair in events if type(pair[1]) in classes]
        return sorted([*rows, *wanted], key=_number)

    def _rows(self, start: int, end: int | None, where: str, *names: str) -> Iterator[Item]:
        """Rows alone; behind an unreadable page it goes on at the next readable row."""
        end = (1 << 62) if end is None else end
        sql = f"SELECT {_COLUMNS} FROM event WHERE seq BETWEEN ? AND ?{where} ORDER BY seq LIMIT ?"
        lost_from, step = 0, 1
        while start <= end:
            page, error = self._page(sql, start, (end, *names, PAGE_EVENTS))
            if page and lost_from:
                self._damaged(f"events {lost_from} to {page[0][0] - 1} cannot be read")
                lost_from, step = 0, 1
            yield from ((row[0], row) for row in page)
            if page:
                start = page[-1][0] + 1
            if error is not None:
                lost_from = lost_from or start
                start += step
                step *= 2
            elif not page:
                break
        if lost_from:
            self._damaged(f"event {lost_from} and what follows cannot be read")

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One reading of the file: otherwise rows could move into a block between two queries."""
        with suppress(*BROKEN):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(*BROKEN):
                self._db.execute("COMMIT")

    def _block(self, start: int, end: int) -> Block | None:
        """The first block that reaches to ``start`` or beyond; its bytes only if it is not decoded already."""
        self._work = 0
        try:
            row = self._db.execute(
                f"SELECT {SPAN} FROM block WHERE seq >= ? AND first <= seq ORDER BY seq LIMIT 1", (start,)
            ).fetchone()
            if row is None or not all(isinstance(value, int) for value in row) or row[1] > end:
                return None
            if row[1] > start or row[0] in self._decoded:
                return Block(*Span(*row), 0, b"", b"", 0)
            sql = f"SELECT {_BLOCK} FROM block WHERE seq = ? AND max(length(data), length(crcs)) <= {MAX_PAYLOAD}"
            whole = self._db.execute(sql, (row[0],)).fetchone()
            if whole is not None and all(isinstance(v, bytes if i in (7, 8) else int) for i, v in enumerate(whole)):
                return Block(*whole)
            return Block(*Span(*row), -1, b"", b"", 0)
        except BROKEN as error:
            self._damaged(f"the blocks cannot be read: {clean(error)}")
            return None

    def _events_of(self, found: Block, *, thorough: bool) -> list[tuple[int, Event]]:
        events = self._decoded.get(found.seq)
        if events is not None:
            self._decoded.move_to_end(found.seq)
            return events
        try:
            events = block.read(found)
            bad = block.proven(found)[1] if thorough else []
        except BlockError as error:
            self._damaged(f"the block of events {found.first} to {found.seq} {clean(error)}")
            events, bad = block.proven(found)
        for name in _runs(bad):
            self._damaged(f"{name} not as written (checksum)")
        if not thorough:
            self._decoded[found.seq] = events
            if len(self._decoded) > BLOCKS_KEPT:
                self._decoded.popitem(last=False)
        return events

    def _page(self, sql: str, start: int, arguments: tuple[object, ...]) -> tuple[list[Row], Exception | None]:
        rows: list[Row] = []
        size = self._work = 0
        cursor = self._db.cursor()
        try:
            for row in cursor.execute(sql, (start, *arguments)):
                if not isinstance(row[0], int) or row[0] < start:  # a page in the wrong place: no end otherwise
                    return rows, sqlite3.DatabaseError("rows out of order")
                rows.append(row)
                start = row[0] + 1
                size += row[3] if isinstance(row[3], int) else 0
                if size > PAGE_BYTES:
                    break
        except BROKEN as error:
            return rows, error
        finally:
            cursor.close()
        return rows, None

    def _too_long(self) -> bool:
        self._work += 1
        return self._work > self._enough

    def _damaged(self, text: str) -> None:
        if text in self._damage:
            return
        if len(self._damage) < MAX_DAMAGE:
            self._damage[text] = None
        else:
            self._more_damage += 1


def _number(item: Item) -> int:
    return item[0]


def _size(row: Row) -> int:
    return row[3] if isinstance(row[3], int) else 0


def _runs(seqs: list[int]) -> Iterator[str]:
    """``event 7 is``, ``events 9 to 12 are``."""
    start = before = 0
    for seq in [*seqs, 1 << 62]:
        if before and seq != before + 1:
            yield f"event {start} is" if start == before else f"events {start} to {before} are"
            start = seq
        start, before = start or seq, seq
