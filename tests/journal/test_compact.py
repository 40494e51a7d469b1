"""Compacting changes how a recording is stored, never what is in it, whenever it is interrupted."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.journal import block, keyframe, schema
from engine.journal.codec import checksum, encode
from engine.journal.compact import Compactor
from engine.journal.recording import Recording, RecordingError
from engine.journal.writer import Journal
from engine.model.events import BookTick, Clock, Event, Noticed
from engine.model.market import Candle, Instrument
from engine.model.state import Account, Market, State


def event(seq: int) -> Event:
    if seq % 7 == 0:
        return Noticed(seq * 1_000, "Config", "BTCUSDT", f"number {seq}")
    if seq % 5 == 0:
        return Clock(seq * 1_000, seq / 3)
    return BookTick(seq * 1_000, "BTCUSDT", [(100.0 + seq, 1.0)] * 5, [(101.0 + seq, 1.0)] * 5, seq)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "EVENTS", 200)


async def record(path: Path, count: int, states: tuple[int, ...] = ()) -> Path:
    journal = Journal.create(path)
    for seq in range(1, count + 1):
        journal.append(event(seq))
        if seq in states:
            journal.keyframe(seq, keyframe.encode_state(State(seq=seq, t=seq * 1_000)))
    await journal.close()
    assert journal.failed is None
    return path


def expected(first: int, last: int) -> list[tuple[int, Event]]:
    return [(seq, event(seq)) for seq in range(first, last + 1)]


# --- what is in it ------------------------------------------------------------------------------------------------


async def test_a_compacted_recording_reads_like_one_that_is_not(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 3_000)
    with Recording.open(path) as recording:
        assert len(recording.spans()) > 10
        assert recording.check() == []
        assert list(recording.events()) == expected(1, 3_000)
        assert (recording.first, recording.last, recording.count) == ((1, 1_000), (3_000, 3_000_000), 3_000)
        for first, last in ((1, 1), (2, 2), (195, 260), (999, 1_700), (2_990, 3_000), (3_001, 4_000)):
            assert list(recording.events(first, last)) == expected(first, min(last, 3_000))
        clocks = [pair for pair in expected(100, 900) if isinstance(pair[1], Clock)]
        assert list(recording.events(100, 900, {"Clock"})) == clocks
        rare = [pair for pair in expected(1, 3_000) if isinstance(pair[1], Noticed)]
        assert list(recording.events(kinds={"Noticed"})) == rare
        assert list(recording.events(kinds={"Noticed", "Clock"})) == [
            pair for pair in expected(1, 3_000) if isinstance(pair[1], Noticed | Clock)
        ]


async def test_only_market_rows_are_gone_from_the_table(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 3_000)
    db = sqlite3.connect(path)
    kinds = dict(db.execute("SELECT kind, count(*) FROM event GROUP BY kind").fetchall())
    assert kinds["Noticed"] == 3_000 // 7
    assert sum(kinds.values()) - kinds["Noticed"] < block.EVENTS
    db.close()


async def test_compacting_saves_most_of_the_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = (await record(tmp_path / "small.cockpit", 5_000)).stat().st_size
    monkeypatch.setattr(block, "EVENTS", 1 << 30)
    monkeypatch.setattr("engine.journal.compact.KEPT_ROWS", 1 << 30)
    large = (await record(tmp_path / "large.cockpit", 5_000)).stat().st_size
    assert small < large / 3


async def test_an_event_can_be_deleted_only_when_it_is_in_a_block(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 1_000)
    db = sqlite3.connect(path, isolation_level=None)
    for sql in (
        "DELETE FROM event",
        "DELETE FROM event WHERE kind = 'Noticed'",
        "DELETE FROM block",
        "UPDATE block SET seq = seq",
        "UPDATE event SET t = 0",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(sql)
    db.close()


async def test_someone_who_reads_while_it_is_compacted_misses_nothing_and_sees_nothing_twice(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one.cockpit")
    with Recording.open(journal.path) as reader:
        seen = 0
        for turn in range(1, 31):
            for seq in range(turn * 100 - 99, turn * 100 + 1):
                journal.append(event(seq))
            await journal.durable(turn * 100)
            found = list(reader.events(seen + 1))
            assert found == expected(seen + 1, turn * 100)
            half = reader.events(1)
            before = [next(half) for _ in range(turn * 50)]
            seen = turn * 100
            assert before + list(half) == expected(1, seen)
        assert reader.last == (3_000, 3_000_000)
        assert reader.spans()
        assert reader.check() == []
        await journal.close()


# --- interrupted --------------------------------------------------------------------------------------------------


class Photographed:
    """A connection that keeps a copy of the files before and after every statement, as a power cut would leave them."""

    def __init__(self, db: sqlite3.Connection, path: Path, folder: Path) -> None:
        self.db, self.path, self.folder, self.pictures = db, path, folder, 0

    def _picture(self) -> None:
        self.pictures += 1
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", self.folder / f"{self.pictures}.cockpit{suffix}")

    def execute(self, sql: str, *arguments: Any) -> Any:
        self._picture()
        found = self.db.execute(sql, *arguments)
        self._picture()
        return found

    def executemany(self, sql: str, rows: Any) -> Any:
        for one in rows:
            self.db.execute(sql, one)
            if self.pictures < 40:
                self._picture()


def rows(first: int, last: int) -> list[block.Row]:
    found = []
    for seq in range(first, last + 1):
        made = event(seq)
        kind, payload = encode(made)
        found.append((seq, made.t, kind, payload, checksum(seq, made.t, kind, payload)))
    return found


def test_a_crash_at_any_step_of_compacting_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "live.cockpit"
    db = schema.create(path)
    batch = rows(1, 600)
    db.executemany(schema.INSERT, batch)
    watched = Photographed(db, path, tmp_path)
    compactor = Compactor(watched, lambda: None)  # type: ignore[arg-type]
    compactor.took(batch)
    compactor.offer(600, keyframe.encode_state(State(seq=600)), "guard")
    while compactor.has_work(600):
        compactor.work(600)
    assert watched.pictures > 15
    blocks = set()
    for number in range(1, watched.pictures + 1):
        with Recording.open(tmp_path / f"{number}.cockpit") as crashed:
            assert crashed.check() == []
            assert list(crashed.events()) == expected(1, 600)
            blocks.add(len(crashed.spans()))
    assert blocks == {0, 1, 2}
    db.close()


@pytest.mark.parametrize(
    "statement", ["INSERT INTO block", "DELETE FROM event", "COMMIT", "INSERT OR IGNORE INTO keyframe"]
)
async def test_a_disk_that_fails_while_compacting_stops_the_journal_and_loses_nothing(
    tmp_path: Path, statement: str
) -> None:
    class Failing:
        def __init__(self, db: sqlite3.Connection) -> None:
            self.db, self.in_block = db, False

        def execute(self, sql: str, *arguments: Any) -> Any:
            self.in_block = self.in_block or sql.startswith("INSERT INTO block")
            if sql.startswith(statement) and (self.in_block or "keyframe" in statement):
                raise sqlite3.OperationalError("disk I/O error")
            return self.db.execute(sql, *arguments)

        def executemany(self, sql: str, many: Any) -> Any:
            if sql.startswith(statement):
                raise sqlite3.OperationalError("disk I/O error")
            return self.db.executemany(sql, many)

        def close(self) -> None:
            self.db.close()

    journal = Journal(tmp_path / "one.cockpit", Failing(schema.create(tmp_path / "one.cockpit")))  # type: ignore[arg-type]
    for seq in range(1, 1_001):
        journal.append(event(seq))
    journal.keyframe(1_000, keyframe.encode_state(State(seq=1_000)))
    await journal.durable(1_000)
    await journal.close()
    assert "disk I/O error" in str(journal.failed)
    with Recording.open(journal.path) as recording:
        assert recording.check() == []
        assert list(recording.events()) == expected(1, 1_000)


PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from engine.journal import block
    from engine.journal.writer import Journal
    from engine.model.events import Clock

    async def main():
        block.EVENTS = 60
        journal = Journal.create(Path(sys.argv[1]))
        while True:
            for _ in range(50):
                seq = journal.append(Clock(journal.seq + 1))
            await journal.durable(seq)
            print(seq, flush=True)

    asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_kill_nine_while_compacting_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    for turn in range(3):
        path = tmp_path / f"{turn}.cockpit"
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        acknowledged = 0
        for line in child.stdout:
            acknowledged = int(line)
            if acknowledged >= 2_000 + 1_337 * turn:
                break
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, child.communicate()[0].split("\n")[:-1])])
        with Recording.open(path) as recording:
            assert recording.check() == []
            assert recording.spans()
            times = [found.t for _, found in recording.events()]
        assert times == list(range(1, len(times) + 1))
        assert len(times) >= acknowledged


async def test_what_waits_for_the_disk_does_not_wait_for_compression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compression is made as slow as half a second here; an order's event is durable long before its end."""

    class Slow:
        def compress(self, data: bytes) -> bytes:
            time.sleep(0.02)
            return data

        def flush(self) -> bytes:
            return b""

    monkeypatch.setattr("engine.journal.compact.zlib.compressobj", lambda level: Slow())
    monkeypatch.setattr("engine.journal.compact.SLICE", 1_024)
    journal = Journal.create(tmp_path / "one.cockpit")
    for seq in range(1, 401):
        journal.append(event(seq))
    await journal.durable(400)
    waits = []
    for seq in range(401, 406):
        start = time.perf_counter()
        await journal.durable(journal.append(Noticed(seq * 1_000, "Config", "", "an order")))
        waits.append(time.perf_counter() - start)
    assert sorted(waits)[2] < 0.2
    monkeypatch.undo()
    await journal.close()
    assert journal.failed is None


def test_only_so_many_rows_wait_for_a_block_and_the_older_ones_stay_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.journal.compact.MAX_LOOSE", 300)
    db = schema.create(tmp_path / "one.cockpit")
    batch = rows(1, 1_000)
    db.executemany(schema.INSERT, batch)
    compactor = Compactor(db, lambda: None)
    compactor.took(batch)
    while compactor.has_work(1_000):
        compactor.work(1_000)
    db.close()
    market = [row for row in batch if row[2] in schema.FREQUENT]
    with Recording.open(tmp_path / "one.cockpit") as recording:
        assert recording.check() == []
        assert list(recording.events()) == expected(1, 1_000)
        assert [span.first for span in recording.spans()] == [market[-300][0]]


def test_rows_that_make_too_large_a_text_stay_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "MAX_TEXT", 1_000)
    db = schema.create(tmp_path / "one.cockpit")
    batch = rows(1, 400)
    db.executemany(schema.INSERT, batch)
    compactor = Compactor(db, lambda: None)
    compactor.took(batch)
    compactor.work(400)
    assert not compactor.has_work(400)
    db.close()
    with Recording.open(tmp_path / "one.cockpit") as recording:
        assert recording.spans() == []
        assert list(recording.events()) == expected(1, 400)


def test_a_state_without_a_guard_or_too_large_a_one_is_not_kept(tmp_path: Path) -> None:
    compactor = Compactor(schema.create(tmp_path / "one.cockpit"), lambda: None)
    compactor.offer(1, b"state", "")
    compactor.offer(1, bytes(keyframe.MAX_STATE + 1), "guard")
    assert not compactor.has_work(1)
    compactor.offer(1, bytes(keyframe.MAX_STATE), "guard")
    assert compactor.has_work(1)


def test_a_keyframe_that_newer_ones_pushed_out_before_its_turn_is_no_work(tmp_path: Path) -> None:
    compactor = Compactor(schema.create(tmp_path / "one.cockpit"), lambda: None)
    compactor.offer(1, b"state", "guard")
    assert compactor.has_work(1)
    for seq in (2, 3):
        compactor.offer(seq, b"state", "guard")
    compactor.work(1)
    assert compactor.has_work(2)


# --- damage -------------------------------------------------------------------------------------------------------


def unguarded(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change a recording as someone would who does not mind the triggers."""
    db = sqlite3.connect(path, isolation_level=None)
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type='trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    change(db)
    for _, sql in triggers:
        db.execute(sql)
    db.close()


async def test_a_flipped_bit_in_a_block_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 2_000)
    with Recording.open(path) as recording:
        span = recording.spans()[3]

    def flip(db: sqlite3.Connection) -> None:
        data = bytearray(db.execute("SELECT data FROM block WHERE seq = ?", (span.seq,)).fetchone()[0])
        data[len(data) // 2] ^= 16
        db.execute("UPDATE block SET data = ? WHERE seq = ?", (bytes(data), span.seq))

    unguarded(path, flip)
    with Recording.open(path) as recording:
        found = dict(recording.events())
        damage = recording.check()
        lost = set(range(1, 2_001)) - set(found)
        assert lost
        assert all(span.first <= seq <= span.seq for seq in lost)
        assert all(found[seq] == event(seq) for seq in found)
        assert any(f"the block of events {span.first} to {span.seq}" in line for line in damage)
        assert any("not as written" in line for line in damage)


async def test_a_missing_block_is_told_and_read_over(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 2_000)
    with Recording.open(path) as recording:
        span = recording.spans()[3]
    unguarded(path, lambda db: db.execute("DELETE FROM block WHERE seq = ?", (span.seq,)))
    with Recording.open(path) as recording:
        assert any("are missing" in line for line in recording.check())
        assert {seq for seq, _ in recording.events()} >= set(range(1, span.first)) | set(range(span.seq + 1, 2_001))


async def test_an_event_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 1_000)
    db = sqlite3.connect(path, isolation_level=None)
    db.executemany(schema.INSERT, rows(11, 11))
    db.close()
    with Recording.open(path) as recording:
        assert list(recording.events()) == expected(1, 1_000)
        assert recording.check() == ["event 11 is there twice"]


@pytest.mark.parametrize(
    "values",
    [
        {"first": -5},
        {"first": 1 << 40},
        {"events": 1 << 40},
        {"size": 1 << 40},
        {"t": -(1 << 63)},
        {"idle": 1 << 62},
        {"data": b""},
        {"crcs": b""},
        {"data": zlib.compress(bytes(100 << 20))},
        {"data": bytes(2 << 20)},
    ],
)
async def test_forged_blocks_do_no_harm(tmp_path: Path, values: dict[str, Any]) -> None:
    path = await record(tmp_path / "one.cockpit", 1_500)
    with Recording.open(path) as recording:
        span = recording.spans()[2]
    ((column, value),) = values.items()
    unguarded(path, lambda db: db.execute(f"UPDATE block SET {column} = ? WHERE seq = ?", (value, span.seq)))
    with Recording.open(path) as recording:
        found = list(recording.events())
        assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})
        assert all(made == event(seq) for seq, made in found)
        assert recording.check()
        list(recording.events(kinds={"Clock"}))
        _ = recording.first, recording.last, recording.spans()


# --- keyframes ----------------------------------------------------------------------------------------------------


async def test_keyframes_are_found_by_the_code_that_made_them_alone(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 1_000, states=(300, 600))
    with Recording.open(path) as recording:
        mine = keyframe.guard()
        assert [recording.keyframe_seq(seq, mine) for seq in (299, 300, 599, 999, 5_000)] == [0, 300, 300, 600, 600]
        found = recording.keyframe(700, mine)
        assert found is not None
        assert found[0] == 600
        assert keyframe.decode_foreign(found[1], 600) == State(seq=600, t=600_000)
        assert recording.keyframe(700, "another") is None
        assert recording.keyframe_seq(700, "another") == 0


async def test_a_damaged_keyframe_is_passed_over(tmp_path: Path) -> None:
    path = await record(tmp_path / "one.cockpit", 1_000, states=(300, 600))
    bomb = zlib.compress(bytes(100 << 20))
    for data, size, crc in (
        (b"nonsense", 8, 0),
        (b"nonsense", 8, zlib.crc32(b"nonsense")),
        (bomb, 1 << 20, zlib.crc32(bomb)),
    ):
        with sqlite3.connect(path) as db:
            db.execute("UPDATE keyframe SET state = ?, size = ?, crc = ? WHERE seq = 600", (data, size, crc))
        with Recording.open(path) as recording:
            found = recording.keyframe(1_000, keyframe.guard())
            assert found is not None
            assert found[0] == 300
            assert "the keyframe at 600" in recording.damage[0]


def test_a_forged_state_is_no_state() -> None:
    good = keyframe.encode_state(State(seq=5))
    assert keyframe.decode_foreign(good, 5) == State(seq=5)
    for raw, seq in (
        (good, 6),
        (b"{}", 5),
        (b"[" * 100_000, 5),
        (keyframe.encode_state(State(seq=5, account=Account(wallet=Decimal("1E999999")))), 5),
        (keyframe.encode_state(State(seq=5, account=Account(wallet=Decimal("NaN")))), 5),
        (keyframe.encode_state(State(seq=5, loop_lag_ms=float("nan"))), 5),
        (keyframe.encode_state(State(seq=5, equity=[(1, float("inf"))])), 5),
        (
            keyframe.encode_state(
                State(seq=5, markets={"X": Market("X", candles=[Candle(1, 1, 1, float("nan"), 1, 1)])})
            ),
            5,
        ),
    ):
        with pytest.raises(ValueError, match="state"):
            keyframe.decode_foreign(raw, seq)


@pytest.mark.parametrize(
    ("tick", "fee", "good"), [("0.1", "0.0002", True), ("NaN", "0", False), ("0.1", "1E+99", False)]
)
def test_the_numbers_of_an_instrument_are_looked_at_too(tick: str, fee: str, good: bool) -> None:
    one = Decimal(1)
    made = Instrument("X", "X", "USDT", Decimal(tick), one, one, one, one, one, 10, Decimal(fee), one)
    raw = keyframe.encode_state(State(seq=5, markets={"X": Market("X", instrument=made)}))
    if good:
        assert keyframe.decode_foreign(raw, 5).markets["X"].instrument == made
    else:
        with pytest.raises(ValueError, match="out of all bounds"):
            keyframe.decode_foreign(raw, 5)


async def test_a_state_of_events_that_were_never_written_is_not_kept(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one.cockpit")
    journal.append(Clock(1))
    journal.keyframe(2, keyframe.encode_state(State(seq=2)))
    await journal.close()
    with Recording.open(journal.path) as recording:
        assert recording.keyframe_seq(9, keyframe.guard()) == 0


# --- whole files --------------------------------------------------------------------------------------------------


async def test_a_compacted_file_cut_off_or_changed_anywhere_never_crashes_and_never_lies(tmp_path: Path) -> None:
    whole = (await record(tmp_path / "one.cockpit", 3_000, states=(1_000,))).read_bytes()
    chance, path, best = random.Random(5), tmp_path / "broken.cockpit", 0
    for turn in range(60):
        broken = bytearray(whole)
        if turn % 2:
            del broken[chance.randrange(100, len(whole)) :]
        for _ in range(0 if turn % 2 else chance.choice((1, 5, 60))):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        with suppress(RecordingError), Recording.open(path) as recording:
            found = list(recording.events())
            assert all(made == event(seq) for seq, made in found)
            assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})
            recording.check()
            recording.keyframe(3_000, keyframe.guard())
            list(recording.events(kinds={"Noticed", "Clock"}))
            _ = recording.first, recording.last, recording.spans(), recording.times(1, 3_000, 7)
            _ = recording.next_of(["Noticed"], 5), recording.last_of(["Noticed"], 500)
            best = max(best, len(found))
    assert best > 2_000
