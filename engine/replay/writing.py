"""A recording written in one go, from events that are already known: blocks and keyframes like a session's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from engine.journal import keyframe, schema
from engine.journal.block import Row
from engine.journal.codec import CodecError, checksum, encode
from engine.journal.compact import Compactor
from engine.model.errors import CockpitError
from engine.model.events import Event
from engine.model.state import State

BATCH = 4_096


class WritingError(CockpitError):
    exit_code: ClassVar[int] = 5


class Writer:
    """A new file; WritingError for one that exists or cannot be written. ``discard`` takes away what was not completed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        self._rows: list[Row] = []
        self._next_keyframe = keyframe.EVERY
        try:
            self._db = schema.create(path)
        except FileExistsError as error:
            raise WritingError("a recording is never written over", str(error.filename or path)) from error
        except (OSError, sqlite3.Error) as error:
            raise WritingError(f"the recording cannot be created: {error}", str(path)) from error
        self._compactor = Compactor(self._db, lambda: None)

    def write(self, events: Iterable[Event], state: State) -> None:
        """The next events in order; ``state`` is the one after the last of them."""
        try:
            for event in events:
                self.seq += 1
                kind, payload = encode(event)
                row = (self.seq, event.t, kind, payload, checksum(self.seq, event.t, kind, payload))
                self._rows.append(row)
            if self.seq >= self._next_keyframe:
                self._next_keyframe = self.seq + keyframe.EVERY
                self._compactor.offer(self.seq, keyframe.encode_state(state), keyframe.guard())
            if len(self._rows) >= BATCH:
                self._commit()
        except (CodecError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Everything durable, nothing missing behind the last event, and a single file."""
        try:
            self._commit()
            self._compactor.finish(self.seq, lambda: True)
            self._db.execute(schema.SET_META, ("closed_seq", str(self.seq)))
            self._compactor.shrink()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._db.close()

    def discard(self) -> None:
        self._db.close()
        for suffix in ("", *schema.SIDE_FILES):
            with suppress(OSError):
                Path(f"{self.path}{suffix}").unlink()

    def _commit(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(schema.INSERT, self._rows)
        self._db.execute("COMMIT")
        self._compactor.took(self._rows)
        self._rows.clear()
        while self._compactor.has_work(self.seq):
            self._compactor.work(self.seq)

    def _failed(self, why: object) -> WritingError:
        return WritingError(f"the recording could not be written: {why}", str(self.path))
