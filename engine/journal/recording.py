"""A session's journal, opened read-only. The file may come from anyone and may still be written to.

Damage is told, not hidden: ``damage`` names what could not be read, and reading goes on behind it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from engine.journal import keyframe, schema
from engine.journal.codec import MAX_PAYLOAD, CodecError, UnknownKind, checksum, decode
from engine.journal.opening import BROKEN, RecordingError, clean, connection
from engine.journal.pages import PAGE_EVENTS, SPAN, Item, Pages, Row, Span
from engine.model.events import KINDS, Event

__all__ = ["Edge", "Recording", "RecordingError", "Span"]


class Edge(NamedTuple):
    """First or last event of a recording."""

    seq: int
    t: int


class Recording(Pages):
    """Use as a context manager, from one thread."""

    @classmethod
    def open(cls, path: Path) -> Recording:
        """RecordingError for what is no recording, is newer than this program, or cannot be read at all."""
        db, remark = connection(path)
        recording = cls(path, db)
        if remark:
            recording._damaged(remark)
        return recording

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what is in it ---------------------------------------------------------------------------------------------

    @property
    def first(self) -> Edge | None:
        return self._edge("ASC")

    @property
    def last(self) -> Edge | None:
        return self._edge("DESC")

    @property
    def count(self) -> int:
        """Numbers from the first event to the last, whether or not each of them can be read."""
        first, last = self.first, self.last
        return last.seq - first.seq + 1 if first and last else 0

    @property
    def closed(self) -> bool:
        """True if the journal was closed in order: nothing is missing at its end."""
        return self._meta("closed_seq") is not None

    def events(
        self, start: int = 1, end: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[tuple[int, Event]]:
        """Events from ``start`` to ``end`` (both included), in order; ``kinds`` are names from ``KINDS``.

        What cannot be read is left out and named in ``damage``; an event of an unknown kind is a RecordingError.
        """
        for seq, item in self._wanted(start, end, kinds):
            event = item if isinstance(item, Event) else self._event(item)
            if event is not None:
                yield seq, event

    def next_of(self, kinds: Collection[str], after: int) -> int | None:
        """Number of the first event behind ``after`` of kinds that the index knows (not ``FREQUENT``); None: there is none."""
        return min(self._nearest(kinds, "min(seq)", "seq > ?", after), default=None)

    def last_of(self, kinds: Collection[str], before: int) -> int | None:
        """The same for the last event in front of ``before``."""
        return max(self._nearest(kinds, "max(seq)", "seq < ?", before), default=None)

    def _nearest(self, kinds: Collection[str], what: str, where: str, seq: int) -> Iterator[int]:
        sql = f"SELECT {what} FROM event INDEXED BY event_rare WHERE {schema.RARE} AND kind = ? AND {where}"
        self._work = 0
        for kind in kinds:
            with suppress(*BROKEN):
                row = self._db.execute(sql, (kind, seq)).fetchone()
                if row and isinstance(row[0], int):
                    yield row[0]

    def spans(self, after: int = 0) -> list[Span]:
        """The blocks whose last event is behind ``after``, in order, without reading them."""
        self._work = 0
        try:
            found = self._db.execute(f"SELECT {SPAN} FROM block WHERE seq > ? ORDER BY seq", (after,)).fetchall()
        except BROKEN as error:
            self._damaged(f"the blocks cannot be listed: {clean(error)}")
            return []
        return [Span(*row) for row in found if all(isinstance(value, int) for value in row)]

    def times(self, start: int, end: int, every: int = 1) -> list[Edge]:
        """Number and time of the rows from ``start`` to ``end`` that are in no block, of about one in ``every``."""
        found: list[Edge] = []
        self._work = 0
        sql = "SELECT seq, t FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
        with suppress(*BROKEN):
            if every == 1:
                return [Edge(*row) for row in self._db.execute(sql, (start, end, PAGE_EVENTS * 5))]
            while start <= end and (row := self._db.execute(sql, (start, end, 1)).fetchone()):
                found.append(Edge(*row))
                start = row[0] + every
        return found

    def keyframe_seq(self, seq: int, guard: str) -> int:
        """Number of the newest keyframe at or before ``seq`` under ``guard``, unread; 0: there is none."""
        sql = "SELECT seq FROM keyframe WHERE seq <= ? AND guard = ? ORDER BY seq DESC LIMIT 1"
        with suppress(*BROKEN):
            self._work = 0
            row = self._db.execute(sql, (seq, guard)).fetchone()
            return row[0] if row and isinstance(row[0], int) else 0
        return 0

    def keyframe(self, seq: int, guard: str) -> tuple[int, bytes] | None:
        """The newest state at or before ``seq`` that was made under ``guard``: its number and encoding. None: there is none.

        One that is damaged is passed over for the one before it.
        """
        sql = (
            "SELECT seq, size, crc, state FROM keyframe WHERE seq <= ? AND guard = ? AND typeof(state) = 'blob' "
            "ORDER BY seq DESC LIMIT 1"
        )
        while True:
            self._work = 0
            try:
                row = self._db.execute(sql, (seq, guard)).fetchone()
                if row is None:
                    return None
                seq = row[0] - 1
                if zlib.crc32(row[3]) == row[2]:
                    return row[0], keyframe.inflate(row[3], row[1])
                self._damaged(f"the keyframe at {row[0]} is not as it was written (checksum)")
            except (CodecError, TypeError) as error:
                self._damaged(f"the keyframe at {seq + 1}: {clean(error)}")
            except BROKEN as error:
                self._damaged(f"keyframes cannot be read: {clean(error)}")
                return None

    def check(self) -> list[str]:
        """Read everything and say what is broken; an empty list means that every event is as it was written."""
        expected, rare = 1, 0
        for seq, item in self._items(1, None, thorough=True):
            if seq != expected:
                self._damaged(
                    f"events {expected} to {seq - 1} are missing" if seq > expected else f"event {seq} is odd"
                )
            expected = seq + 1
            if not isinstance(item, Event):
                rare += item[2] not in schema.FREQUENT
                self._event(item)
        closed = self._meta("closed_seq")
        if closed is not None and closed != str(expected - 1):
            self._damaged(f"the end is missing: {expected - 1} is the last event, {closed[:20]!r} was written")
        try:
            self._work = 0
            sql = f"SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_rare WHERE {schema.RARE} AND seq < ? LIMIT ?)"
            if self._db.execute(sql, (expected, rare + 1)).fetchone()[0] != rare:
                self._damaged("the index by kind does not match the events")
        except BROKEN as error:
            self._damaged(f"the index by kind cannot be read: {clean(error)}")
        return self.damage

    # --- reading ---------------------------------------------------------------------------------------------------

    def _event(self, row: Row) -> Event | None:
        seq, t, kind, size, crc, payload = row
        if not isinstance(t, int) or not isinstance(kind, str) or not isinstance(payload, bytes):
            too_big = isinstance(size, int) and size > MAX_PAYLOAD
            self._damaged(f"event {seq} " + (f"is too large ({size:,} bytes)" if too_big else "is no event"))
            return None
        if checksum(seq, t, kind, payload) != crc:
            self._damaged(f"event {seq} is not as it was written (checksum)")
            return None
        try:
            event = decode(kind, payload)
        except UnknownKind as error:
            raise RecordingError(
                f"event {seq}: {error}", str(self.path), "the recording is from a newer version: update the cockpit"
            ) from error
        except CodecError as error:
            self._damaged(f"event {seq}: {clean(error)}")
            return None
        if event.t != t:
            self._damaged(f"event {seq} has two times")
            return None
        return event

    def _wanted(self, start: int, end: int | None, kinds: Collection[str] | None) -> Iterator[Item]:
        """Rare kinds come from the index, one by one, and are merged; frequent ones from blocks and a scan of the table."""
        if kinds is None:
            return self._items(start, end)
        names = sorted(set(kinds))
        if unknown := [name for name in names if name not in KINDS]:
            raise ValueError(f"unknown kinds of event: {', '.join(unknown)}")
        if set(names) & set(schema.FREQUENT):
            return self._items(start, end, frozenset(KINDS[name] for name in names))
        found = (self._rows(start, end, f" AND {schema.RARE} AND kind = ?", name) for name in names)
        return merge(*found, key=lambda item: item[0])

    def _edge(self, order: str) -> Edge | None:
        """Of rows and blocks the outer one; in a file that cannot be asked, of what can be read."""
        ends = "first, t" if order == "ASC" else "seq, last_t"
        self._work = 0
        try:
            with self._snapshot():
                found = [
                    self._db.execute(f"SELECT {what} FROM {table} ORDER BY seq {order} LIMIT 1").fetchone()
                    for what, table in (("seq, t", "event"), (ends, "block"))
                ]
        except BROKEN:
            return self._read_edge(order)
        edges = [Edge(*row) for row in found if row and isinstance(row[0], int) and isinstance(row[1], int)]
        if not edges:
            return None
        return min(edges) if order == "ASC" else max(edges)

    def _read_edge(self, order: str) -> Edge | None:
        edge = None
        for seq, item in self._items(1, None):
            t = item.t if isinstance(item, Event) else item[1]
            edge = Edge(seq, t) if isinstance(t, int) else edge
            if order == "ASC" and edge is not None:
                break
        return edge

    def _meta(self, key: str) -> str | None:
        try:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        except BROKEN:
            return None
        return row[0] if row and isinstance(row[0], str) else None
