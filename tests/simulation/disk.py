"""A journal on a simulated disk: the writer's protocol in the loop, with seeded times of commit, stalls, failures and no room.

Rows are encoded by the real codec. When the process dies, what was committed survives; of a commit under way the whole or
nothing does, or it is torn in the middle of the real file's write-ahead log. The file is a real one, for the real recovery.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine.journal import keyframe, schema
from engine.journal.block import Row
from engine.journal.codec import checksum, encode
from engine.journal.compact import Compactor
from engine.journal.writer import GROUP_EVENTS, JournalError
from engine.model.events import Event

GROUP_S = 0.05
Outcome = Literal["done", "raised", "full"]
Tail = Literal["none", "kept", "lost", "torn"]


class Disk:
    """What all journals of a world are written to."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.slow = 1.0
        self.stalled_until = 0.0
        self.full = False
        self.raises = 0
        """The next N commits raise, whatever became of their events."""

    def commit(self, now: float) -> tuple[float, Outcome]:
        """How long the next commit takes, and how it ends."""
        took = self.rng.lognormvariate(-6.5, 0.5) * self.slow + max(0.0, self.stalled_until - now)
        if self.full:
            return took, "full"
        if self.raises:
            self.raises -= 1
            return took, "raised"
        return took, "done"


class SimJournal:
    """Stands in for ``engine.journal.writer.Journal``."""

    disk: Disk
    """Set by the world before anything is created."""
    told: Callable[[int, Event], None]
    """The life that creates the next journal: hears of every event and its number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tell = type(self).told
        self.on_failure: Callable[[JournalError], None] | None = None
        self.failed: JournalError | None = None
        self.rows: list[Row] = []
        self.committed = 0
        self.tail: Tail = "none"
        """What became of the commit that was under way at the end."""
        self.torn_at = 0.0
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._taken: list[float] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._busy = 0
        """Last number of the commit under way."""
        self._timer: asyncio.TimerHandle | None = None
        self._keyframes: list[tuple[int, bytes]] = []

    @classmethod
    def create(cls, path: Path) -> SimJournal:
        if cls.disk.full:
            raise JournalError("the journal cannot be created: database or disk is full", str(path))
        return cls(path)

    # --- what the session calls -------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        return len(self.rows)

    @property
    def pending(self) -> int:
        return len(self.rows) - self.committed

    @property
    def lag_ms(self) -> float:
        return (self._loop.time() - self._taken[self.committed]) * 1000 if self.pending else 0.0

    def append(self, event: Event) -> int:
        if self.failed is not None:
            raise JournalError(self.failed.what, self.failed.where)
        if self.closed:
            raise JournalError("the journal is closed", str(self.path))
        seq = len(self.rows) + 1
        kind, payload = encode(event)
        self.rows.append((seq, event.t, kind, payload, checksum(seq, event.t, kind, payload)))
        self._taken.append(self._loop.time())
        if self.pending >= GROUP_EVENTS:
            self._begin()
        elif not self._busy and self._timer is None:
            self._timer = self._loop.call_later(GROUP_S, self._begin)
        self._tell(seq, event)
        return seq

    async def durable(self, seq: int) -> None:
        if seq <= self.committed:
            return
        if self.failed is not None:
            raise JournalError(self.failed.what, self.failed.where)
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((seq, future))
        self._begin()
        await future

    def keyframe(self, seq: int, state: bytes) -> None:
        if self.failed is None and not self.closed:
            self._keyframes.append((seq, state))

    async def close(self) -> None:
        """Commit what is left, bounded like the real one."""
        if self.closed:
            return
        if self.failed is None and self.rows:
            try:
                async with asyncio.timeout(10.0):
                    await self.durable(len(self.rows))
            except (TimeoutError, JournalError):
                self._fail("the disk did not answer while the journal was closed")
        self.closed = True

    # --- commits ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._busy or self.failed is not None or not self.pending:
            return
        self._busy = min(len(self.rows), self.committed + GROUP_EVENTS)
        took, outcome = self.disk.commit(self._loop.time())
        self._loop.call_later(took, self._end, outcome)

    def _end(self, outcome: Outcome) -> None:
        end, self._busy = self._busy, 0
        if outcome != "done":
            if outcome == "raised":
                self.tail = "kept" if self.disk.rng.random() < 0.5 else "lost"
                self._kept = end if self.tail == "kept" else self.committed
            self._fail("disk I/O error" if outcome == "raised" else "database or disk is full")
            return
        self.committed = end
        for seq, future in self._waiters:
            if seq <= end and not future.done():
                future.set_result(None)
        self._waiters = [(seq, future) for seq, future in self._waiters if seq > end and not future.done()]
        if self._waiters or self.pending >= GROUP_EVENTS:
            self._begin()
        elif self.pending:
            self._timer = self._loop.call_later(GROUP_S, self._begin)

    def _fail(self, why: str) -> None:
        if self.failed is not None:
            return
        self.failed = JournalError(f"the journal could not be written: {why}", str(self.path))
        waiters, self._waiters = self._waiters, []
        for _, future in waiters:
            if not future.done():
                future.set_exception(JournalError(self.failed.what, self.failed.where))
        if self.on_failure is not None:
            self.on_failure(self.failed)

    _kept = 0

    # --- after the end ----------------------------------------------------------------------------------------------

    def survivors(self) -> int:
        """How many events are on the disk now that nothing of the process runs any more."""
        rng = self.disk.rng
        if self.failed is not None:
            return max(self._kept, self.committed)
        if not self._busy:
            return self.committed
        self.tail = rng.choice(("kept", "lost", "torn"))
        self.torn_at = rng.random()
        return self._busy if self.tail == "kept" else self.committed

    def leave(self) -> int:
        """Write the file that a later process finds; gives the number of its events."""
        kept = self.survivors()
        under_way = self.rows[kept : self._busy] if self.tail == "torn" else []
        write(self.path, self.rows[:kept], self._keyframes, clean=self.closed and self.failed is None)
        if under_way:
            tear(self.path, under_way, self.torn_at)
        return kept


def write(path: Path, rows: list[Row], keyframes: list[tuple[int, bytes]], *, clean: bool) -> None:
    db = schema.create(path)
    compactor = Compactor(db, lambda: None)
    db.execute("BEGIN IMMEDIATE")
    db.executemany(schema.INSERT, rows)
    db.execute("COMMIT")
    compactor.took(rows)
    for seq, state in keyframes[-1:]:
        if seq <= len(rows):
            compactor.offer(seq, state, keyframe.guard())
    while compactor.has_work(len(rows)):
        compactor.work(len(rows))
    if clean:
        db.execute(schema.SET_META, ("closed_seq", str(len(rows))))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()


def tear(path: Path, rows: list[Row], at: float) -> None:
    """A commit of ``rows`` that broke off after the share ``at`` of its bytes."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("BEGIN IMMEDIATE")
    db.executemany(schema.INSERT, rows)
    db.execute("COMMIT")
    log, kept = Path(f"{path}-wal"), path.with_suffix(".torn")
    size = log.stat().st_size
    shutil.copyfile(path, kept)
    shutil.copyfile(log, f"{kept}-wal")
    db.close()
    kept.replace(path)
    Path(f"{kept}-wal").replace(log)
    with log.open("r+b") as file:
        file.truncate(int((size - 1) * at))
