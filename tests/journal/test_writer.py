"""What is durable stays; what failed is said; nobody waits for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.journal import schema, writer
from engine.journal.recording import Recording
from engine.journal.writer import Journal, JournalError
from engine.model.events import BadMessage, Clock, Event, Noticed, TickerTick


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = Journal.create(tmp_path / "sessions" / "one.ckpt")
    yield journal
    await journal.close()


def tick(t: int) -> TickerTick:
    return TickerTick(t, "BTCUSDT", 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def written(path: Path) -> list[tuple[int, Event]]:
    with Recording.open(path) as recording:
        assert recording.check() == []
        return list(recording.events())


class Wrapped:
    """A connection whose disk can fail or stand still."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.fail_commit = -1
        self.commits = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def execute(self, sql: str, *arguments: Any) -> Any:
        if sql == "COMMIT":
            self.go_on.wait(10)
            self.commits += 1
            if self.commits == self.fail_commit:
                raise sqlite3.OperationalError("disk I/O error")
        return self.db.execute(sql, *arguments)

    def executemany(self, sql: str, rows: Any) -> Any:
        return self.db.executemany(sql, rows)

    def close(self) -> None:
        self.db.close()


def wrapped(path: Path, max_pending: int = writer.MAX_PENDING) -> tuple[Journal, Wrapped]:
    db = Wrapped(schema.create(path))
    return Journal(path, db, max_pending), db  # type: ignore[arg-type]


# --- writing ------------------------------------------------------------------------------------------------------


async def test_events_are_numbered_from_one_in_the_order_of_appending(journal: Journal) -> None:
    events: list[Event] = [Clock(10), tick(20), Noticed(30, "Config", "", "hello")]
    assert [journal.append(event) for event in events] == [1, 2, 3]
    await journal.close()
    assert written(journal.path) == list(enumerate(events, 1))


async def test_what_is_durable_can_be_read_by_someone_else_at_once(journal: Journal) -> None:
    for t in range(1, 51):
        await journal.durable(journal.append(Clock(t)))
        assert journal.committed == t
    with Recording.open(journal.path) as live:
        assert [seq for seq, _ in live.events()] == list(range(1, 51))
        journal.append(Clock(51))
        await journal.durable(51)
        assert live.last == (51, 51)
        assert live.check() == []
        assert not live.closed


async def test_market_events_become_durable_without_anyone_waiting(journal: Journal) -> None:
    journal.append(tick(1))
    assert journal.pending == 1
    for _ in range(200):
        await asyncio.sleep(0.005)
        if not journal.pending:
            break
    assert (journal.pending, journal.committed, journal.lag_ms) == (0, 1, 0.0)


async def test_one_waiting_order_takes_all_that_came_before_it_along(journal: Journal) -> None:
    for t in range(5_000):
        journal.append(tick(t))
    seq = journal.append(Clock(5_000))
    await journal.durable(seq)
    assert journal.committed >= seq


async def test_a_cancelled_waiter_loses_nothing_and_disturbs_nobody(tmp_path: Path) -> None:
    journal, db = wrapped(tmp_path / "one.ckpt")
    db.go_on.clear()
    waiters = [asyncio.create_task(journal.durable(journal.append(Clock(t)))) for t in range(20)]
    await asyncio.sleep(0.01)
    for task in waiters[::2]:
        task.cancel()
    await asyncio.sleep(0)
    db.go_on.set()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False] * 10
    await journal.close()
    assert len(written(journal.path)) == 20


async def test_the_lag_is_the_age_of_the_oldest_event_that_is_not_durable(tmp_path: Path) -> None:
    journal, db = wrapped(tmp_path / "one.ckpt")
    assert journal.lag_ms == 0.0
    db.go_on.clear()
    waiter = asyncio.create_task(journal.durable(journal.append(Clock(1))))
    await asyncio.sleep(0.03)
    assert journal.lag_ms >= 30
    db.go_on.set()
    await waiter
    assert journal.lag_ms == 0.0
    await journal.close()


async def test_waiting_for_an_event_that_was_never_appended_is_a_mistake(journal: Journal) -> None:
    with pytest.raises(ValueError, match="never appended"):
        await journal.durable(1)


async def test_an_event_that_cannot_be_written_is_refused_without_taking_a_number(journal: Journal) -> None:
    for bad in (BadMessage(1, "public", "", "x" * (1 << 20)), Clock(1, loop_lag_ms=float("nan")), Clock(1 << 63)):
        with pytest.raises(JournalError):
            journal.append(bad)
    assert journal.append(Clock(2)) == 1
    await journal.durable(1)


# --- failing ------------------------------------------------------------------------------------------------------


async def test_a_failed_commit_fails_the_journal_for_good(tmp_path: Path) -> None:
    journal, db = wrapped(tmp_path / "one.ckpt")
    told: list[JournalError] = []
    journal.on_failure = told.append
    await journal.durable(journal.append(Clock(1)))
    db.fail_commit = 2
    first, second = journal.append(Clock(2)), journal.append(Clock(3))
    for outcome in await asyncio.gather(journal.durable(first), journal.durable(second), return_exceptions=True):
        assert isinstance(outcome, JournalError)
        assert "disk I/O error" in str(outcome)
    with pytest.raises(JournalError):
        journal.append(Clock(4))
    with pytest.raises(JournalError):
        await journal.durable(first)
    await journal.durable(1)
    await journal.close()
    assert len(told) == 1
    assert journal.failed is told[0]
    assert db.commits == 2
    assert [seq for seq, _ in written(journal.path)] == [1]


async def test_a_stuck_disk_fails_the_journal_instead_of_filling_the_memory(tmp_path: Path) -> None:
    journal, db = wrapped(tmp_path / "one.ckpt", max_pending=100)
    told: list[JournalError] = []
    journal.on_failure = told.append
    db.go_on.clear()
    waiter = asyncio.create_task(journal.durable(journal.append(Clock(1))))
    await asyncio.sleep(0.01)
    with pytest.raises(JournalError, match="wait for the disk"):
        deque(journal.append(tick(t)) for t in range(200))
    with pytest.raises(JournalError):
        await waiter
    assert len(told) == 1
    db.go_on.set()
    await journal.close()


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_full_disk_fails_the_journal_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        while journal.failed is None:
            try:
                await journal.durable(journal.append(Clock(journal.seq + 1)))
            except Exception as error:
                print(type(error).__name__, journal.committed, flush=True)
        await journal.close()
    """
    child = program(body, tmp_path / "one.ckpt")
    name, acknowledged = child.communicate(timeout=20)[0].split()
    assert (name, child.returncode) == ("JournalError", 0)
    events = written(tmp_path / "one.ckpt")
    assert len(events) >= int(acknowledged) > 10


async def test_a_thousand_failing_waiters_are_all_told(tmp_path: Path) -> None:
    journal, db = wrapped(tmp_path / "one.ckpt")
    db.fail_commit = 1
    db.go_on.clear()
    waiting = asyncio.gather(*(journal.durable(journal.append(Clock(t))) for t in range(1_000)), return_exceptions=True)
    await asyncio.sleep(0)
    db.go_on.set()
    outcomes = await waiting
    assert {type(outcome) for outcome in outcomes} == {JournalError}
    await journal.close()


# --- opening and closing ------------------------------------------------------------------------------------------


async def test_an_existing_file_is_never_written_over(journal: Journal) -> None:
    with pytest.raises(JournalError, match="never written over"):
        Journal.create(journal.path)


async def test_a_leftover_log_of_another_journal_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "one.ckpt-wal").write_bytes(b"foreign")
    with pytest.raises(JournalError, match=r"one\.ckpt-wal"):
        Journal.create(tmp_path / "one.ckpt")
    assert not (tmp_path / "one.ckpt").exists()


async def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be created"):
        Journal.create(tmp_path / "file" / "sessions" / "one.ckpt")


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
async def test_only_the_owner_can_read_a_journal(journal: Journal) -> None:
    await journal.durable(journal.append(Clock(1)))
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    for path in journal.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_closed_journal_is_one_file_that_opens_anywhere(journal: Journal) -> None:
    journal.append(Clock(1))
    await journal.close()
    await journal.close()
    assert [path.name for path in journal.path.parent.iterdir()] == ["one.ckpt"]
    assert journal.path.read_bytes()[18:20] == b"\x01\x01"
    assert journal.failed is None
    with pytest.raises(JournalError, match="closed"):
        journal.append(Clock(2))
    await journal.durable(1)


async def test_closing_while_someone_reads_keeps_everything(journal: Journal) -> None:
    for t in range(1, 3_001):
        journal.append(tick(t))
    await journal.durable(3_000)
    with Recording.open(journal.path) as reader:
        events = reader.events()
        next(events)
        journal.append(Clock(3_001))
        await journal.close()
        assert journal.failed is None
        assert sum(1 for _ in events) == 3_000
    assert len(written(journal.path)) == 3_001


async def test_an_emergency_close_needs_no_loop(journal: Journal) -> None:
    journal.append(Clock(1))
    journal.close_now()
    assert journal.committed == 1
    assert len(written(journal.path)) == 1


async def test_the_rows_cannot_be_changed_afterwards(journal: Journal) -> None:
    journal.append(Clock(1))
    await journal.close()
    with sqlite3.connect(journal.path) as db:
        for sql in ("UPDATE event SET t = 0", "DELETE FROM event"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(sql)


async def test_an_event_that_is_committed_while_its_waiter_sits_down_is_answered_at_once(tmp_path: Path) -> None:
    """The writer commits between the waiter's look and its place in the queue; nobody else would call it any more."""
    journal, _ = wrapped(tmp_path / "one.ckpt")
    seq = journal.append(Clock(1))
    wake = journal._wake

    class CommitsFirst(threading.Event):
        def set(self) -> None:
            journal._committed = seq
            journal._wake = wake

    journal._wake = CommitsFirst()
    await asyncio.wait_for(journal.durable(seq), 1)
    await journal.close()


async def test_a_disk_that_hangs_does_not_hold_an_emergency_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CLOSE_NOW_S", 0.05)
    journal, db = wrapped(tmp_path / "one.ckpt")
    db.go_on.clear()
    waiter = asyncio.create_task(journal.durable(journal.append(Clock(1))))
    await asyncio.sleep(0.01)
    journal.close_now()
    assert "did not answer" in str(journal.failed)
    with pytest.raises(JournalError, match="did not answer"):
        await waiter
    db.go_on.set()
    journal._thread.join(2)


async def test_a_disk_that_hangs_does_not_hold_an_ordinary_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CLOSE_S", 0.05)
    journal, db = wrapped(tmp_path / "one.ckpt")
    db.go_on.clear()
    waiter = asyncio.create_task(journal.durable(journal.append(Clock(1))))
    await asyncio.sleep(0.01)
    await journal.close()
    with pytest.raises(JournalError, match="did not answer"):
        await waiter
    db.go_on.set()
    journal._thread.join(2)


async def test_the_first_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    journal, _ = wrapped(tmp_path / "one.ckpt")
    told: list[JournalError] = []
    journal.on_failure = told.append
    for text in ("the first", "the second"):
        journal._fail(JournalError(text))
    await asyncio.sleep(0)
    await journal.close()
    assert [error.what for error in told] == ["the first"]
    assert journal.failed is told[0]


def test_a_journal_whose_loop_is_gone_is_closed_all_the_same(tmp_path: Path) -> None:
    async def leave() -> Journal:
        journal = Journal.create(tmp_path / "one.ckpt")
        journal.append(Clock(1))
        return journal

    journal = asyncio.run(leave())
    journal.close_now()
    assert journal.failed is None
    assert written(journal.path) == [(1, Clock(1))]


# --- dying --------------------------------------------------------------------------------------------------------

PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from engine.journal.writer import Journal
    from engine.model.events import Clock

    async def main():
        journal = Journal.create(Path(sys.argv[1]))
        {body}

    asyncio.run(main())
"""


def program(body: str, path: Path) -> subprocess.Popen[str]:
    source = textwrap.dedent(PROGRAM).replace("    {body}", textwrap.indent(textwrap.dedent(body), "    "))
    return subprocess.Popen([sys.executable, "-c", source, str(path)], stdout=subprocess.PIPE, text=True)


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    body = """
        while True:
            for _ in range(20):
                seq = journal.append(Clock(journal.seq + 1))
            await journal.durable(seq)
            print(seq, flush=True)
    """
    for turn in range(5):
        path = tmp_path / f"{turn}.ckpt"
        child = program(body, path)
        assert child.stdout is not None
        acknowledged = 0
        for line in child.stdout:
            acknowledged = int(line)
            if acknowledged >= 400 + 300 * turn:
                break
        child.send_signal(signal.SIGKILL)
        rest = child.communicate()[0].split("\n")[:-1]
        acknowledged = max([acknowledged, *map(int, rest)])
        events = written(path)
        assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
        assert [event.t for _, event in events] == list(range(1, len(events) + 1))
        assert len(events) >= acknowledged


def test_a_program_that_crashes_ends_and_still_writes_what_it_had(tmp_path: Path) -> None:
    body = "[journal.append(Clock(t)) for t in range(500)]; raise SystemExit(3)"
    child = program(body, tmp_path / "one.ckpt")
    child.communicate(timeout=10)
    assert child.returncode == 3
    assert len(written(tmp_path / "one.ckpt")) == 500
