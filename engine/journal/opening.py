"""Whether a file is a recording at all, and the ways to open one: read-only, with nothing in it that runs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from engine.journal import schema
from engine.journal.codec import MAX_PAYLOAD
from engine.model.errors import CockpitError
from engine.model.events import SCHEMA

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's module raises on a broken file; the second where a text, or the name in its own message, is not UTF-8."""

_SETTINGS = ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0", "cache_size=-8192")


class RecordingError(CockpitError):
    exit_code: ClassVar[int] = 6


def connection(path: Path) -> tuple[sqlite3.Connection, str]:
    """A connection that only reads, and what could not be opened of the file (empty: nothing is missing).

    RecordingError for what is no recording, is newer than this program, or cannot be read at all.
    """
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
        return db, remark
    raise RecordingError(
        f"this recording cannot be read: {clean(problem)}", str(path), "it is damaged or in use; keep a copy"
    )


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
    yield uri + "&immutable=1", ("writable_schema=ON", *_SETTINGS), "the file is incomplete: read as far as it goes"


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
    limit = len(schema.OBJECTS) + 1
    found = db.execute("SELECT name, sql FROM sqlite_schema LIMIT ?", (limit,)).fetchall()
    if len(found) != len(schema.OBJECTS) or dict(found) != schema.OBJECTS:
        raise foreign
    row = db.execute("SELECT value FROM meta WHERE key = 'events'").fetchone()
    version = int(row[0]) if row and isinstance(row[0], str) and row[0].isdigit() and len(row[0]) < 9 else 0
    if not version:
        raise foreign
    if version > SCHEMA:
        raise RecordingError(
            f"the recording is made by a newer version of the cockpit (events {version}, known is {SCHEMA})", str(path)
        )


def clean(error: object) -> str:
    """One printable line."""
    return "".join(c if c.isprintable() else "?" for c in str(error))[:200]
