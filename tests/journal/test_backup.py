"""Backups: whole or not there, of a running journal too, forgotten in time, and put back without losing anything."""

from __future__ import annotations

import asyncio
import os
import runpy
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.journal import backup
from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.session.backups import once

DAY = 86_400


async def journal_of(path: Path, events: int) -> Journal:
    journal = Journal.create(path)
    for n in range(events):
        journal.append(ev.FundingPaid(n + 1, "BTCUSDT", 1))  # type: ignore[arg-type]
    await journal.durable(journal.seq)
    return journal


async def test_a_running_journal_is_copied_whole_while_it_goes_on(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 2_000)
    taken = await asyncio.to_thread(backup.take, journal.path, tmp_path / "b", 1_000_000)
    journal.append(ev.Clock(9_999))
    await journal.durable(2_001)
    await journal.close()
    assert (taken.events, taken.path.name) == (2_000, "s.19700112T134640Z.cockpit")
    with Recording.open(taken.path) as recording:
        assert recording.check() == []
        assert recording.count == 2_000
    assert [p.name for p in (tmp_path / "b").iterdir()] == [taken.path.name]


async def test_the_copy_is_made_by_a_process_of_its_own(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 10)
    ok, said = await once(journal.path, tmp_path / "b")
    await journal.close()
    assert ok, said
    assert "10 events verified" in said
    assert len(backup.listed(tmp_path / "b")) == 1
    ok, said = await once(tmp_path / "none.cockpit", tmp_path / "b")
    assert not ok


async def test_a_damaged_recording_gives_no_backup(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 50)
    await journal.close()
    _damage(journal.path)
    with pytest.raises(RecordingError, match="damaged"):
        backup.take(journal.path, tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


async def test_a_backup_never_takes_the_journals_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 5)
    monkeypatch.setattr(backup, "LEAST_FREE", 1 << 60)
    with pytest.raises(RecordingError, match="no room"):
        backup.take(journal.path, tmp_path / "b")
    await journal.close()


def _damage(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    at = raw.find(b"FundingPaid\x93")
    raw[at + 20] ^= 1
    path.write_bytes(raw)


def test_the_newest_stay_and_of_older_days_the_last_of_each_session(tmp_path: Path) -> None:
    for hour in range(24 * 12):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_000 * DAY + hour * 3_600))
        (tmp_path / f"s.{stamp}.cockpit").touch()
    gone = backup.prune(tmp_path)
    left = backup.listed(tmp_path)
    assert len(left) + len(gone) == 24 * 12
    assert len(left) == backup.HOURLY + backup.DAILY - 1
    assert [b.t % DAY // 3_600 for b in left[backup.HOURLY :]] == [23] * (backup.DAILY - 1)


async def test_what_is_replaced_is_moved_aside(tmp_path: Path) -> None:
    target = tmp_path / "sessions" / "s.cockpit"
    journal = await journal_of(target, 50)
    backup.take(target, tmp_path / "b")
    await journal.close()
    _damage(target)
    broken = target.read_bytes()
    done = backup.restore(backup.choose(tmp_path / "b", "latest"), target)
    assert backup.verified(target) == done.events == 50
    assert done.aside is not None
    assert done.aside.read_bytes() == broken
    assert list(target.parent.glob("*.cockpit")) == [target]


async def test_a_whole_recording_with_more_in_it_is_not_replaced_without_force(tmp_path: Path) -> None:
    target = tmp_path / "sessions" / "s.cockpit"
    journal = await journal_of(target, 20)
    backup.take(target, tmp_path / "b")
    journal.append(ev.Clock(99))
    await journal.close()
    chosen = backup.choose(tmp_path / "b", "s")
    with pytest.raises(CockpitError, match="21 events"):
        backup.restore(chosen, target)
    done = backup.restore(chosen, target, force=True)
    assert done.aside is not None
    assert backup.verified(done.aside) == 21
    assert backup.verified(target) == 20


async def test_a_backup_that_rotted_is_not_put_back(tmp_path: Path) -> None:
    target = tmp_path / "s.cockpit"
    journal = await journal_of(target, 50)
    await journal.close()
    taken = backup.take(target, tmp_path / "b")
    _damage(taken.path)
    before = target.read_bytes()
    with pytest.raises(RecordingError, match="damaged"):
        backup.restore(backup.choose(tmp_path / "b", "latest"), target, force=True)
    assert target.read_bytes() == before


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="no backup"):
        backup.choose(tmp_path, "latest")
    for session in ("20260101-1", "20260101-2"):
        (tmp_path / f"{session}.20260101T000000Z.cockpit").touch()
    with pytest.raises(CockpitError, match="2 sessions begin"):
        backup.choose(tmp_path, "2026")
    assert backup.choose(tmp_path, "20260101-2").session == "20260101-2"


async def test_a_recording_that_is_not_all_there_gives_no_backup(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 2_000)
    await journal.close()
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-8_192])
    with pytest.raises(RecordingError, match="the file is incomplete"):
        backup.take(journal.path, tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


async def test_a_disk_that_fails_while_copying_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 5)
    await journal.close()
    opened = sqlite3.connect

    def full(path: object, **more: Any) -> sqlite3.Connection:
        if str(path).endswith(".part"):
            raise sqlite3.OperationalError("disk I/O error")
        return opened(path, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(backup.sqlite3, "connect", full)
    with pytest.raises(RecordingError, match="could not be copied: disk I/O error"):
        backup.take(journal.path, tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


async def test_where_nothing_lies_nothing_is_moved_aside(tmp_path: Path) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 5)
    await journal.close()
    backup.take(journal.path, tmp_path / "b")
    target = tmp_path / "elsewhere" / "s.cockpit"
    done = backup.restore(backup.choose(tmp_path / "b", "latest"), target)
    assert (done.events, done.aside) == (5, None)
    assert backup.verified(target) == 5
    assert list(target.parent.iterdir()) == [target]


async def test_two_files_replaced_within_one_second_both_stay(tmp_path: Path) -> None:
    target = tmp_path / "s.cockpit"
    journal = await journal_of(target, 5)
    await journal.close()
    backup.take(target, tmp_path / "b")
    chosen = backup.choose(tmp_path / "b", "latest")
    asides = [backup.restore(chosen, target, force=True, now=1_000_000).aside for _ in range(3)]
    assert len({str(aside) for aside in asides}) == 3
    assert [backup.verified(aside) for aside in asides if aside is not None] == [5, 5, 5]


async def test_the_process_that_takes_one_says_in_a_line_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await journal_of(tmp_path / "s.cockpit", 5)
    await journal.close()
    monkeypatch.setattr(os, "nice", lambda _: 0)
    assert backup.main([str(journal.path), str(tmp_path / "b")]) == 0
    assert "5 events verified" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert backup.main([str(journal.path), str(tmp_path / "file" / "b")]) == 1
    assert capsys.readouterr().out == "Not a directory"
    monkeypatch.setattr(sys, "argv", ["backup", str(tmp_path / "none.cockpit"), str(tmp_path / "b")])
    with pytest.warns(RuntimeWarning, match="found in sys.modules"), pytest.raises(SystemExit) as ended:
        runpy.run_module("engine.journal.backup", run_name="__main__")
    assert ended.value.code == 1
