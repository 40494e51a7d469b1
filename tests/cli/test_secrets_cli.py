"""Keys and alert addresses from the command line: typed unseen, kept for their owner, never shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hook_kit import TOKEN, hook

KEY, WORD = "kEy-c4n4ry-000111", "w0rd-c4n4ry-999888"


def cockpit(home: Path, *args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from cockpit.__main__ import main; main()", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=typed,
        env={**os.environ, "COCKPIT_HOME": str(home)},
    )
    assert "Traceback" not in done.stderr, done.stderr
    for secret in (KEY, WORD, TOKEN):
        assert secret not in done.stdout + done.stderr
    return done


def test_keys_are_put_in_a_file_found_again_and_forgotten(tmp_path: Path) -> None:
    assert cockpit(tmp_path, "keys", "show").returncode == 7
    assert cockpit(tmp_path, "keys", "set", "--file", typed=f"{KEY}\n{WORD}\n").returncode == 0
    file = tmp_path / "secrets" / "live.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY in file.read_text()
    shown = json.loads(cockpit(tmp_path, "keys", "show", "--json").stdout)
    assert [(place["where"], place["used"]) for place in shown["places"]] == [(str(file), True)]
    assert cockpit(tmp_path, "keys", "forget").returncode == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("args", "typed", "said"),
    [
        (("keys", "set"), f"{KEY}\n{WORD}\n", "use --file"),
        (("keys", "set", "--file"), f"{KEY}\n", "this is no API secret"),
        (("keys", "set", "--file"), f"{KEY} and more\n", "this is no API key"),
        (("keys", "set", "-p", "demo"), "", "needs no keys"),
        (("keys", "set", "-p", "liv"), "", "did you mean live?"),
        (("keys", "set", "-p", "alerts"), "", "no name of a profile"),
        (("keys", "forget", "-p", "../live"), "", "no name of a profile"),
        (("alerts", "test"), "", "there are no targets"),
        (("alerts", "test", "--cause", "Kiled"), "", "did you mean Killed?"),
        (("alerts", "add", "phone", "--file"), f"nonsense://{TOKEN}\n", "not understood"),
        (("alerts", "add", "my phone", "--file"), f"json://127.0.0.1/{TOKEN}\n", "letters, digits"),
    ],
)
def test_a_mistake_is_told_with_its_cure(tmp_path: Path, args: tuple[str, ...], typed: str, said: str) -> None:
    done = cockpit(tmp_path, *args, typed=typed)
    assert done.returncode != 0
    assert said in done.stderr
    assert not list((tmp_path / "secrets").glob("*")) if (tmp_path / "secrets").exists() else True


def test_a_test_alert_goes_to_every_target_and_tells_of_each(tmp_path: Path) -> None:
    with hook() as good, hook() as bad:
        bad.answer = 404
        for name, web in (("phone", good), ("desk", bad)):
            assert cockpit(tmp_path, "alerts", "add", name, "--file", typed=f"{web.address}\n").returncode == 0
        listed = cockpit(tmp_path, "alerts", "list").stdout
        assert f"phone            json://127.0.0.1:{good.port}/…" in listed
        assert "● Killed" in listed
        assert "○ Started" in listed
        done = cockpit(tmp_path, "alerts", "test", "--cause", "NakedPosition")
        assert done.returncode == 4
        assert "✓ phone" in done.stdout
        assert "✕ desk" in done.stdout
        assert "refused with 404" in done.stdout
        assert good.titles == bad.titles == ["cockpit: no protective stop"]
        assert cockpit(tmp_path, "alerts", "forget", "desk").returncode == 0
        assert cockpit(tmp_path, "alerts", "test").returncode == 0


def test_what_an_unexpected_end_prints_has_no_secret_in_it(tmp_path: Path) -> None:
    code = (
        "import sys, cockpit.cli as cli; from engine.model.clean import hide; from cockpit.__main__ import main\n"
        f"hide({KEY!r})\n"
        f"def broken(): raise ValueError('no ' + {KEY!r})\n"
        "cli.main = broken\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "status"], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "ValueError: no ***" in done.stderr
    assert KEY not in done.stderr
