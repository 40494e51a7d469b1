"""A list of recordings says what each session was and how it ended; labels and deletion do not touch other files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from desk import SECOND, T0
from replay_kit import RECORDED, folded, long_story, record

from engine.journal.opening import RecordingError
from engine.model import events as ev
from engine.replay import sessions as listing
from engine.replay.sessions import delete, describe, label_of, rename, sessions

EVENTS = long_story(20)
LATER = T0 + 100_000 * SECOND


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("made") / "one.cockpit", EVENTS)


def test_a_row_has_the_sessions_figures(made: Path) -> None:
    row, state = describe(made, LATER), folded(EVENTS)
    assert (row.ending, row.reason, row.profile, row.mode, row.symbols) == (
        "signal",
        "SIGINT",
        "test",
        "DEMO",
        ["BTCUSDT"],
    )
    assert (row.events, row.fills, row.trades) == (len(EVENTS), state.fills_total, state.trades_total)
    assert row.trades > 2
    assert row.rejections == sum(state.rejected.values())
    assert row.net_pnl == state.account.realised - state.account.fees + state.account.funding
    assert row.duration_ns == EVENTS[-1].t - T0
    assert row.size == made.stat().st_size
    assert row.problem == ""


def test_a_keyframe_gives_the_same_row(made: Path, tmp_path: Path) -> None:
    other = record(tmp_path / "one.cockpit", EVENTS, every=100)
    row = describe(other, LATER)
    row.size = made.stat().st_size
    assert row == describe(made, LATER)


@pytest.mark.parametrize(
    ("end", "torn", "age_s", "ending"),
    [
        (ev.SessionEnded(T0 + 5_000 * SECOND, "duration is over", True), False, 0, "clean"),
        (ev.SessionEnded(T0 + 5_000 * SECOND, "SIGTERM", True), False, 0, "signal"),
        (ev.SessionEnded(T0 + 5_000 * SECOND, "quit", False), False, 0, "failed"),
        (ev.Clock(T0 + 5_000 * SECOND), True, 60, "torn"),
        (ev.Clock(T0 + 5_000 * SECOND), True, 1, "running"),
        (ev.Clock(T0 + 5_000 * SECOND), False, 1, "torn"),
    ],
)
def test_how_a_session_ended(tmp_path: Path, end: ev.Event, torn: bool, age_s: int, ending: str) -> None:
    path = record(tmp_path / "one.cockpit", [*EVENTS[:200], end], torn=torn)
    assert describe(path, end.t + age_s * SECOND).ending == ending


def test_the_newest_comes_first_and_what_is_no_recording_is_shown_as_such(made: Path, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path / "a.cockpit")
    shutil.copy(RECORDED, tmp_path / "b.cockpit")
    (tmp_path / "c.cockpit").write_bytes(b"nothing of ours")
    (tmp_path / "notes.txt").write_text("x")
    rows = sessions(tmp_path, LATER)
    assert [row.name for row in rows] == ["b.cockpit", "a.cockpit", "c.cockpit"]
    assert rows[2].ending == "unreadable"
    assert "not a recording" in rows[2].problem


def test_what_has_not_changed_is_not_read_again(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(made, tmp_path / "a.cockpit")
    first = sessions(tmp_path, LATER)
    monkeypatch.setattr(listing, "describe", lambda path, now: pytest.fail("read again"))
    assert sessions(tmp_path, LATER) == first
    rename(tmp_path / "a.cockpit", "the good one")
    assert sessions(tmp_path, LATER)[0].label == "the good one"


@pytest.mark.parametrize("contents", [b"", b"{", b"[" * 100_000, b'{"format":1,"guard":"","rows":{}}'], ids=range(4))
def test_a_broken_index_is_made_anew(made: Path, tmp_path: Path, contents: bytes) -> None:
    shutil.copy(made, tmp_path / "a.cockpit")
    (tmp_path / "index.json").write_bytes(contents)
    assert sessions(tmp_path, LATER)[0].trades > 2
    assert (tmp_path / "index.json").read_bytes() != contents


def test_a_folder_that_is_not_there_has_no_sessions(tmp_path: Path) -> None:
    assert sessions(tmp_path / "none", LATER) == []


def test_a_label_lies_beside_the_recording(made: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(made, tmp_path / "a.cockpit"))
    before = path.read_bytes()
    assert rename(path, "  trend\x1b[31m day  ") == label_of(path) != ""
    assert label_of(path).isprintable()
    assert len(rename(path, "x" * 500)) == 80
    assert rename(path, "") == label_of(path) == ""
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.cockpit"]


def test_deleting_takes_everything_of_it_and_nothing_else(made: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(made, tmp_path / "a.cockpit"))
    shutil.copy(made, tmp_path / "ab.cockpit")
    for name in ("a.bookmarks.json", "a.cockpit-wal", "a.cockpit-shm", "ab.label", "a.txt"):
        (tmp_path / name).write_bytes(b"")
    rename(path, "x")
    delete(path, LATER)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "ab.cockpit", "ab.label"]


def test_a_running_session_and_other_files_are_not_deleted(tmp_path: Path) -> None:
    live = record(tmp_path / "live.cockpit", EVENTS[:200], torn=True)
    with pytest.raises(RecordingError, match="running"):
        delete(live, EVENTS[199].t + SECOND)
    other = tmp_path / "notes.txt"
    other.write_text("x")
    for path in (other, tmp_path, tmp_path / "none.cockpit"):
        with pytest.raises(RecordingError, match="no recording"):
            delete(path, LATER)
    assert live.exists()
