"""Pictures of time travel, from the committed recording. After a wanted change: ``pytest tests/snapshots --snapshot-update``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from app_kit import Clock
from replay_app_kit import Running, copied, press, source_of, still
from textual.pilot import Pilot
from textual.widgets import Input

from cockpit.app import CockpitApp
from cockpit.behind import LiveSource

Size = tuple[int, int]
Compare = Callable[..., bool]
WIDE, MEDIUM, NARROW = (160, 45), (120, 36), (80, 24)


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking cursor, and no colours taken from the environment."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)


def named(value: object) -> str:
    return (
        f"{value[0]}x{value[1]}"
        if isinstance(value, tuple) and value and isinstance(value[0], int)
        else str(value or "open")
    )


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def before_the_picture(pilot: Pilot[Any]) -> None:
        await still(pilot)
        await press(pilot, *keys)
        await still(pilot)

    return before_the_picture


def replay(folder: Path, at: str, theme: str = "dark") -> CockpitApp:
    clock = Clock()
    source, profile = source_of(copied(folder), clock, at)
    profile.screen.theme = theme  # type: ignore[assignment]
    return CockpitApp(profile, source, clock=clock)


@pytest.mark.parametrize(
    ("at", "size"),
    [("#510", WIDE), ("#80", WIDE), ("end", WIDE), ("#510", MEDIUM), ("#80", NARROW), ("#510", NARROW)],
    ids=named,
)
def test_a_recording(snap_compare: Compare, tmp_path: Path, at: str, size: Size) -> None:
    assert snap_compare(replay(tmp_path, at), terminal_size=size, run_before=after())


def test_a_recording_in_light(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(replay(tmp_path, "#510", "light"), terminal_size=MEDIUM, run_before=after())


def test_a_recording_without_colour(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(replay(tmp_path, "#510"), terminal_size=MEDIUM, run_before=after())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("why", ("w",)), ("loop", ("A", *[","] * 40, "B")), ("difference", ("[", "A", "]", "]", "B", "d")), ("marks", ("'",)),
        ("goto", ("g", *"12:0x", "enter")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_after_keys(snap_compare: Compare, tmp_path: Path, name: str, keys: tuple[str, ...]) -> None:
    assert snap_compare(replay(tmp_path, "#510"), terminal_size=MEDIUM, run_before=after(*keys))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=named)
def test_behind_live(snap_compare: Compare, tmp_path: Path, size: Size) -> None:
    clock, path = Clock(), copied(tmp_path)
    session = Running(path)
    source = LiveSource(session, path, clock)  # type: ignore[arg-type]
    app = CockpitApp(session.profile, source, clock=clock)

    async def surveyed(pilot: Pilot[Any]) -> None:
        await after("g", *"#300", "enter")(pilot)
        for _ in range(500):
            if source.travel is not None and source.travel.map.density:
                break
            await asyncio.sleep(0.01)
        await still(pilot)

    assert snap_compare(app, terminal_size=size, run_before=surveyed)
