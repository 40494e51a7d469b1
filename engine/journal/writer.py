"""The journal's writer: events go in from the event loop, one thread commits them in groups, whoever needs it waits.

``append`` numbers an event and returns at once. ``durable`` waits until that number is on the disk: nothing that an
event decided may leave the process before. A commit that raised has an unknown outcome, and a disk that lied once
reports success the next time, so the first failure is final: the journal takes no more events and says so to everyone.

When nothing is due the same thread compacts older market rows and stores keyframes (``engine.journal.compact``).
"""

from __future__ import annotations

import asyncio
import atexit
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from engine.journal import keyframe, schema
from engine.journal.block import Row
from engine.journal.codec import CodecError, checksum, encode
from engine.journal.compact import Compactor
from engine.model.errors import CockpitError
from engine.model.events import Event

GROUP_EVENTS = 1_000
GROUP_NS = 50_000_000
MAX_PENDING = 100_000
CLOSE_S = 10.0
CLOSE_NOW_S = 2.0
TIDY_S = 1.0
"""What a close may spend on compacting: rows that are left are as good, only larger."""


class JournalError(CockpitError):
    exit_code: ClassVar[int] = 5


class Journal:
    """One session's journal. Every method belongs to the event loop's thread, the connection to the writer thread."""

    def __init__(self, path: Path, db: sqlite3.Connection, max_pending: int = MAX_PENDING) -> None:
        self.path = path
        self.on_failure: Callable[[JournalError], None] | None = None
        """Called once, in the loop's thread, when the journal has failed."""
        self._db = db
        self._max_pending = max_pending
        self._loop = asyncio.get_running_loop()
        self._rows: deque[Row] = deque()
        self._taken_ns: deque[int] = deque()
        """When each uncommitted event was appended (monotonic), the ones being committed included."""
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._seq = 0
        self._committed = 0
        self._wanted = 0
        self._closing = False
        self._failed: JournalError | None = None
        self._compactor = Compactor(db, self._commit_due)
        self._wake = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()
        atexit.register(self.close_now)

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new file; an existing one is refused. Takes a few milliseconds of disk time."""
        try:
            return cls(path, schema.create(path))
        except FileExistsError as error:
            raise JournalError("a journal is never written over", str(error.filename or path)) from error
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                f"the journal cannot be created: {error}", str(path), "check the folder's space and permissions"
            ) from error

    # --- what the engine calls ----------------------------------------------------------------------------------

    def append(self, event: Event) -> int:
        """Take an event and give its sequence number. Never waits; JournalError if it cannot be taken."""
        if self._failed is not None:
            raise _again(self._failed)
        if self._closing:
            raise JournalError("the journal is closed", str(self.path))
        if len(self._rows) >= self._max_pending:
            error = JournalError(
                f"{len(self._rows):,} events wait for the disk", str(self.path), "the disk is too slow or stuck"
            )
            self._fail(error)
            raise error
        seq = self._seq + 1
        try:
            kind, payload = encode(event)
            row = (seq, event.t, kind, payload, checksum(seq, event.t, kind, payload))
        except CodecError as error:
            raise JournalError(str(error), str(self.path)) from error
        except Exception as error:
            raise JournalError(f"{type(event).__name__} has no usable time: {event.t!r}", str(self.path)) from error
        self._seq = seq
        self._taken_ns.append(time.monotonic_ns())
        self._rows.append(row)
        waiting = len(self._rows)
        if waiting in (1, GROUP_EVENTS):
            self._wake.set()
        return seq

    async def durable(self, seq: int) -> None:
        """Return when everything up to ``seq`` is committed; JournalError if it never will be.

        Cancelling the waiter takes nothing back: the event stays in its place.
        """
        if seq > self._seq:
            raise ValueError(f"event {seq} was never appended; the last is {self._seq}")
        if seq <= self._committed:
            return
        if self._failed is not None:
            raise _again(self._failed)
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((seq, future))
        self._wanted = max(self._wanted, seq)
        self._wake.set()
        if seq <= self._committed:
            self._answer()
        await future

    def keyframe(self, seq: int, state: bytes) -> None:
        """Keep an encoded state (``engine.journal.keyframe``) as it is after event ``seq``. Never waits, never raises."""
        if self._failed is None and not self._closing and seq <= self._seq:
            self._compactor.offer(seq, state, keyframe.guard())
            self._wake.set()

    @property
    def seq(self) -> int:
        """Last sequence number given out."""
        return self._seq

    @property
    def committed(self) -> int:
        """Last sequence number that is durable."""
        return self._committed

    @property
    def pending(self) -> int:
        """Events taken and not yet durable."""
        return self._seq - self._committed

    @property
    def lag_ms(self) -> float:
        """Age of the oldest event that is not durable yet; zero when all are."""
        try:
            return (time.monotonic_ns() - self._taken_ns[0]) / 1e6
        except IndexError:
            return 0.0

    @property
    def failed(self) -> JournalError | None:
        return self._failed

    async def close(self) -> None:
        """Commit what is left and leave a single file. Bounded, repeatable, never raises: look at ``failed``."""
        self._begin_close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), CLOSE_S)
            self._thread.join(CLOSE_NOW_S)
        self._end_close()

    def close_now(self) -> None:
        """The same without a loop, for emergencies: blocks for at most two seconds."""
        self._begin_close()
        self._thread.join(CLOSE_NOW_S)
        self._end_close()

    def _begin_close(self) -> None:
        self._closing = True
        self._wake.set()

    def _end_close(self) -> None:
        atexit.unregister(self.close_now)
        if self._thread.is_alive():
            self._fail(JournalError("the disk did not answer while the journal was closed", str(self.path)))
        elif not self._loop.is_closed():
            self._answer()

    # --- waking the waiters (loop's thread) ----------------------------------------------------------------------

    def _answer(self) -> None:
        left: list[tuple[int, asyncio.Future[None]]] = []
        for seq, future in self._waiters:
            if future.done():
                continue
            if seq <= self._committed:
                future.set_result(None)
            elif self._failed is not None:
                future.set_exception(_again(self._failed))
            else:
                left.append((seq, future))
        self._waiters = left

    def _fail(self, error: JournalError) -> None:
        """From either thread; the first failure wins."""
        if self._failed is None:
            self._failed = error
            self._wake.set()
            self._in_loop(self._announce)

    def _announce(self) -> None:
        self._answer()
        if self.on_failure is not None and self._failed is not None:
            self.on_failure(self._failed)

    def _in_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is gone: nobody is left to tell
            self._loop.call_soon_threadsafe(call)

    # --- the writer thread ---------------------------------------------------------------------------------------

    def _write(self) -> None:
        try:
            while self._failed is None:
                self._wake.wait(self._patience())
                self._wake.clear()
                self._commit_due()
                while self._failed is None and not self._closing and self._compactor.has_work(self._committed):
                    self._compactor.work(self._committed)
                    self._commit_due()
                if self._closing and not self._rows:
                    break
            if self._failed is None:
                self._finish()
        except Exception as error:
            self._fail(
                JournalError(
                    f"the journal could not be written: {error}", str(self.path), "nothing may be traded without it"
                )
            )
        finally:
            with suppress(sqlite3.Error):
                self._db.close()
            self._in_loop(self._ended.set)

    def _patience(self) -> float | None:
        """Seconds until the oldest event is due; None while there is none."""
        if not self._rows:
            return None
        return max(0.0, (self._taken_ns[0] + GROUP_NS - time.monotonic_ns()) / 1e9)

    def _due(self) -> bool:
        if not self._rows or self._failed is not None:
            return False
        return (
            self._closing
            or len(self._rows) >= GROUP_EVENTS
            or self._rows[0][0] <= self._wanted
            or time.monotonic_ns() - self._taken_ns[0] >= GROUP_NS
        )

    def _commit_due(self) -> None:
        while self._due():
            self._commit()

    def _commit(self) -> None:
        rows = self._rows
        batch = [rows.popleft() for _ in range(min(len(rows), GROUP_EVENTS))]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(schema.INSERT, batch)
        self._db.execute("COMMIT")
        if self._failed is not None:
            return
        self._committed = batch[-1][0]
        self._compactor.took(batch)
        for _ in batch:
            self._taken_ns.popleft()
        if self._waiters:
            self._in_loop(self._answer)

    def _finish(self) -> None:
        end = time.monotonic() + TIDY_S
        self._compactor.finish(self._committed, lambda: self._failed is None and time.monotonic() < end)
        self._db.execute(schema.SET_META, ("closed_seq", str(self._committed)))
        self._db.execute("PRAGMA busy_timeout=200")
        # A reader may hold the file: then it stays in WAL mode, complete and readable.
        with suppress(sqlite3.OperationalError):
            self._compactor.shrink()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")


def _again(error: JournalError) -> JournalError:
    """A copy to raise: one object raised for every event would collect every traceback."""
    return JournalError(error.what, error.where, error.hint)
