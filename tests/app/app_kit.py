"""A profile, a session's state and a source that records commands, for tests of the screen."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest import mock

from textual.pilot import Pilot

from cockpit.app import CockpitApp, Exit
from cockpit.view import View
from engine.model.events import Action
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Fill, Order, Position, Stop
from engine.model.settings import (
    ExchangeSettings,
    PreflightSettings,
    Profile,
    RiskLimits,
    ScreenSettings,
    SymbolLimits,
    TradingRules,
    VenueSettings,
)
from engine.model.state import Approval, Gate, Link, LogLine, Market, Note, Rejection, SessionInfo, State

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
BTC = Instrument(
    "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(50), Decimal(5), 125,
    Decimal("0.0002"), Decimal("0.0006"),
)  # fmt: skip


def profile(mode: str = "DEMO", symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"), **screen: Any) -> Profile:
    limits = SymbolLimits(max_quantity=Decimal(1), max_position=Decimal(2))
    return Profile(
        name=mode.lower(),
        mode=mode,  # type: ignore[arg-type]
        symbols=list(symbols),
        strategies=["ribbon", "sweep"],
        risk=RiskLimits(
            symbols=dict.fromkeys(symbols, limits),
            max_notional_quote=20_000, min_notional_quote=10, max_leverage=5, max_exposure_quote=25_000,
            total_at_risk_pct=3, price_collar_pct=2, max_spread_bps=5, stale_quote_s=3, outlier_pct=1, max_slippage_bps=5,
            daily_loss_pct=2, weekly_loss_pct=5, max_drawdown_pct=10, consecutive_losses=4, cooldown_s=60, min_reward_risk=1.2,
            order_spacing_s=1, orders_per_minute=20, repeated_execution=5, require_stop=True,
        ),
        trading=TradingRules(
            approval="required", approval_ttl_s=30, approval_max_move_bps=20, risk_pct=1, leverage=5, trail_arm_r=1,
            trail_distance_r=1, stale_position_bars=50, decline_rest_bars=5, naked_grace_s=5, unknown_retry_s=2, on_quit="ask",
            on_ui_loss="cancel_entries",
        ),
        venue=VenueSettings(
            kind="simulated", requests_per_s=8, cancel_reserve_per_s=2, timeout_s=5, ping_s=3, silence_public_s=5,
            silence_private_s=20, reconnect_first_s=1, reconnect_max_s=60, reconnect_tries=10, poll_account_s=30,
        ),
        exchange=ExchangeSettings(speed=1, seed=7, candles="", balance_quote=Decimal(10_000), start_price=62_000),
        screen=ScreenSettings(**{"theme": "dark", "refresh_hz": 10, "timeframe": "5m", "keymap": {}, **screen}),
        preflight=PreflightSettings(min_equity_quote=100, max_clock_offset_ms=500),
    )  # fmt: skip


def candles(count: int = 1_200, last: int = NOW) -> list[Candle]:
    """A quiet wave around 62,500, one a minute up to ``last``."""
    out = []
    price = 62_500.0
    first = last // MINUTE_NS - count
    for n in range(count):
        close = 62_500 + 400 * math.sin(n / 90) + 90 * math.sin(n / 11) + 25 * math.sin(n * 1.7)
        high, low = max(price, close) + 12 + 9 * math.sin(n), min(price, close) - 12 - 9 * math.cos(n)
        out.append(Candle((first + n) * MINUTE_NS, price, high, low, close, 20 + 15 * abs(math.sin(n / 5))))
        price = close
    return out


def session() -> State:
    """A running session: flat, links up, nothing asked."""
    state = State(t=NOW, seq=100)
    state.session = SessionInfo(id="s1", profile="demo", mode="DEMO", venue="simulated", version="0.1.0", started_t=NOW)
    bars = candles()
    last = bars[-1].close
    state.markets["BTCUSDT"] = Market(
        "BTCUSDT", BTC, bars[:-1], bars[-1], [(last - 0.1, 2.0), (last - 0.2, 3.0)], [(last, 1.5), (last + 0.1, 2.5)],
        NOW, last, "BUY", NOW, last, last, NOW, 0.0001, NOW + 8_000 * SECOND, NOW, 61_800, 63_846, 61_593.5, 48_200,
    )  # fmt: skip
    state.account.known = True
    state.account.wallet = state.account.start = Decimal(10_084)
    state.risk.day_start = 10_000.0
    state.risk.high_water = 10_120.0
    for name, latency in (("public", 12.0), ("private", 14.0), ("rest", 48.0)):
        state.links[name] = Link(name, "up", latency, NOW, 0, 0, 4_000, 0, "", NOW)
    for name in (
        "config",
        "folder",
        "journal",
        "venue",
        "clock",
        "login",
        "position",
        "orders",
        "equity",
        "daily loss",
        "kill",
    ):
        state.gates[name] = Gate(name, "pass", True, "ok")
    for n, code in enumerate(("max_exposure", "cooldown", "spread_too_wide", "stale_quote")):
        state.rejections.append(
            Rejection(NOW - n * 9 * SECOND, 90 - n, code, "25.0k", "40.9k", "exposure 40.9k > 25.0k", f"r{n}", "BTCUSDT", "BUY",
                      Decimal("0.4"), Decimal("62990.0"), "ribbon", "risk")
        )  # fmt: skip
        state.rejected[code] = 1
        state.log.append(LogLine(NOW, 80 + n, "LinkReport", "info", f"line {n}"))
    state.latest_note["ribbon"] = Note(NOW, 70, "ribbon", "BTCUSDT", NOW, "wait", "ribbon is not ordered")
    state.notes = [state.latest_note["ribbon"]]
    return state


def order(client_id: str = "o1", **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "client_id": client_id, "symbol": "BTCUSDT", "side": "BUY", "kind": "LIMIT", "qty": Decimal("0.100"),
        "price": Decimal("62610.0"), "stop": Decimal("62250.0"), "target": Decimal("63300.0"), "strategy": "ribbon",
        "why": "ribbon opened", "status": "ACCEPTED", "created_t": NOW, "reference": 62_600.0,
    }  # fmt: skip
    return Order(**{**fields, **changes})


def with_order(state: State, client_id: str = "o1", **changes: Any) -> State:
    state.orders[client_id] = order(client_id, **changes)
    state.open_orders[client_id] = NOW
    if state.orders[client_id].final:
        del state.open_orders[client_id]
    return bump(state)


def with_approval(state: State, client_id: str = "a1", asked_t: int = NOW, **changes: Any) -> State:
    state.orders[client_id] = order(client_id, **{"status": "AWAITING_APPROVAL", **changes})
    state.open_orders[client_id] = NOW
    state.approvals[client_id] = Approval(client_id, asked_t, asked_t + 30 * SECOND)
    return bump(state)


def with_position(state: State, qty: str = "0.250") -> State:
    state.positions["BTCUSDT"] = Position(
        symbol="BTCUSDT", qty=Decimal(qty), entry=Decimal("62559.2"), opened_t=NOW - 900 * SECOND, peak_qty=Decimal("0.25"),
        stop=Decimal("62259.2"), target=Decimal("63309.2"), risk_per_unit=Decimal(300), strategy="ribbon", liquidation=57_012.4,
        leverage=10, margin_mode="isolated",
    )  # fmt: skip
    state.stops["s1"] = Stop("s1", "BTCUSDT", None, Decimal("62259.2"), Decimal("63309.2"), NOW)
    state.fills.append(
        Fill(
            NOW - 900 * SECOND,
            "BTCUSDT",
            "t1",
            "v1",
            "o0",
            "BUY",
            Decimal("0.25"),
            Decimal("62559.2"),
            Decimal("3.1"),
            False,
        )
    )
    return bump(state)


def bump(state: State) -> State:
    """Another event came in, as far as the screen can tell."""
    state.seq += 1
    return state


class Recorder:
    """A source with a fixed state that remembers every command, in order."""

    def __init__(self, state: State, settings: Profile, source: str = "live") -> None:
        self.state = state
        self.profile = settings
        self.source = source
        self.now = NOW
        self.commands: list[tuple[str, str, str, str]] = []

    def view(self) -> View:
        return View(self.state, self.now, self.profile, "BTCUSDT", self.source)  # type: ignore[arg-type]

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:
        self.commands.append((action, target, text, by))

    @property
    def actions(self) -> list[str]:
        return [command[0] for command in self.commands]


class Clock:
    """Stands until a test moves it. Key events are stamped by it too, see ``running``."""

    def __init__(self) -> None:
        self.t = 1_000.0

    def __call__(self) -> float:
        return self.t


class Heard(CockpitApp):
    """The app, with what it says and what it survived kept in lists."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.said: list[str] = []
        self.failures: list[tuple[str, Exception]] = []
        super().__init__(*args, on_failure=lambda where, error: self.failures.append((where, error)), **options)

    def say(self, text: str, severity: str = "information") -> None:  # type: ignore[override]
        self.said.append(text)


def text_of(app: CockpitApp) -> str:
    """What is on the screen, as rows of text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line)[:width] for line in lines[:height])


def cockpit(
    state: State | None = None, source: str = "live", mode: str = "DEMO", **options: Any
) -> tuple[Heard, Recorder]:
    screen = options.pop("screen", {})
    settings = profile(mode, **screen)
    recorder = Recorder(state if state is not None else session(), settings, source)
    return Heard(settings, recorder, wall=lambda: NOW, **options), recorder


@asynccontextmanager
async def running(
    state: State | None = None, size: tuple[int, int] = (160, 45), **options: Any
) -> AsyncIterator[tuple[Heard, Recorder, Pilot[Exit]]]:
    """The app on a screen, with one clock for what is painted and what is pressed: a slow machine changes nothing."""
    clock = Clock()
    app, source = cockpit(state, clock=clock, **options)
    with mock.patch("textual.message._time", SimpleNamespace(get_time=clock)):
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            yield app, source, pilot


async def settled(pilot: Pilot[Exit]) -> None:
    """Let everything be drawn that is due."""
    await pilot.pause()
    pilot.app.tick()  # type: ignore[attr-defined]
    await pilot.pause()
    await pilot.pause()  # what appeared has its size only now


async def resized(pilot: Pilot[Exit], width: int, height: int) -> None:
    """Another terminal size; Textual gathers the sizes of a dragged window for some milliseconds first."""
    await pilot.resize_terminal(width, height)
    await pilot.pause(0.04)
    await settled(pilot)


async def after(pilot: Pilot[Exit], seconds: float, *keys: str) -> None:
    """Let time pass on the app's clock, then press keys at that moment."""
    await settled(pilot)
    pilot.app.clock.t += seconds  # type: ignore[attr-defined]
    await settled(pilot)
    await pilot.press(*keys)
    await pilot.pause()
