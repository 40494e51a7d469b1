"""Opening and creating a journal's file: everything that the disk, the folder or a forger can do at that moment."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.journal import keyframe, opening, schema
from engine.journal.codec import MAX_PAYLOAD, CodecError, checksum, encode
from engine.journal.recording import Recording, RecordingError
from engine.journal.schema import sync_folder
from engine.model.events import Clock


def journal(path: Path, count: int = 3_000, size: int = 0) -> Path:
    """A finished recording of ``count`` clocks, or of rows of ``size`` bytes that are no events."""
    db = schema.create(path)
    db.execute("BEGIN")
    for seq in range(1, count + 1):
        kind, payload = ("Clock", bytes(size)) if size else encode(Clock(seq))
        db.execute(schema.INSERT, (seq, seq, kind, payload, checksum(seq, seq, kind, payload)))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return journal(tmp_path / "one.cockpit")


class Proxy:
    """A connection whose answers a test can replace."""

    def __init__(self, db: sqlite3.Connection, answer: Callable[[str], Any]) -> None:
        self.db, self.answer, self.closed = db, answer, False

    def execute(self, sql: str, *arguments: Any) -> Any:
        told = self.answer(sql)
        return self.db.execute(sql, *arguments) if told is None else told

    def close(self) -> None:
        self.closed = True
        self.db.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


# --- opening -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_a_file_cut_off_by_whole_pages_is_read_as_far_as_it_goes_and_says_so(path: Path, pages: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: -4_096 * pages])
    with Recording.open(path) as recording:
        assert recording.damage == ["the file is incomplete: read as far as it goes"]
        found = list(recording.events())
        assert len(found) > 1_000
        assert all(event == Clock(seq) for seq, event in found)
        assert recording.check()


def test_in_a_folder_without_write_permission_what_is_in_the_log_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = schema.create(tmp_path / "live.cockpit")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kind, payload = encode(Clock(1))
    db.execute(schema.INSERT, (1, 1, kind, payload, checksum(1, 1, kind, payload)))
    crashed = tmp_path / "crashed.cockpit"
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"live.cockpit{suffix}", f"{crashed}{suffix}")
    db.close()
    connect = sqlite3.connect

    def refuse_shared_memory(address: str, **more: Any) -> sqlite3.Connection:
        if "immutable" not in address:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(address, **more)

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(opening.sqlite3, "connect", refuse_shared_memory)
    with Recording.open(crashed) as recording:
        assert recording.damage == ["the newest events (the -wal file) cannot be read in this folder"]
        assert list(recording.events()) == []


@pytest.mark.parametrize("where", ["connect", "schema"])
def test_whatever_else_goes_wrong_while_opening_closes_the_file_and_is_not_swallowed(
    path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    made: list[Proxy] = []
    connect = sqlite3.connect

    def answer(sql: str) -> None:
        if ("PRAGMA" in sql) == (where == "connect"):
            raise KeyboardInterrupt

    def interrupted(*args: Any, **more: Any) -> Proxy:
        made.append(Proxy(connect(*args, **more), answer))
        return made[-1]

    monkeypatch.setattr(opening.sqlite3, "connect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opening.connection(path)
    assert [proxy.closed for proxy in made] == [True]


@pytest.mark.parametrize("value", ["", "x", "0", "-1", "1.0", "999999999"])
def test_a_recording_whose_version_of_events_is_no_number_is_not_ours(path: Path, value: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'events'", (value,))
    with pytest.raises(RecordingError, match="its tables are others"):
        Recording.open(path)


def test_a_recording_without_a_version_of_events_is_not_ours(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM meta WHERE key = 'events'")
    with pytest.raises(RecordingError, match="its tables are others"):
        Recording.open(path)


def test_a_version_that_is_no_text_at_all_is_not_ours(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = CAST(x'ff' AS TEXT) WHERE key = 'events'")
    with pytest.raises(RecordingError, match="cannot be read: Could not decode"):
        Recording.open(path)


def test_names_of_tables_that_are_no_text_are_refused(path: Path) -> None:
    raw = path.read_bytes()
    assert raw.count(b"event_rareevent") == 1  # name and table of the index, as the schema keeps them
    for name in (b"event_rar\xffevent", b"\xff\xfe\xfd\xfc\xfbrareevent"):
        path.write_bytes(raw.replace(b"event_rareevent", name))
        with pytest.raises(RecordingError, match=r"cannot be read|its tables are others"):
            Recording.open(path)


def test_a_crashed_sessions_file_that_lost_its_end_is_read_without_the_log(tmp_path: Path) -> None:
    path = journal(tmp_path / "one.cockpit")
    Path(f"{path}-wal").write_bytes(b"the log of another file")
    path.write_bytes(path.read_bytes()[:-4_096])
    with Recording.open(path) as recording:
        assert recording.damage == ["the file is incomplete: read as far as it goes"]
        assert len(list(recording.events())) > 2_000


# --- creating ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fails", ["BEGIN IMMEDIATE", "PRAGMA user_version", "CREATE TABLE block", "COMMIT", "PRAGMA journal_mode=WAL"]
)
def test_a_journal_that_could_not_be_made_ready_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    made: list[Proxy] = []
    connect = sqlite3.connect

    def answer(sql: str) -> None:
        if sql.startswith(fails):
            raise sqlite3.OperationalError("disk I/O error")

    def failing(*args: Any, **more: Any) -> Proxy:
        made.append(Proxy(connect(*args, **more), answer))
        return made[-1]

    monkeypatch.setattr(schema.sqlite3, "connect", failing)
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        schema.create(tmp_path / "one.cockpit")
    assert list(tmp_path.iterdir()) == []
    assert made[0].closed


def test_a_file_system_without_a_write_ahead_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    class Told:
        def fetchone(self) -> tuple[str]:
            return ("delete",)

    def network_share(*args: Any, **more: Any) -> Proxy:
        return Proxy(connect(*args, **more), lambda sql: Told() if sql == "PRAGMA journal_mode=WAL" else None)

    monkeypatch.setattr(schema.sqlite3, "connect", network_share)
    with pytest.raises(sqlite3.OperationalError, match=r"no write-ahead log \(journal mode delete\)"):
        schema.create(tmp_path / "one.cockpit")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_synced_where_that_exists_and_the_handle_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_folder(tmp_path)
    assert len(synced) == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(synced[0])
    monkeypatch.setattr(os, "name", "nt")
    sync_folder(tmp_path)
    assert len(synced) == 1


# --- asking --------------------------------------------------------------------------------------------------------


def broken(path: Path, part: str) -> Recording:
    """A recording whose queries with ``part`` in them find a broken page."""

    def answer(sql: str) -> None:
        if part in sql:
            raise sqlite3.DatabaseError("database disk image is malformed")

    recording = Recording.open(path)
    recording._db = Proxy(recording._db, answer)  # type: ignore[assignment]
    return recording


def test_times_are_given_of_every_row_or_of_one_in_so_many(path: Path) -> None:
    with Recording.open(path) as recording:
        assert [edge.seq for edge in recording.times(10, 14)] == [10, 11, 12, 13, 14]
        assert [edge.seq for edge in recording.times(10, 40, 10)] == [10, 20, 30, 40]
        assert recording.times(5_000, 6_000) == recording.times(5_000, 6_000, 10) == []


def test_the_ends_of_a_file_that_cannot_be_asked_are_the_ends_of_what_can_be_read(path: Path) -> None:
    with broken(path, "SELECT first, t FROM block") as recording:
        assert recording.first == (1, 1)
    with broken(path, "SELECT seq, last_t FROM block") as recording:
        assert recording.last == (3_000, 3_000)


def test_keyframes_that_cannot_be_read_are_none(path: Path) -> None:
    with broken(path, "FROM keyframe") as recording:
        assert recording.keyframe_seq(9, "guard") == 0
        assert recording.keyframe(9, "guard") is None
        assert recording.damage == ["keyframes cannot be read: database disk image is malformed"]


def test_a_recording_whose_end_cannot_be_asked_for_does_not_count_as_closed(path: Path) -> None:
    with broken(path, "FROM meta") as recording:
        assert not recording.closed


def test_one_reading_never_takes_more_than_some_megabytes(tmp_path: Path) -> None:
    rows = 4 * (4 << 20) // MAX_PAYLOAD
    with Recording.open(journal(tmp_path / "big.cockpit", rows, MAX_PAYLOAD)) as recording:
        page, error = recording._page(
            "SELECT seq, t, kind, length(payload), crc, payload FROM event WHERE seq >= ? LIMIT ?", 1, (100,)
        )
        assert error is None
        assert len(page) == 5
        assert len(recording.check()) == rows  # all of them are looked at, page by page


# --- keyframes -----------------------------------------------------------------------------------------------------


def test_without_the_sources_at_hand_no_keyframe_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(package: str, file: str) -> bytes:
        raise FileNotFoundError(file)

    keyframe.guard.cache_clear()
    monkeypatch.setattr(keyframe.pkgutil, "get_data", gone)
    assert keyframe.guard() == ""
    monkeypatch.undo()
    keyframe.guard.cache_clear()
    assert len(keyframe.guard()) == 32


@pytest.mark.parametrize("size", [-1, keyframe.MAX_STATE + 1, 1 << 60])
def test_a_keyframe_of_an_absurd_size_is_refused_before_it_is_unpacked(size: int) -> None:
    with pytest.raises(CodecError, match="more than"):
        keyframe.inflate(b"never looked at", size)
