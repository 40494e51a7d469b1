"""Signals before and while a session comes up: it ends in order, soon, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.journal.recording import Recording

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux's /proc")


@contextmanager
def started(home: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "COCKPIT_HOME": f"{home}", "XDG_STATE_HOME": f"{home.parent}"}
    argv = [sys.executable, "-m", "cockpit", *args]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def child_of(process: subprocess.Popen[str]) -> int:
    """The embedded exchange's process, once it is there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            if found := (task / "children").read_text().split():
                return int(found[0])
        time.sleep(0.01)
    raise AssertionError("no exchange was started")


def recorded(home: Path, process: subprocess.Popen[str]) -> Path:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        if found := list((home / "sessions").glob("*.cockpit")):
            return found[0]
        time.sleep(0.01)
    raise AssertionError("nothing is recorded")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_preflight_that_is_interrupted_closes_its_journal(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path / "home", "preflight") as process:
        path = recorded(tmp_path / "home", process)
        process.send_signal(number)
        _, words = process.communicate(timeout=15)
    assert process.returncode == 1
    assert "interrupted" in words
    assert "Traceback" not in words
    with Recording.open(path) as recording:
        assert recording.closed


def test_a_session_whose_exchange_hangs_at_its_start_still_ends_at_once(tmp_path: Path) -> None:
    with started(tmp_path / "home", "run", "--headless") as process:
        exchange = child_of(process)
        os.kill(exchange, signal.SIGSTOP)
        time.sleep(0.6)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        _, words = process.communicate(timeout=15)
    assert time.monotonic() - begun < 5
    assert process.returncode != 0
    assert "Traceback" not in words
    assert not Path(f"/proc/{exchange}").exists()
