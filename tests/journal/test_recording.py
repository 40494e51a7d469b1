"""A recording tells what happened, says what is broken, and does nothing else, whoever made it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from engine.journal import schema
from engine.journal.codec import MAX_PAYLOAD, checksum, encode
from engine.journal.recording import Recording, RecordingError
from engine.model.events import BookTick, Clock, Event, Noticed

Row = tuple[int, int, object, object, object]


def row(seq: int, event: Event) -> Row:
    kind, payload = encode(event)
    return seq, event.t, kind, payload, checksum(seq, event.t, kind, payload)


def event(seq: int) -> Event:
    if seq % 10 == 0:
        return Noticed(seq, "Config", "BTCUSDT", f"number {seq}")
    return BookTick(seq, "BTCUSDT", [(100.0, 1.0)] * 5, [(101.0, 1.0)] * 5, seq)


def make(path: Path, rows: list[Row], closed: int | None = None) -> Path:
    db = schema.create(path)
    db.execute("BEGIN")
    db.executemany(schema.INSERT, rows)
    if closed is not None:
        db.execute(schema.SET_META, ("closed_seq", str(closed)))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five thousand events, closed in order."""
    rows = [row(seq, event(seq)) for seq in range(1, 5_001)]
    return make(tmp_path_factory.mktemp("sample") / "five.ckpt", rows, closed=5_000)


@pytest.fixture
def copy(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sample, tmp_path / "copy.ckpt"))


def patch(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change a recording as someone would who does not mind the triggers."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA writable_schema=ON")
    triggers = db.execute("SELECT * FROM sqlite_schema WHERE type='trigger'").fetchall()
    for trigger in triggers:
        db.execute(f"DROP TRIGGER {trigger[1]}")
    change(db)
    for trigger in triggers:
        db.execute(trigger[4])
    db.close()


# --- reading ------------------------------------------------------------------------------------------------------


def test_everything_comes_back_in_order(sample: Path) -> None:
    with Recording.open(sample) as recording:
        assert list(recording.events()) == [(seq, event(seq)) for seq in range(1, 5_001)]
        assert (recording.first, recording.last, recording.count) == ((1, 1), (5_000, 5_000), 5_000)
        assert recording.closed
        assert recording.check() == []


def test_a_range_and_kinds_can_be_asked_for(sample: Path) -> None:
    with Recording.open(sample) as recording:
        assert [seq for seq, _ in recording.events(15, 35, {"Noticed"})] == [20, 30]
        assert [seq for seq, _ in recording.events(18, 21, {"Noticed", "BookTick"})] == [18, 19, 20, 21]
        assert [seq for seq, _ in recording.events(4_999)] == [4_999, 5_000]
        assert list(recording.events(1, 100, {"Clock", "FillReport"})) == []
        assert list(recording.events(6_000)) == []
        assert len(list(recording.events(kinds={"Noticed", "FillReport", "Refused"}))) == 500
        with pytest.raises(ValueError, match="Teleported"):
            list(recording.events(kinds={"Teleported"}))


def test_a_recording_without_events_is_empty_not_broken(tmp_path: Path) -> None:
    with Recording.open(make(tmp_path / "empty.ckpt", [], closed=0)) as recording:
        assert (recording.first, recording.last, recording.count, recording.check()) == (None, None, 0, [])


@pytest.mark.parametrize("name", ["a b?c#d%41.ckpt", "ümläut.ckpt"])
def test_a_name_with_odd_characters_is_just_a_name(sample: Path, tmp_path: Path, name: str) -> None:
    with Recording.open(Path(shutil.copy(sample, tmp_path / name))) as recording:
        assert recording.count == 5_000


def test_reading_leaves_no_trace(sample: Path) -> None:
    before = sample.read_bytes(), os.listdir(sample.parent)
    with Recording.open(sample) as recording:
        recording.check()
        with pytest.raises(sqlite3.OperationalError):
            recording._db.execute("DELETE FROM event")
    assert (sample.read_bytes(), os.listdir(sample.parent)) == before


# --- damage -------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_is_named_by_its_event_and_the_rest_is_read(sample: Path, tmp_path: Path) -> None:
    whole = sample.read_bytes()
    chance = random.Random(1)
    _, payload = encode(event(777))
    start = whole.index(payload)
    for turn in range(20):
        at = start + chance.randrange(len(payload))
        broken = bytearray(whole)
        broken[at] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{turn}.ckpt"
        path.write_bytes(broken)
        with Recording.open(path) as recording:
            assert recording.check() == ["event 777 is not as it was written (checksum)"]
            assert [seq for seq, _ in recording.events(776, 778)] == [776, 778]


def test_a_gap_is_told_and_read_over(copy: Path) -> None:
    patch(copy, lambda db: db.execute("DELETE FROM event WHERE seq BETWEEN 100 AND 199"))
    with Recording.open(copy) as recording:
        assert recording.check() == ["events 100 to 199 are missing"]
        assert len(list(recording.events())) == 4_900


def test_a_lost_end_is_told_when_the_session_ended_in_order(copy: Path) -> None:
    patch(copy, lambda db: db.execute("DELETE FROM event WHERE seq > 4000"))
    with Recording.open(copy) as recording:
        (damage,) = recording.check()
        assert "the end is missing: 4000" in damage


def test_events_hidden_from_the_index_are_noticed(copy: Path) -> None:
    def hide(db: sqlite3.Connection) -> None:
        sql = "UPDATE sqlite_schema SET sql = replace(sql, {}) WHERE name = 'event_rare'"
        db.execute(sql.format("'ON event(kind) WHERE', 'ON event(kind) WHERE 0 AND'"))
        db.execute("PRAGMA schema_version=99")
        db.close()
        again = sqlite3.connect(copy, isolation_level=None)
        again.execute("REINDEX")
        again.execute("PRAGMA writable_schema=ON")
        again.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'event_rare'", (schema.OBJECTS["event_rare"],))
        again.close()

    db = sqlite3.connect(copy, isolation_level=None)
    db.execute("PRAGMA writable_schema=ON")
    hide(db)
    with Recording.open(copy) as recording:
        assert recording.check() == ["the index by kind does not match the events"]


def test_a_file_cut_off_anywhere_is_read_as_far_as_it_goes(sample: Path, tmp_path: Path) -> None:
    whole = sample.read_bytes()
    chance = random.Random(2)
    lengths = [0, 1, 99, 100, 4_095, 4_096, 12_288, len(whole) - 4_096, len(whole) - 1]
    best = 0
    for length in [*lengths, *(chance.randrange(len(whole)) for _ in range(40))]:
        path = tmp_path / f"{length}.ckpt"
        path.write_bytes(whole[:length])
        try:
            with Recording.open(path) as recording:
                events = list(recording.events())
                assert all(found == event(seq) for seq, found in events)
                assert recording.check()
                assert recording.count <= 5_000
                best = max(best, len(events))
        except RecordingError:
            continue
    assert best > 4_000


def test_any_bytes_changed_anywhere_never_crash(sample: Path, tmp_path: Path) -> None:
    whole = sample.read_bytes()
    chance = random.Random(3)
    path = tmp_path / "mutated.ckpt"
    for _ in range(50):
        broken = bytearray(whole)
        for _ in range(chance.choice((1, 3, 50))):
            at = chance.choice((chance.randrange(4_096 * 6), chance.randrange(len(whole))))
            broken[at] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            with Recording.open(path) as recording:
                recording.check()
                for seq, found in recording.events(kinds={"Noticed"}):
                    assert found == event(seq)
                _ = recording.first, recording.last, recording.count
        except RecordingError:
            continue


@pytest.mark.parametrize("turn", range(20))
def test_pages_in_the_wrong_place_come_to_an_end(sample: Path, tmp_path: Path, turn: int) -> None:
    whole = bytearray(sample.read_bytes())
    chance = random.Random(turn)
    pages = [at for at in range(4_096, len(whole), 4_096) if whole[at] in (2, 5, 10, 13)]
    for _ in range(turn):
        here, there = chance.choice(pages), chance.choice(pages)
        whole[here : here + 4_096] = whole[there : there + 4_096]
    # the rightmost leaf, where reading ends, becomes the first one
    leaves = [at for at in pages if whole[at] == 13]
    whole[leaves[-1] : leaves[-1] + 4_096] = whole[leaves[1] : leaves[1] + 4_096]
    path = tmp_path / "shuffled.ckpt"
    path.write_bytes(whole)
    with suppress(RecordingError), Recording.open(path) as recording:
        assert recording.check()
        seqs = [seq for seq, _ in recording.events()]
        assert seqs == sorted(set(seqs))
        list(recording.events(kinds={"Noticed"}))


def test_a_crashed_sessions_files_open_like_any_other(sample: Path, tmp_path: Path) -> None:
    db = schema.create(tmp_path / "live.ckpt")
    db.executemany(schema.INSERT, [row(seq, event(seq)) for seq in range(1, 101)])
    crashed = tmp_path / "crashed.ckpt"
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"live.ckpt{suffix}", f"{crashed}{suffix}")
    db.close()
    with Recording.open(crashed) as recording:
        assert recording.check() == []
        assert not recording.closed
        assert recording.count == 100
    torn = Path(f"{crashed}-wal").read_bytes()
    for length in (0, 31, 1_000, len(torn) // 2, len(torn) - 1):
        with open(f"{crashed}-wal", "wb") as wal:
            wal.write(torn[:length])
        with Recording.open(crashed) as recording:
            assert recording.check() == []
            assert recording.count < 100


# --- foreign files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contents", "says"),
    [(b"", "empty"), (b"hello", "not a recording"), (b"SQLite format 3\0" + bytes(4080), "not a recording")],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, contents: bytes, says: str) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(contents)
    with pytest.raises(RecordingError, match=says):
        Recording.open(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ckpt", tmp_path):
        with pytest.raises(RecordingError):
            Recording.open(path)


def test_a_newer_format_is_refused_by_name(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute("PRAGMA user_version=2")
    with pytest.raises(RecordingError, match="newer version of the cockpit"):
        Recording.open(copy)


def test_newer_events_are_refused_by_name(copy: Path) -> None:
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'events'")
    with pytest.raises(RecordingError, match="newer version of the cockpit"):
        Recording.open(copy)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE more(x)",
        "CREATE VIEW more AS SELECT * FROM event",
        "CREATE TRIGGER more AFTER INSERT ON event BEGIN SELECT 1; END",
        "CREATE INDEX more ON event(t)",
        "DROP TRIGGER event_no_delete",
        "CREATE VIRTUAL TABLE more USING fts5(x)",
        "DROP INDEX event_rare",
    ],
)
def test_any_other_table_view_or_trigger_is_refused(copy: Path, sql: str) -> None:
    with sqlite3.connect(copy) as db:
        db.execute(sql)
    with pytest.raises(RecordingError, match="its tables are others"):
        Recording.open(copy)


def test_a_table_that_computes_is_refused(copy: Path) -> None:
    db = sqlite3.connect(copy)
    db.execute("PRAGMA writable_schema=ON")
    db.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE event(seq INTEGER PRIMARY KEY, t, kind, payload, "
        "crc AS (abs(-9223372036854775808)))' WHERE name = 'event'"
    )
    db.commit()
    db.close()
    with pytest.raises(RecordingError, match="its tables are others"):
        Recording.open(copy)


def test_an_unknown_kind_of_event_is_refused_with_its_number(tmp_path: Path) -> None:
    payload = b"\x91\x02"
    path = make(
        tmp_path / "new.ckpt", [row(1, Clock(1)), (2, 2, "Teleported", payload, checksum(2, 2, "Teleported", payload))]
    )
    with Recording.open(path) as recording:
        events = recording.events()
        assert next(events) == (1, Clock(1))
        with pytest.raises(RecordingError, match="event 2: unknown kind of event 'Teleported'"):
            next(events)


def test_rows_that_fit_their_checksum_but_are_no_events_are_left_out(tmp_path: Path) -> None:
    def forged(seq: int, kind: str, payload: bytes) -> Row:
        return seq, seq, kind, payload, checksum(seq, seq, kind, payload)

    huge = bytes(MAX_PAYLOAD + 1)
    other_time = msgspec.msgpack.encode(Clock(999))
    rows = [
        row(1, Clock(1)),
        forged(2, "Clock", b"\xc1"),
        forged(3, "Clock", huge),
        forged(4, "Clock", other_time),
        forged(5, "BookTick", struct.pack(">B", 0x91) * 500),
        row(6, Clock(6)),
    ]
    with Recording.open(make(tmp_path / "forged.ckpt", rows)) as recording:
        assert [seq for seq, _ in recording.events()] == [1, 6]
        damage = recording.check()
    assert [text.split()[1].rstrip(":") for text in damage] == ["2", "3", "4", "5"]
    assert "too large" in damage[1]


def test_a_wholly_broken_recording_is_reported_in_bounded_space(tmp_path: Path) -> None:
    rows: list[Row] = [(seq, seq, "Clock", b"", 0) for seq in range(1, 1_001)]
    with Recording.open(make(tmp_path / "bad.ckpt", rows)) as recording:
        assert recording.check()[-1] == "and 900 more"
        assert len(recording.damage) == 101
