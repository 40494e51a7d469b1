"""What a session notices about its surroundings."""

from __future__ import annotations

from pathlib import Path

from session_kit import floor

from engine.model import events as ev
from engine.session.clock import steady
from engine.session.watch import clock_jump, watch

HOUR = 3_600_000_000_000


def test_setting_the_computers_clock_does_not_move_the_sessions() -> None:
    wall, passed = [1_000 * HOUR], [0]
    clock = steady(lambda: wall[0], lambda: passed[0])
    assert clock() == 1_000 * HOUR
    wall[0] -= HOUR
    passed[0] += 5
    assert clock() == 1_000 * HOUR + 5
    wall[0] += 9 * HOUR
    assert clock() == 1_000 * HOUR + 5


def test_a_jump_is_told_once_and_so_is_its_end() -> None:
    wall = [HOUR]
    clock = steady(lambda: wall[0], lambda: 0)
    look = watch("ClockJump", clock_jump(clock, lambda: wall[0]), clock)
    assert look() is None
    wall[0] -= 2_000_000_000
    told = look()
    assert told is not None
    assert (told.kind, told.over) == ("ClockJump", False)
    assert "-2.0 s" in told.text
    assert look() is None
    wall[0] += 2_000_000_000
    over = look()
    assert over is not None
    assert over.over


async def test_what_is_noticed_stands_as_an_alarm_until_it_is_over(tmp_path: Path) -> None:
    async with floor(tmp_path) as f:
        trouble = ["its process has ended"]
        f.session.watches.append(watch("ExchangeGone", lambda: trouble[0], f.session.clock))
        await f.until(lambda: "ExchangeGone/" in f.state.alarms, "the alarm", 3)
        assert any(line.kind == "ExchangeGone" and line.level == "alarm" for line in f.state.log)
        trouble[0] = ""
        await f.until(lambda: "ExchangeGone/" not in f.state.alarms, "its end", 3)
        assert ev.KINDS["Reported"] is ev.Reported
