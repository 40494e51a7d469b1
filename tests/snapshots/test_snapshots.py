"""Pictures of the screen. After a wanted change: ``pytest tests/snapshots --snapshot-update``, and look at every one.

Each is made from a fixed view and a clock that stands; what time has passed is told to the clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import panes_builder as build
import pytest
from app_kit import Clock, settled
from snapshot_views import SCREENS, eventful, failing_preflight, partly_filled, reconnecting, resized, trailing
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from cockpit.app import CockpitApp
from cockpit.panes.approvals import ApprovalPane
from cockpit.panes.base import Pane
from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.logs import LogPane
from cockpit.panes.orders import OrdersPane
from cockpit.panes.position import PositionPane
from cockpit.panes.preflight import PreflightPane
from cockpit.panes.risk import RiskPane
from cockpit.theme import THEMES
from cockpit.view import View
from engine.model.events import Action

Size = tuple[int, int]
Compare = Callable[..., bool]
WIDE, MEDIUM, NARROW, SMALL, PANE = (160, 45), (120, 36), (80, 24), (60, 16), (60, 20)


def named(value: object) -> str:
    """``awaiting-160x45``: the state, the size; keys are left to the name."""
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return f"{value[0]}x{value[1]}"
    return value if isinstance(value, str) else "keys"


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking cursor, and no colours taken from the environment."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _self: None)
    monkeypatch.delenv("NO_COLOR", raising=False)


class Standing:
    """A source whose view never changes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def view(self) -> View:
        return self._view

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:
        raise AssertionError(f"{action} {target} {text} {by}: a picture commands nothing")


def screen(view: View, theme: str = "dark") -> CockpitApp:
    view.profile.screen.theme = theme  # type: ignore[assignment]
    return CockpitApp(view.profile, Standing(view), clock=Clock(), wall=lambda: build.NOW)


def after(*keys: str, seconds: float = 1.0) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Let the terms be read for that long, press keys, and let everything be drawn."""

    async def before_the_picture(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        pilot.app.clock.t += seconds  # type: ignore[attr-defined]
        await settled(pilot)
        await pilot.press(*keys)
        await settled(pilot)
        await settled(pilot)

    return before_the_picture


# --- the screen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "size"),
    [
        *((name, WIDE) for name in ("connecting", "flat", "long", "losing", "awaiting", "killed", "safe", "preflight", "live")),
        *((name, MEDIUM) for name in ("awaiting-long", "reconnecting", "live", "unknown")),
        *((name, NARROW) for name in ("connecting", "long", "awaiting-long", "killed", "safe", "live-awaiting", "paper")),
        *((name, SMALL) for name in ("naked", "live-awaiting")),
    ],
    ids=named,
)  # fmt: skip
def test_the_screen(snap_compare: Compare, state: str, size: Size) -> None:
    assert snap_compare(screen(SCREENS[state]()), terminal_size=size, run_before=after())


@pytest.mark.parametrize(("state", "size"), [("awaiting-long", WIDE), ("live", MEDIUM), ("losing", NARROW)], ids=named)
def test_the_light_theme(snap_compare: Compare, state: str, size: Size) -> None:
    assert snap_compare(screen(SCREENS[state](), "light"), terminal_size=size, run_before=after())


@pytest.mark.parametrize(
    ("state", "size"), [("awaiting-long", MEDIUM), ("live", NARROW), ("killed", NARROW)], ids=named
)
def test_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, state: str, size: Size) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(screen(SCREENS[state]()), terminal_size=size, run_before=after())


@pytest.mark.parametrize(
    ("name", "state", "keys", "size"),
    [
        ("refusal", "long", ("7", "j"), NARROW),
        ("refusals-maximised", "long", ("7", "z", "j"), MEDIUM),
        ("filter", "long", ("7", "/", "r", "i", "s"), NARROW),
        ("crosshair", "long", ("v", *["left"] * 3), NARROW),
        ("chart-1m-back", "long", ("t", "t", "t", "-", "left"), MEDIUM),
        ("quit", "long", ("q",), MEDIUM),
        ("flatten", "live", ("F",), NARROW),
        ("help", "long", ("?", *"flatten"), MEDIUM),
        ("heartbeat-maximised", "reconnecting", ("8",), NARROW),
        ("approval-maximised", "live-awaiting", ("4",), NARROW),
    ],
    ids=named,
)
def test_after_keys(snap_compare: Compare, name: str, state: str, keys: tuple[str, ...], size: Size) -> None:
    assert snap_compare(screen(SCREENS[state]()), terminal_size=size, run_before=after(*keys))


# --- single panes -----------------------------------------------------------------------------------------------


class Stage(App[None]):
    """One pane, as large as the screen."""

    CSS = "Pane { height: 1fr; }"

    def __init__(self, pane: Pane, view: View) -> None:
        super().__init__()
        self.pane, self.view = pane, view

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "cockpit-dark"

    def on_ready(self) -> None:
        self.pane.show(self.view)


def log(tab: str) -> LogPane:
    pane = LogPane()
    pane.set_tab(tab)
    return pane


def asked(armed: bool) -> ApprovalPane:
    pane = ApprovalPane()
    pane.armed = armed
    return pane


PANES: dict[str, Callable[[], tuple[Pane, View]]] = {
    "approval-locked": lambda: (asked(False), resized()),
    "approval-armed": lambda: (asked(True), resized("LIVE")),
    "position-naked": lambda: (PositionPane(), build.naked()),
    "position-trailing": lambda: (PositionPane(), trailing()),
    "heartbeat-failing": lambda: (HeartbeatPane(), build.links_down()),
    "heartbeat-reconnecting": lambda: (HeartbeatPane(), reconnecting()),
    "preflight-failing": lambda: (PreflightPane(), failing_preflight()),
    "orders-unknown": lambda: (OrdersPane(), build.unknown()),
    "risk": lambda: (RiskPane(), build.long()),
    "log-rejections": lambda: (log("rejections"), build.long()),
    "log-events": lambda: (log("events"), eventful()),
    "log-fills": lambda: (log("fills"), partly_filled()),
    "log-trades": lambda: (log("trades"), build.long()),
    "log-equity": lambda: (log("equity"), build.long()),
    "log-why": lambda: (log("why"), eventful()),
}


@pytest.mark.parametrize("name", PANES)
def test_a_pane(snap_compare: Compare, name: str) -> None:
    async def drawn(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(Stage(*PANES[name]()), terminal_size=PANE, run_before=drawn)


# --- the files --------------------------------------------------------------------------------------------------


def test_every_picture_belongs_to_a_test(request: pytest.FixtureRequest) -> None:
    """A picture that no test makes any more would stay for ever."""
    here = Path(__file__)
    kept = {path.stem for path in (here.parent / "__snapshots__" / here.stem).glob("*.svg")}
    made = {item.name for item in request.session.items if item.path == here and "snap_compare" in item.fixturenames}  # type: ignore[attr-defined]
    assert kept <= made or len(made) < 20, sorted(kept - made)
