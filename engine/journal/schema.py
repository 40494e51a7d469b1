"""The journal's file, version 1: one SQLite database per session.

======================  ==============================================================================================
``application_id``      ``0x434B5054`` ("CKPT")
``user_version``        1; raised when a table changes
``meta(key, value)``    ``events``: version of the event types (``engine.model.events.SCHEMA``);
                        ``created_t``: UTC nanoseconds; ``closed_seq``: the last sequence number, only after a clean end
``event.seq``           1, 2, 3 … without gaps, those in blocks included
``event.t``             UTC nanoseconds, the event's own ``t``
``event.kind``          name of the event type (``engine.model.events.KINDS``)
``event.payload``       ``engine.journal.codec``
``event.crc``           ``engine.journal.codec.checksum`` over the other four
``event_rare``          index by kind of everything but the market's ticks and the clock
``block.seq, first``    numbers of the last and of the first event of a block; in between, it holds every event of a
                        frequent kind, and ``event`` has the others. Blocks do not overlap
``block.events``        how many events are in it
``block.t, last_t``     times of its first and last event; ``idle`` is the longest time between two of them
``block.size``          bytes of the text that ``data`` is when decompressed (zlib): ``engine.journal.block``
``block.crcs``          what ``event.crc`` was, 4 bytes little-endian each, in order of ``seq``
``block.crc``           CRC-32 over the seven integers as little-endian 64 bits, ``data`` and ``crcs``
``keyframe.seq``        the state after this event (``engine.journal.keyframe``): a hint, which the events overrule
``keyframe.guard``      fingerprint of the code that made it; other code passes it over
``keyframe.size, crc``  bytes of the state when decompressed; CRC-32 of ``state`` as stored
======================  ==============================================================================================

Events are only ever appended: triggers refuse changes. Market events are first written as rows like all others; later
one transaction puts a thousand of them into a block and takes their rows away, which is the only deletion that passes.

While the session runs the file is in WAL mode, beside it lie ``-wal`` and ``-shm``, and all three belong together; after
a clean end it is one file that opens from read-only media.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from engine.model.events import SCHEMA

APPLICATION_ID = 0x434B5054
VERSION = 1
FREQUENT = ("BookTick", "CandleTick", "Clock", "MarkTick", "TickerTick", "TradeTick")
RARE = "kind NOT IN ({})".format(", ".join(f"'{kind}'" for kind in FREQUENT))
"""Condition of the index; a query that repeats it word for word can use the index."""

OBJECTS: dict[str, str] = {
    "meta": "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "event": (
        "CREATE TABLE event(seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, kind TEXT NOT NULL, "
        "payload BLOB NOT NULL, crc INTEGER NOT NULL) STRICT"
    ),
    "event_rare": f"CREATE INDEX event_rare ON event(kind) WHERE {RARE}",
    "event_no_update": (
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event "
        "BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
    ),
    "event_no_delete": (
        "CREATE TRIGGER event_no_delete BEFORE DELETE ON event "
        f"WHEN OLD.{RARE} OR OLD.seq < coalesce((SELECT first FROM block WHERE seq >= OLD.seq ORDER BY seq LIMIT 1), "
        "OLD.seq + 1) BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
    ),
    "block": (
        "CREATE TABLE block(seq INTEGER PRIMARY KEY, first INTEGER NOT NULL, events INTEGER NOT NULL, t INTEGER NOT NULL, "
        "last_t INTEGER NOT NULL, idle INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL, "
        "crcs BLOB NOT NULL, crc INTEGER NOT NULL) STRICT"
    ),
    "block_no_update": (
        "CREATE TRIGGER block_no_update BEFORE UPDATE ON block "
        "BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
    ),
    "block_no_delete": (
        "CREATE TRIGGER block_no_delete BEFORE DELETE ON block "
        "BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
    ),
    "keyframe": (
        "CREATE TABLE keyframe(seq INTEGER PRIMARY KEY, guard TEXT NOT NULL, size INTEGER NOT NULL, "
        "state BLOB NOT NULL, crc INTEGER NOT NULL) STRICT"
    ),
}
"""Everything that the database may contain, by name, as ``sqlite_schema`` gives it back."""

INSERT = "INSERT INTO event(seq, t, kind, payload, crc) VALUES(?, ?, ?, ?, ?)"
DELETE_BLOCKED = "DELETE FROM event WHERE seq = ?"
INSERT_BLOCK = (
    "INSERT INTO block(seq, first, events, t, last_t, idle, size, data, crcs, crc) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_KEYFRAME = "INSERT OR IGNORE INTO keyframe(seq, guard, size, state, crc) VALUES(?, ?, ?, ?, ?)"
SET_META = "INSERT INTO meta(key, value) VALUES(?, ?)"
SIDE_FILES = ("-wal", "-shm", "-journal")

WAL_LIMIT = 64 << 20


def create(path: Path) -> sqlite3.Connection:
    """A new journal, mode 0600 in a folder of mode 0700, ready for appending; OSError or sqlite3.Error."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix in SIDE_FILES:
        if os.path.lexists(f"{path}{suffix}"):
            raise FileExistsError(17, "a leftover of an earlier journal is in the way", f"{path}{suffix}")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        return _initialise(path)
    except BaseException:
        for suffix in ("", *SIDE_FILES):
            with suppress(OSError):
                os.unlink(f"{path}{suffix}")
        raise


def _initialise(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        # The header is written before WAL begins, so it can be checked without SQLite even after a crash.
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA fullfsync=ON")
        db.execute("PRAGMA checkpoint_fullfsync=ON")
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={VERSION}")
        for sql in OBJECTS.values():
            db.execute(sql)
        db.executemany(SET_META, [("events", str(SCHEMA)), ("created_t", str(time.time_ns()))])
        db.execute("COMMIT")
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"this file system has no write-ahead log (journal mode {mode})")
        db.execute(f"PRAGMA journal_size_limit={WAL_LIMIT}")
        sync_folder(path.parent)
    except BaseException:
        db.close()
        raise
    return db


def sync_folder(folder: Path) -> None:
    """Makes a new or renamed file's name durable; where folders cannot be synced (Windows), does nothing."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
