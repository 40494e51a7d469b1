"""``cockpit restore`` and the options that say how to go on."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from cockpit.cli import app
from engine.journal import backup
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.errors import CockpitError

SHELL = CliRunner()


async def backed_up(home: Path) -> Path:
    path = home / "sessions" / "20260101-000000-abcd.cockpit"
    journal = Journal.create(path)
    journal.append(ev.SessionStarted(1, "s", "live", "LIVE", "bitunix", "1", 1, "{}", "c1", "acc"))
    await journal.close()
    backup.take(path, home / "backups")
    return path


async def test_a_lost_session_comes_back(tmp_path: Path) -> None:
    path = await backed_up(tmp_path)
    path.unlink()
    done = SHELL.invoke(app, ["restore", "--home", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["events"] == 1
    assert backup.verified(path) == 1


async def test_backups_are_listed(tmp_path: Path) -> None:
    await backed_up(tmp_path)
    done = SHELL.invoke(app, ["restore", "--list", "--home", str(tmp_path)])
    assert "20260101-000000-abcd" in done.output
    assert "no backups" in SHELL.invoke(app, ["restore", "--list", "--home", str(tmp_path / "empty")]).output


async def test_a_good_recording_is_only_replaced_by_force(tmp_path: Path) -> None:
    path = await backed_up(tmp_path)
    refused = SHELL.invoke(app, ["restore", "20260101", "--home", str(tmp_path)])
    assert isinstance(refused.exception, CockpitError)
    assert "--force" in refused.exception.hint
    forced = SHELL.invoke(app, ["restore", "20260101", "--force", "--home", str(tmp_path)])
    assert "replaced" in forced.output
    assert path.exists()


async def test_it_can_be_put_elsewhere(tmp_path: Path) -> None:
    await backed_up(tmp_path)
    elsewhere = tmp_path / "copy.cockpit"
    assert SHELL.invoke(app, ["restore", "--to", str(elsewhere), "--home", str(tmp_path)]).exit_code == 0
    assert backup.verified(elsewhere) == 1


def test_going_on_and_knowing_nothing_exclude_each_other(tmp_path: Path) -> None:
    done = SHELL.invoke(app, ["run", "--resume", "--fresh", "--headless", "--home", str(tmp_path)])
    assert isinstance(done.exception, CockpitError)


def test_the_demo_has_nothing_to_continue(tmp_path: Path) -> None:
    done = SHELL.invoke(
        app, ["run", "--resume", "--headless", "--home", str(tmp_path)], env={"XDG_STATE_HOME": str(tmp_path)}
    )
    assert isinstance(done.exception, CockpitError)
    assert "no session to continue" in done.exception.what
