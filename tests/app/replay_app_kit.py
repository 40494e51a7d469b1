"""The committed recording on the trade screen, in a replay and behind a session that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from app_kit import Clock, Heard, settled
from textual.pilot import Pilot

from cockpit.app import Exit
from cockpit.behind import LiveSource
from cockpit.replay import ReplaySource, opened, profile_of
from cockpit.travel import Traveller
from engine.core.trader import copy_of
from engine.model.settings import Profile
from engine.replay.cursor import Replay

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
SECOND = 1_000_000_000
ASKED = 80
"""An order waits for an answer here."""
LONG = 510
"""A position is open here."""
KILL = 513
BIG, SMALL = (160, 45), (80, 24)


def copied(folder: Path) -> Path:
    """A copy that bookmarks may lie beside."""
    path = folder / "demo.cockpit"
    path.write_bytes(RECORDED.read_bytes())
    return path


def source_of(path: Path, clock: Clock, at: str = "") -> tuple[ReplaySource, Profile]:
    travel = opened(path, at, None, clock)
    profile = profile_of(travel.replay.recording)
    return ReplaySource(travel, profile), profile


@asynccontextmanager
async def replaying(
    folder: Path, at: str = "", size: tuple[int, int] = BIG
) -> AsyncIterator[tuple[Heard, Traveller, Pilot[Exit]]]:
    clock = Clock()
    source, profile = source_of(copied(folder), clock, at)
    assert source.travel is not None
    app = Heard(profile, source, clock=clock)
    with mock.patch("textual.message._time", SimpleNamespace(get_time=clock)):
        async with app.run_test(size=size) as pilot:
            await still(pilot)
            yield app, source.travel, pilot
    source.travel.close()


class Running:
    """As much of a session as the screen's source sees: a state that is now, and a place for commands."""

    def __init__(self, path: Path) -> None:
        with Replay.open(path) as replay:
            self.state = copy_of(replay.seek(LONG))
            self.profile = profile_of(replay.recording)
            self.t = replay.last.t + 5 * SECOND
        self.trader = SimpleNamespace(profile=self.profile)
        self.watchers: list[Any] = []
        self.commands: list[tuple[str, str]] = []

    def clock(self) -> int:
        return self.t

    def command(self, action: str, target: str = "", text: str = "", by: str = "key") -> None:
        self.commands.append((action, target))
        self.state.trading = {"kill": "HALTED", "pause": "PAUSED"}.get(action, self.state.trading)
        self.state.seq += 1


@asynccontextmanager
async def live(
    folder: Path, size: tuple[int, int] = BIG
) -> AsyncIterator[tuple[Heard, Running, LiveSource, Pilot[Exit]]]:
    clock, path = Clock(), copied(folder)
    session = Running(path)
    source = LiveSource(session, path, clock)  # type: ignore[arg-type]
    app = Heard(session.profile, source, clock=clock)
    with mock.patch("textual.message._time", SimpleNamespace(get_time=clock)):
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            yield app, session, source, pilot
    source.return_to_live()


async def still(pilot: Pilot[Exit], seconds: float = 0.1) -> None:
    """Let the cursor arrive and the last picture be drawn: the clock goes on a little, so that a frame is due."""
    app: Any = pilot.app
    for _ in range(20):
        app.clock.t += seconds / 20
        await pilot.pause()
        source = app.source
        if source.travel is None or source.travel.goal is None:
            break
        await asyncio.sleep(0.01)
    await settled(pilot)


async def played(pilot: Pilot[Exit], seconds: float) -> None:
    """That much time passes, in pictures."""
    app: Any = pilot.app
    for _ in range(round(seconds / 0.1)):
        app.clock.t += 0.1
        await asyncio.sleep(0.045)
        await pilot.pause()


async def press(pilot: Pilot[Exit], *keys: str) -> None:
    """Keys with a pause after each, as a hand makes it."""
    app: Any = pilot.app
    for key in keys:
        app.clock.t += 1
        await pilot.press(key)
        await still(pilot)
