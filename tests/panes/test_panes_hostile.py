"""Every pane in every state at every size, with strings that mean harm: it draws, within its cells, printably."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D

import panes_builder as build
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.panes.approvals import ApprovalPane
from cockpit.panes.base import Pane
from cockpit.panes.chart import ChartPane
from cockpit.panes.header import HeaderBar
from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.logs import NAMES, LogPane
from cockpit.panes.orders import OrdersPane
from cockpit.panes.position import PositionPane
from cockpit.panes.preflight import PreflightPane
from cockpit.panes.risk import RiskPane
from cockpit.panes.small import TooSmall
from cockpit.panes.status import StatusBar
from cockpit.panes.strip import ApprovalStrip, PositionStrip
from cockpit.panes.text import cells
from cockpit.theme import NAMES as STYLES
from cockpit.view import View
from engine.model.state import Gate, Link, LogLine, Note, Rejection


def log_on(tab: str) -> Callable[[], LogPane]:
    def make() -> LogPane:
        pane = LogPane()
        pane.set_reactive(LogPane.tab, tab)
        return pane

    return make


def status() -> StatusBar:
    bar = StatusBar()
    bar.hints = [("F9", "kill"), ("F", "flatten"), ("?", "help")]
    return bar


PANES: dict[str, Callable[[], Pane]] = {
    "header": HeaderBar, "status": status, "position": PositionPane, "approval": ApprovalPane, "orders": OrdersPane,
    "risk": RiskPane, "heartbeat": HeartbeatPane, "preflight": PreflightPane, "small": TooSmall,
    "position strip": PositionStrip, "approval strip": ApprovalStrip, **{f"log {tab}": log_on(tab) for tab in NAMES},
}  # fmt: skip


def check(pane: Pane, view: View, width: int, height: int) -> None:
    lines = pane.lines(view, width, height)
    assert len(lines) <= height
    frame = [pane.title_line(view, width), pane.subtitle_line(view, width)]
    for line in lines:
        assert sum(cells(text) for text, _ in line) <= width
        assert all(text.isprintable() for text, _ in line)
    for line in lines + frame:
        assert {name for _, style in line for name in style.split()} <= STYLES


@pytest.mark.parametrize("make", PANES.values(), ids=PANES)
@pytest.mark.parametrize("state", build.VIEWS)
def test_every_pane_draws_every_state_at_the_usual_sizes(state: str, make: Callable[[], Pane]) -> None:
    view = build.VIEWS[state]()
    for width, height in ((160, 40), (112, 13), (40, 9), (78, 5), (20, 3), (1, 1)):
        check(make(), view, width, height)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 170),
    st.integers(1, 40),
    st.sampled_from(sorted(build.VIEWS)),
    st.sampled_from(["DEMO", "PAPER", "LIVE"]),
)
def test_any_size_draws(width: int, height: int, state: str, mode: str) -> None:
    view = build.VIEWS[state]()
    view.profile = build.profile(mode)
    for make in PANES.values():
        check(make(), view, width, height)


nasty = st.text(max_size=40) | st.sampled_from(
    ["[/]", "[bold red]", "\x1b]0;title\x07", "\n\n", "\u202e\u2066", "幅" * 40, "👩‍👩‍👧‍👦", "x" * 4_000, ""]
)


def poison(view: View, text: str) -> View:
    """Put the same string wherever something from outside can stand."""
    s = view.state
    s.trading_why = text
    s.alarms = {f"X/{text}": text}
    s.links["public"] = Link("public", "down", None, 0, detail=text)
    s.links[text] = Link(text, text)
    s.gates[text] = Gate(text, text, True, text)
    s.log.append(LogLine(build.NOW, 1_300, text, text, text, text))
    s.notes.append(Note(build.NOW, 1_301, text, text, build.NOW, text, text))
    s.rejections.append(Rejection(build.NOW, 1_302, text, text, text, text, text, text, "BUY", D(1), None, text, text))
    build.put(view, build.order("bad", symbol=text, why=text, strategy=text, resized=text, detail=text))
    for order in s.orders.values():
        order.why = text
    for p in s.positions.values():
        p.margin_mode = text
    for trade in s.trades:
        trade.exit_why = trade.why = trade.strategy = text
    for fill in s.fills:
        fill.client_id = fill.trade_id = text
    s.account.currency = text
    view.profile.strategies.append(text)
    return view


@settings(max_examples=40, deadline=None)
@given(
    nasty,
    st.integers(1, 120),
    st.integers(1, 14),
    st.sampled_from(["awaiting", "links_down", "naked", "flat", "killed"]),
)
def test_no_string_breaks_a_pane(text: str, width: int, height: int, state: str) -> None:
    view = poison(build.VIEWS[state](), text)
    for make in PANES.values():
        check(make(), view, width, height)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False),
    st.integers(-(2**62), 2**62),
)
def test_no_number_breaks_a_pane(x: float, d: D, t: int) -> None:
    view = build.awaiting()
    s = view.state
    m = s.markets[build.SYMBOL]
    m.last = m.mark = m.index = m.day_open = m.day_high = m.day_low = m.day_volume = x
    m.funding_rate, m.venue_t, m.quote_t = x, t, t
    m.bids, m.asks = [(x, x)], [(x, x)]
    p = s.positions[build.SYMBOL]
    p.entry = p.qty = d
    p.risk_per_unit = abs(d)
    s.account.wallet = d
    s.orders["ck-101"].price = d
    s.risk.day_start = s.risk.high_water = x
    s.loop_lag_ms = s.journal_lag_ms = x
    s.equity = [(t, x), (t, 1.0)]
    for make in PANES.values():
        check(make(), view, 60, 10)


def test_the_chart_pane_has_a_title_for_every_state() -> None:
    for make in build.VIEWS.values():
        check(ChartPane(), make(), 100, 20)
