"""A session's journal, opened read-only. The file may come from anyone and may still be written to.

Damage is told, not hidden: ``damage`` names what could not be read, and reading goes on behind it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import ClassVar, NamedTuple

from engine.journal import schema
from engine.journal.codec import MAX_PAYLOAD, CodecError, UnknownKind, checksum, decode
from engine.model.errors import CockpitError
from engine.model.events import KINDS, SCHEMA, Event

PAGE_EVENTS = 2_000
PAGE_BYTES = 4 << 20
"""What one read transaction may fetch: a long one would keep the writer's log from being folded in."""
BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's module raises on a broken file; the second where a text, or the name in its own message, is not UTF-8."""
WORK_STEP = 100_000
"""Steps of SQLite's machine between two looks at whether a query is still worth it."""
MAX_DAMAGE = 100
"""Lines of damage that are kept; more are only counted."""

_COLUMNS = (
    "seq, t, kind, length(payload), crc, "
    f"CASE WHEN typeof(payload) = 'blob' AND length(payload) <= {MAX_PAYLOAD} THEN payload END"
)
_SETTINGS = ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0", "cache_size=-8192")

# seq, t, kind, size, crc, payload: whatever a broken file may hold
Row = tuple[int, object, object, object, object, object]


class RecordingError(CockpitError):
    exit_code: ClassVar[int] = 6


class Edge(NamedTuple):
    """First or last event of a recording."""

    seq: int
    t: int


class Recording:
    """Use as a context manager, from one thread."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._damage: dict[str, None] = {}
        self._more_damage = 0
        # Pages that point at each other make a small file endless; an honest scan takes some 20 steps for a row.
        self._work, self._enough = 0, path.stat().st_size // WORK_STEP + 1_000
        db.set_progress_handler(self._too_long, WORK_STEP)

    @classmethod
    def open(cls, path: Path) -> Recording:
        """RecordingError for what is no recording, is newer than this program, or cannot be read at all."""
        _check_header(path)
        problem: Exception | None = None
        for uri, settings, remark in _ways(path):
            db = None
            try:
                db = _connect(uri, settings)
                _check_schema(db, path)
            except BROKEN as error:
                problem = error
                if db is not None:
                    db.close()
                continue
            except BaseException:
                if db is not None:
                    db.close()
                raise
            recording = cls(path, db)
            if remark:
                recording._damaged(remark)
            return recording
        raise RecordingError(
            f"this recording cannot be read: {_clean(problem)}", str(path), "it is damaged or in use; keep a copy"
        )

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what is in it ---------------------------------------------------------------------------------------------

    @property
    def damage(self) -> list[str]:
        """What was found broken so far; complete after ``check``."""
        more = [f"and {self._more_damage:,} more"] if self._more_damage else []
        return [*self._damage, *more]

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
        for row in self._wanted(start, end, kinds):
            event = self._event(row)
            if event is not None:
                yield row[0], event

    def check(self) -> list[str]:
        """Read everything and say what is broken; an empty list means that every event is as it was written."""
        expected, rare = 1, 0
        for row in self._rows(1, None):
            seq = row[0]
            if seq != expected:
                self._damaged(
                    f"events {expected} to {seq - 1} are missing" if seq > expected else f"event {seq} is odd"
                )
            expected = seq + 1
            rare += row[2] not in schema.FREQUENT
            self._event(row)
        closed = self._meta("closed_seq")
        if closed is not None and closed != str(expected - 1):
            self._damaged(f"the end is missing: {expected - 1} is the last event, {closed[:20]!r} was written")
        try:
            self._work = 0
            sql = f"SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_rare WHERE {schema.RARE} AND seq < ? LIMIT ?)"
            if self._db.execute(sql, (expected, rare + 1)).fetchone()[0] != rare:
                self._damaged("the index by kind does not match the events")
        except BROKEN as error:
            self._damaged(f"the index by kind cannot be read: {_clean(error)}")
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
            self._damaged(f"event {seq}: {_clean(error)}")
            return None
        if event.t != t:
            self._damaged(f"event {seq} has two times")
            return None
        return event

    def _wanted(self, start: int, end: int | None, kinds: Collection[str] | None) -> Iterator[Row]:
        """Rare kinds come from the index, one by one, and are merged; frequent ones from a scan of the table."""
        if kinds is None:
            return self._rows(start, end)
        names = sorted(set(kinds))
        if unknown := [name for name in names if name not in KINDS]:
            raise ValueError(f"unknown kinds of event: {', '.join(unknown)}")
        if set(names) & set(schema.FREQUENT):
            return self._rows(start, end, f" AND kind IN ({', '.join('?' * len(names))})", *names)
        found = (self._rows(start, end, f" AND {schema.RARE} AND kind = ?", name) for name in names)
        return merge(*found, key=lambda row: row[0])

    def _rows(self, start: int, end: int | None, where: str = "", *names: str) -> Iterator[Row]:
        """Raw rows in pages; behind an unreadable page it goes on at the next readable row."""
        end = (1 << 62) if end is None else end
        sql = f"SELECT {_COLUMNS} FROM event WHERE seq BETWEEN ? AND ?{where} ORDER BY seq LIMIT ?"
        lost_from, step = 0, 1
        while start <= end:
            page, error = self._page(sql, start, (end, *names, PAGE_EVENTS))
            if page and lost_from:
                self._damaged(f"events {lost_from} to {page[0][0] - 1} cannot be read")
                lost_from, step = 0, 1
            yield from page
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

    def _edge(self, order: str) -> Edge | None:
        try:
            row = self._db.execute(f"SELECT seq, t FROM event ORDER BY seq {order} LIMIT 1").fetchone()
        except BROKEN:
            row = None
            for found in self._rows(1, None):
                row = found
                if order == "ASC":
                    break
        return Edge(int(row[0]), int(row[1])) if row and isinstance(row[1], int) else None

    def _meta(self, key: str) -> str | None:
        try:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        except BROKEN:
            return None
        return row[0] if row and isinstance(row[0], str) else None

    def _damaged(self, text: str) -> None:
        if text in self._damage:
            return
        if len(self._damage) < MAX_DAMAGE:
            self._damage[text] = None
        else:
            self._more_damage += 1


# --- opening ------------------------------------------------------------------------------------------------------


def _check_header(path: Path) -> None:
    """The first hundred bytes say whether it is ours: SQLite need not touch what is not."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise RecordingError(error.strerror or "cannot be opened", str(path)) from error
    if not header:
        raise RecordingError("the file is empty", str(path))
    ours = header.startswith(b"SQLite format 3\0") and header[68:72] == schema.APPLICATION_ID.to_bytes(4, "big")
    if len(header) < 100 or not ours:
        raise RecordingError("this is not a recording of the cockpit", str(path))
    version = int.from_bytes(header[60:64], "big")
    if version != schema.VERSION:
        newer = "made by a newer version of the cockpit" if version > schema.VERSION else "of an unknown version"
        raise RecordingError(f"the recording is {newer} (format {version}, known is {schema.VERSION})", str(path))


def _ways(path: Path) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """How to open it, best first: address, settings, and what was lost that way."""
    uri = path.absolute().as_uri() + "?mode=ro"
    yield uri, _SETTINGS, ""
    wal = Path(f"{path}-wal")
    with suppress(OSError):
        if not wal.exists() or not wal.stat().st_size:
            yield uri + "&immutable=1", _SETTINGS, ""
        elif not os.access(path.parent, os.W_OK):
            yield uri + "&immutable=1", _SETTINGS, "the newest events (the -wal file) cannot be read in this folder"
    # A file that is shorter than its header says is refused otherwise.
    yield uri + "&immutable=1", (*_SETTINGS, "writable_schema=ON"), "the file is incomplete: read as far as it goes"


def _connect(uri: str, settings: tuple[str, ...]) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=2.0, check_same_thread=False)
    try:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MAX_PAYLOAD)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for setting in settings:
            db.execute(f"PRAGMA {setting}")
    except BaseException:
        db.close()
        raise
    return db


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    """Exactly our tables, index and triggers: nothing that runs when it is read."""
    foreign = RecordingError("this is not a recording of the cockpit (its tables are others)", str(path))
    try:
        limit = len(schema.OBJECTS) + 1
        found = db.execute("SELECT name, sql FROM sqlite_schema LIMIT ?", (limit,)).fetchall()
        if len(found) != len(schema.OBJECTS) or dict(found) != schema.OBJECTS:
            raise foreign
        row = db.execute("SELECT value FROM meta WHERE key = 'events'").fetchone()
    except UnicodeDecodeError:
        raise foreign from None
    version = int(row[0]) if row and isinstance(row[0], str) and row[0].isdigit() and len(row[0]) < 9 else 0
    if not version:
        raise foreign
    if version > SCHEMA:
        raise RecordingError(
            f"the recording is made by a newer version of the cockpit (events {version}, known is {SCHEMA})", str(path)
        )


def _clean(error: object) -> str:
    """One printable line."""
    return "".join(c if c.isprintable() else "?" for c in str(error))[:200]
