"""Invocations that cannot work: one message, no control character, no traceback, an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COCKPIT_HOME": f"{home}", "XDG_STATE_HOME": f"{home.parent}"}
    argv = [sys.executable, "-m", "cockpit", *args]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL, check=False
    )


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["exchange", "--symbol", "A\x1b[31m"], r"'A\x1b[31M' is no symbol"),
        (["exchange", "--symbol", ""], "'' is no symbol"),
        (["exchange", "--symbol", "../X"], "is no symbol"),
        (["run", "--profile", "paper"], "needs a terminal"),
        (["run", "--headless", "--speed", "1e12"], "exchange.speed"),
        (["config", "show", "--profile", "a\x1b[2Jb"], r"'a\x1b[2Jb' is no name of a profile"),
    ],
)
def test_what_cannot_work_is_refused_in_plain_words(tmp_path: Path, args: list[str], says: str) -> None:
    done = run(tmp_path / "home", *args)
    assert done.returncode not in {0, None}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(ord(char) < 32 and char != "\n" for char in done.stdout + done.stderr)


def test_run_without_a_terminal_shows_no_screen_but_runs_the_demo_and_says_so(tmp_path: Path) -> None:
    done = run(tmp_path / "home", "run", "--duration", "1", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert "no terminal here" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's /dev/full")
def test_an_output_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "cockpit", "config", "show", "--home", f"{tmp_path / 'home'}"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_does_not_end_the_session(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "cockpit", "run", "--headless", "--json", "--duration", "2", "--seed", "7"]
    env = {**os.environ, "COCKPIT_HOME": f"{tmp_path / 'home'}", "XDG_STATE_HOME": f"{tmp_path}"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        summary = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert summary["clean"] is True
