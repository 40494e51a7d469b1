"""Faults that nobody waits for shut the gate at once, wherever they happen (R7); a heartbeat tells whether the loop moves."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from session_kit import Floor, floor

from engine.model import events as ev
from engine.ops import running
from engine.session import heartbeat, latch, presence
from engine.session.faults import caught
from engine.session.heartbeat import Heartbeat, lag, memory
from engine.session.watch import watch


class Planted(Exception):
    pass


def fail(*_: Any) -> None:
    raise Planted


async def in_a_callback(f: Floor) -> None:
    asyncio.get_running_loop().call_soon(fail)


async def in_a_timer(f: Floor) -> None:
    asyncio.get_running_loop().call_later(0.001, fail)


async def in_a_thread(f: Floor) -> None:
    threading.Thread(target=fail).start()


async def in_a_watch(f: Floor) -> None:
    f.session.watches.append(fail)
    assert f.session._timer is not None
    await asyncio.wait({f.session._timer}, timeout=2)


async def in_an_effect(f: Floor) -> None:
    f.session.venue.snapshot = fail  # type: ignore[method-assign,assignment]
    f.session.command("compare")


async def in_the_end_of_a_task(f: Floor) -> None:
    asyncio.create_task(asyncio.sleep(0)).add_done_callback(fail)


async def in_a_forgotten_task_of_ours(f: Floor) -> None:
    f.session.clock = fail  # type: ignore[assignment]
    task = asyncio.create_task(f.session._tick())
    await asyncio.wait({task}, timeout=2)
    del task
    gc.collect()


async def in_a_link(f: Floor) -> None:
    stream = f.session.venue._links[0][0]  # type: ignore[attr-defined]
    await stream.stop()
    stream._spare_the_venue = fail
    stream.start(stream._reader)


@pytest.mark.parametrize(
    "happen", [in_a_link, in_a_callback, in_a_timer, in_a_thread, in_a_watch, in_an_effect, in_the_end_of_a_task,
               in_a_forgotten_task_of_ours], ids=lambda f: f.__name__,
)  # fmt: skip
async def test_a_fault_anywhere_shuts_the_gate_within_ten_milliseconds(
    tmp_path: Path, happen: Callable[[Floor], Any]
) -> None:
    async with floor(tmp_path, up=False) as f:
        with caught(f.session):
            told: list[Exception] = []
            f.session.on_break = told.append
            await happen(f)
            began = time.monotonic()
            while f.session.broken is None and time.monotonic() - began < 1:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert time.monotonic() - began < 0.05  # ten milliseconds, and room for a busy test computer
            assert isinstance(f.session.broken, Planted)
            assert told == [f.session.broken]


async def test_a_fault_in_a_librarys_hands_is_told_and_trading_goes_on(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        with caught(f.session):
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "a transport broke", "exception": OSError("reset"), "transport": 1})
            assert f.session.broken is None
            assert any(line.kind == "LibraryFault" and "reset" in line.text for line in f.state.log)


# --- the kill file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b'{"why": "\x1b[2J by hand"}', b"\xff"])
async def test_any_kill_file_halts(tmp_path: Path, content: bytes) -> None:
    async with floor(tmp_path, up=False) as f:
        f.home.latch.write_bytes(content)
        await f.until(lambda: f.state.trading == "HALTED", "halted", 1.5)
        assert "\x1b" not in f.state.trading_why


async def test_a_kill_file_that_is_taken_away_by_hand_comes_back(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        f.session.command("kill", text="because")
        f.home.latch.unlink()
        await f.until(lambda: latch.read(f.home.latch) == "because", "made anew", 1.5)


async def test_a_switch_that_cannot_be_kept_is_an_alarm_until_it_can(tmp_path: Path, monkeypatch: Any) -> None:
    trip = latch.trip
    async with floor(tmp_path, up=False) as f:
        monkeypatch.setattr(latch, "trip", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        f.session.command("kill")
        assert f.state.trading == "HALTED"
        await f.until(lambda: "LatchLost/" in f.state.alarms, "the alarm", 1.5)
        monkeypatch.setattr(latch, "trip", trip)
        await f.until(lambda: "LatchLost/" not in f.state.alarms, "its end", 2.5)


async def test_a_stuck_disk_does_not_keep_the_kill_waiting(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(latch, "trip", lambda *_: time.sleep(0.4))
    async with floor(tmp_path, up=False) as f:
        began = time.monotonic()
        f.session.command("kill")
        assert time.monotonic() - began < 0.15
        assert f.state.trading == "HALTED"


async def test_a_kill_that_a_broken_session_cannot_take_is_there_at_the_next_start(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        f.session.fail(Planted())
        f.session.command("kill", text="after the fault")
        await asyncio.sleep(0.1)
    async with floor(tmp_path, up=False) as f:
        assert f.state.trading == "HALTED"
        assert "after the fault" in f.state.trading_why


# --- signs of life ------------------------------------------------------------------------------------------------------


async def test_the_heartbeat_is_written_every_second_and_stops_with_the_loop(
    tmp_path: Path, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(heartbeat, "LOOK_S", 0.02)
    async with floor(tmp_path, up=False) as f:
        f.home.run.mkdir()
        heart = Heartbeat(f.session, f.home, hung_s=1.2)
        heart.start()
        name = f.state.session.id
        first = running.last_beat(f.home, name)
        assert first is not None
        await f.until(lambda: running.last_beat(f.home, name) != first, "a beat", 2)
        beat = running.last_beat(f.home, name)
        assert beat is not None
        assert (beat.trading, beat.working, beat.held) == (f.state.trading, 0, 0)
        assert 10 < beat.rss_mb < 2_000
        with caplog.at_level(logging.ERROR):
            time.sleep(1.4)  # noqa: ASYNC251  # the loop hangs
        assert "has not moved" in caplog.text
        assert "test_faults_caught" in caplog.text, "it says where"
        heart.stop()


async def test_a_late_loop_stands_as_an_alarm_until_it_is_on_time(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        f.session.watches.append(watch("LoopLag", lag(f.session, 0.3), f.session.clock))
        await asyncio.sleep(0.1)
        time.sleep(1.6)  # noqa: ASYNC251  # the loop hangs
        await f.until(lambda: "LoopLag/" in f.state.alarms, "the alarm", 3)
        await f.until(lambda: "LoopLag/" not in f.state.alarms, "its end", 3)


async def test_memory_over_its_ceiling_asks_for_the_end_once(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        heart = Heartbeat(f.session, f.home, hung_s=5)
        asked: list[str] = []
        probe = memory(heart, 100, asked.append)
        heart.rss_mb = 99.0
        assert probe() == ""
        heart.rss_mb = 101.0
        assert probe() == probe() == "101 MB of memory, limit 100 MB"
        assert len(asked) == 1


async def test_other_processes_find_the_session_while_it_runs_and_not_after_a_clean_end(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        venue = f.session.trader.profile.venue
        with presence.present(f.session, f.home, venue, None, account="a", demo=False, exhausted=fail):
            (run,) = running.found(f.home)
            assert (run.session, run.demo_key) == (f.state.session.id, "")
            signal.raise_signal(signal.SIGUSR1)
            await f.until(lambda: f.state.trading == "HALTED", "killed by signal", 1)
            f.session.ingest(ev.SessionEnded(f.session.clock(), "over", True))
        assert running.found(f.home) == []


async def test_a_session_that_did_not_end_in_order_can_still_be_found(tmp_path: Path) -> None:
    async with floor(tmp_path, up=False) as f:
        venue = f.session.trader.profile.venue
        with presence.present(f.session, f.home, venue, None, account="a", demo=False, exhausted=fail):
            f.session.fail(Planted())
        assert len(running.found(f.home)) == 1
