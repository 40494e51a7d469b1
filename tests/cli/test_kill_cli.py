"""``cockpit kill`` from beside a real engine: running, stopped, dead, on paper, or nowhere."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from rescue_kit import cockpit, engine, entry, held

from engine.ops import running
from engine.ops.paths import Home
from engine.session import latch

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="Linux's /proc")


def step(answer: Any, name: str) -> Any:
    (found,) = [row for row in answer["steps"] if row["name"] == name]
    return found


def test_a_stopped_engine_is_no_obstacle(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        assert e.at_venue(entry(), entry(1)) == 2
        e.signal(signal.SIGSTOP)
        code, answer, took = cockpit(home, "kill", "--reason", "it hangs", "--json")
        assert (code, answer["confirmed"]) == (0, True), answer
        assert took < 3
        assert e.at_venue() == 0
        assert latch.read(e.home.latch) == "it hangs"
        assert [row["name"] for row in answer["steps"]][:3] == ["latch", "signal", "cancel"]
        assert "2 entries cancelled" in step(answer, "cancel")["detail"]
        assert "stopped" in step(answer, "engine")["detail"]
        e.signal(signal.SIGCONT)
        e.until(lambda: e.beat.trading == "HALTED", "halted when it goes on", 3)
        run = e.run
        e.signal(signal.SIGTERM)
        e.process.communicate(timeout=15)
        assert running.found(e.home) == [], "a clean end takes the run file away"
        assert not (e.home.run / f"{run.session}.beat").exists()


def test_flatten_leaves_nothing_at_the_venue_of_a_stopped_engine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        e.at_venue(entry(), held())
        e.until(lambda: e.beat.held, "it is seen")
        e.signal(signal.SIGSTOP)
        code, answer, _ = cockpit(home, "kill", "--flatten", "--json")
        assert (code, answer["confirmed"]) == (0, True), answer
        assert "+0.0100 BTCUSDT closed" in step(answer, "flatten")["detail"]


def test_a_running_engine_acts_at_once_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        e.at_venue(entry())
        run_file = e.home.run / f"{e.run.session}.json"
        assert stat.S_IMODE(run_file.stat().st_mode) == 0o600
        code, answer, _ = cockpit(home, "kill", "--json")
        assert code == 0
        assert step(answer, "engine")["detail"].startswith("HALTED")
        assert e.beat.trading == "HALTED"
        code, words, _ = cockpit(home, "kill")
        assert code == 0
        assert "confirmed: no entry works" in words


def test_a_kill_file_made_by_hand_halts_within_a_second(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        began = time.monotonic()
        (home / "killed").touch()
        e.until(lambda: e.beat.trading == "HALTED", "halted", 4)
        assert time.monotonic() - began < 2.5, "a second to see it, and half a second until the heartbeat says so"


def test_an_engine_that_was_killed_has_taken_its_exchange_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home) as e:
        e.signal(signal.SIGKILL)
        e.process.wait(5)
        assert e.run.session
        code, answer, _ = cockpit(home, "kill", "--json")
        assert (code, answer["confirmed"]) == (0, True), answer
        assert "is gone" in step(answer, "signal")["detail"]
        assert "ended with its session" in step(answer, "venue")["detail"]


def test_paper_has_nothing_outside_the_engine_and_the_engine_confirms(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with engine(home, "exchange.speed=12", profile="paper") as e:
        code, answer, _ = cockpit(home, "kill", "--json")
        assert (code, answer["confirmed"]) == (0, True), answer
        assert "lives in the engine" in step(answer, "venue")["detail"]
        e.signal(signal.SIGSTOP)
        code, answer, _ = cockpit(home, "kill", "--json")
        assert (code, answer["confirmed"]) == (4, False), "nobody is there to confirm"


def test_with_nobody_there_the_switch_is_on_and_nothing_is_confirmed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, words, _ = cockpit(home, "kill")
    assert code != 0
    assert "no session is known" in words
    assert latch.read(home / "killed") == "cockpit kill"


def test_a_live_venue_without_keys_is_not_confirmed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, answer, _ = cockpit(home, "kill", "--profile", "live", "--json")
    assert (code, answer["confirmed"]) == (4, False)
    assert "no API keys" in step(answer, "venue")["detail"]


def test_a_process_number_that_was_given_out_again_is_not_signalled() -> None:
    me = os.getpid()
    assert running.alive(me, running.born(me))
    assert not running.alive(me, running.born(me) + 1)


def test_a_run_file_that_others_can_read_or_that_is_torn_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run.mkdir()
    for name, content, mode in (("a", b"{", 0o600), ("b", b"{}", 0o644), ("c", b"\xff" * 100_000, 0o600)):
        path = home.run / f"{name}.json"
        path.write_bytes(content)
        path.chmod(mode)
    assert running.found(home) == []
