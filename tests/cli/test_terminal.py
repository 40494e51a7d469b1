"""The real program in a pseudo-terminal, from its first frame to its summary, by keys alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")

from bench.terminal import Terminal
from engine.journal.recording import Recording
from engine.model import events as ev

COCKPIT = [sys.executable, "-m", "cockpit.cli"]
CALM = ["--set", "trading.approval_max_move_bps=500", "--set", "risk.min_reward_risk=0.1"]
"""An approval that a slow test machine does not lose to a moving market."""


def start(home: Path, *args: str, columns: int = 160, rows: int = 45, **env: str) -> Terminal:
    argv = [*COCKPIT, "--home", str(home), "--seed", "7", *CALM, *args]
    return Terminal(argv, columns, rows, {"XDG_RUNTIME_DIR": str(home.parent), **env})


def recorded(home: Path) -> list[ev.Event]:
    (path,) = (home / "sessions").glob("*.cockpit")
    with Recording.open(path) as recording:
        assert recording.check() == []
        return [event for _, event in recording.events()]


def test_start_approve_fill_kill_and_quit(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start(home) as terminal:
        terminal.wait_for("CONFIRM ORDER", 40)
        for _ in range(20):
            time.sleep(0.8)
            terminal.press("y")
            try:
                terminal.wait_for(lambda text: "LONG 0." in text or "SHORT 0." in text, 4)
                break
            except AssertionError:
                terminal.wait_for("CONFIRM ORDER", 40)
        terminal.press("f9")
        terminal.wait_for("HALTED")
        terminal.press("q")
        terminal.wait_for("close all")
        time.sleep(0.6)
        terminal.press("a")
        terminal.wait_for("type FLATTEN")
        time.sleep(0.6)
        terminal.press(*"FLATTEN", "enter")
        assert terminal.ended(30) == 0, terminal.text
        assert "recording" in terminal.text
        assert "6/6 close the links: ok" in terminal.text
    events = recorded(home)
    actions = [e.action for e in events if isinstance(e, ev.Command) and e.by == "key"]
    assert "approve" in actions
    assert "kill" in actions
    assert any(isinstance(e, ev.FillReport) for e in events)
    ended = events[-1]
    assert isinstance(ended, ev.SessionEnded)
    assert ended.clean
    assert (home / "killed").exists()


def test_a_closed_terminal_ends_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start(home) as terminal:
        terminal.wait_for("ACTIVE", 30)
        os.kill(terminal.process.pid, signal.SIGHUP)
        assert terminal.ended(30) == 0
    ended = recorded(home)[-1]
    assert isinstance(ended, ev.SessionEnded)
    assert (ended.reason, ended.clean) == ("SIGHUP", True)


def test_a_terminal_that_stops_reading_keeps_nothing_waiting_and_is_painted_whole_afterwards(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with start(home, "--set", "screen.refresh_hz=20") as terminal:
        terminal.wait_for("CONFIRM ORDER", 40)
        with terminal.frozen():
            for _ in range(12):  # enough to fill every buffer on the way
                terminal.press("?", "escape")
                time.sleep(0.05)
            os.kill(terminal.process.pid, signal.SIGUSR1)
            time.sleep(2.5)
        terminal.wait_for("HALTED", 10)
        terminal.wait_for("F9", 5)
    events = recorded(home)
    clocks = [e.t for e in events if isinstance(e, ev.Clock)]
    assert max(b - a for a, b in pairwise(clocks)) < 2_500_000_000, "the engine waited for the terminal"
    assert any(isinstance(e, ev.Command) and e.action == "kill" for e in events)


def test_a_small_terminal_says_what_it_needs_and_grows_into_the_screen(tmp_path: Path) -> None:
    with start(tmp_path / "home", columns=60, rows=16) as terminal:
        terminal.wait_for("80", 30)
        terminal.wait_for("60")
        terminal.resize(120, 36)
        terminal.wait_for("POSITION")


def test_bytes_that_no_terminal_should_send_do_not_end_the_session(tmp_path: Path) -> None:
    """A legacy mouse report beyond column 95 is not UTF-8; a paste is not a key."""
    with start(tmp_path / "home") as terminal:
        terminal.wait_for("ACTIVE", 30)
        os.write(terminal._main, b"\x1b[M \xe1\xe1\xff\xfe")
        os.write(terminal._main, b"\x1b[200~yyyy\x1b[201~")
        terminal.press("f9")
        terminal.wait_for("HALTED")
    events = recorded(tmp_path / "home")
    assert not any(isinstance(e, ev.Command) and e.action == "approve" for e in events)


def test_too_small_to_show_anything_is_refused(tmp_path: Path) -> None:
    with start(tmp_path / "home", columns=30, rows=8) as terminal:
        assert terminal.ended(20) == 1
        assert "too small" in terminal.text.replace("\n", "")


def run(home: Path, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COCKPIT_HOME": str(home), "XDG_RUNTIME_DIR": str(home.parent)}
    return subprocess.run(
        [*COCKPIT, *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_headless_session_ends_with_its_summary_as_json(tmp_path: Path) -> None:
    done = run(
        tmp_path / "home", "run", "--json", "--auto-approve", "--duration", "8", "--seed", "7", "--speed", "60", *CALM
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["orders"]
    assert Path(summary["recording"]).exists()
    names = "session profile orders rejections fills trades realised_pnl fees position equity events recording"
    assert set(names.split()) <= set(summary)
    with Recording.open(Path(summary["recording"])) as recording:
        assert recording.count == summary["events"]


def test_preflight_passes_on_the_embedded_exchange_and_fails_below_the_minimum_equity(tmp_path: Path) -> None:
    assert run(tmp_path / "home", "preflight").returncode == 0
    poor = run(tmp_path / "home", "preflight", "--json", "--set", "preflight.min_equity_quote=20000")
    assert poor.returncode != 0
    gates = json.loads(poor.stdout)["gates"]
    assert gates["equity"]["status"] == "fail"
    assert gates["login"]["status"] == "pass"


def test_the_exchange_prints_where_it_is_and_answers(tmp_path: Path) -> None:
    import httpx

    argv = [*COCKPIT, "exchange", "--json", "--seed", "7", "--home", str(tmp_path / "home")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert {"rest", "public", "private", "api_key", "api_secret", "symbols"} <= set(told)
        tickers = httpx.get(f"{told['rest']}/api/v1/futures/market/tickers", trust_env=False).json()
        assert tickers["code"] == 0
        busy = run(tmp_path / "home", "exchange", "--port", told["rest"].rpartition(":")[2])
        assert busy.returncode == 1
        assert "already in use" in busy.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["run", "--headless", "--profile", "nope"], "no profile 'nope'"),
        (["run", "--headless", "--candles", "/nope.csv"], "/nope.csv"),
        (["run", "--headless", "--set", "risk.max_leverag=3"], "did you mean risk.max_leverage?"),
        (["run", "--headless", "--set", "risk.max_leverage=lots"], "risk.max_leverage"),
        (["run", "--headless", "--set", "nonsense"], "path=value"),
        (["run", "--headless", "--profile", "live", "--auto-approve"], "approval"),
        (["run", "--headless", "--profile", "live"], "API keys"),
        (["--profile", "paper"], "needs a terminal"),
        (["--profile", "live", "config", "show"], "behind the command"),
        (["config", "show", "--home", "/proc/nope"], "/proc/nope"),
        (["exchange", "--candles", "/nope.csv"], "/nope.csv"),
    ],
)
def test_bad_input_is_one_clear_message_and_an_exit_code(tmp_path: Path, args: list[str], says: str) -> None:
    done = run(tmp_path / "home", *args)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
