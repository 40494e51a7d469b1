"""What a session stands on: measured, or said not to be."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.model.settings import WatchSettings
from engine.ops import machine, running
from engine.ops.lock import hold
from engine.ops.paths import Home, home


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_this_computer_runs_the_cockpit(tmp_path: Path) -> None:
    place = home(tmp_path / "home", {})
    for row in (machine.python(), machine.libraries(), machine.sqlite(), machine.home_folder(place)):
        assert row.status == "ok", row


@pytest.mark.parametrize(
    ("version", "bounds", "ok"),
    [("8.2.8", ">=8.2,<9", True), ("9.0", ">=8.2,<9", False), ("8.10", ">=8.2", True), ("0.29.0", "<0.29", False),
     ("6.0.2", ">=6.0.2,<7", True), ("6.0.2rc1", ">=6.0.2", True), ("1.1.0", "==1.1", True), ("1", "", True)],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(version: str, bounds: str, ok: bool) -> None:
    assert machine._within(version, bounds) is ok


def test_a_library_that_is_missing_or_too_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "bounds", lambda: (">=3.11", ["textual>=99", "no-such-thing>=1", "httpx>=0.1; extra == 'x'"])
    )
    row = machine.libraries()
    assert row.status == "fail"
    assert "is not >=99" in row.detail
    assert "no-such-thing is missing" in row.detail


def test_without_bounds_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "bounds", lambda: None)
    assert [row.status for row in (machine.python(), machine.libraries())] == ["not checked"] * 2


@pytest.mark.parametrize(("version", "said"), [((3, 51, 2), "WAL-reset"), ((3, 51, 3), ""), ((3, 40, 1), "WAL-reset")])
def test_the_wal_reset_bug_is_told(version: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    assert ("WAL-reset" in machine.sqlite().detail) == bool(said)


def test_a_home_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    place = home(tmp_path / "home", {})
    place.root.chmod(0o755)
    assert machine.home_folder(place).status == "warn"


def test_the_type_of_the_file_system_is_that_of_the_deepest_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    table = (
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        "2 1 0:5 / /home rw,x shared:1 - nfs4 host:/x rw\n"
        "3 2 0:6 / /home/a\\040b rw - tmpfs tmpfs rw\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: table)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    kinds = {name: machine.file_system(Home(Path(name))).status for name in ("/root/x", "/home/me", "/home/a b/c")}
    assert kinds == {"/root/x": "ok", "/home/me": "fail", "/home/a b/c": "warn"}


def test_a_system_that_does_not_tell_is_not_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert machine.file_system(Home(tmp_path)).status == "not checked"


def test_the_disk_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "fsync" in machine.fsync_speed(Home(tmp_path / "not" / "there")).detail
    monkeypatch.setattr(os, "fsync", lambda _: None)
    assert "too fast" in machine.fsync_speed(Home(tmp_path)).detail


def test_held_accounts_are_named(tmp_path: Path) -> None:
    assert "no account is held" in machine.locks().detail
    with hold("bitunix", "some key"):
        detail = machine.locks().detail
    assert f"bitunix by process {os.getpid()}" in detail
    assert "some key" not in detail


def test_a_run_file_without_its_process_is_told(tmp_path: Path) -> None:
    from desk import profile

    place = home(tmp_path / "home", {})
    assert machine.leftovers(place).status == "ok"
    run = running.RunFile(
        session="20260310-120000-abcd", pid=2**22 - 3, born=1, started_t=1, profile="live", mode="LIVE", symbols=["X"],
        venue=profile().venue, watch=WatchSettings(),
    )  # fmt: skip
    running.save(place, run)
    row = machine.leftovers(place)
    assert (row.status, "died without an end: 20260310-120000-abcd" in row.detail) == ("warn", True)
