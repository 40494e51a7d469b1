"""The views that are photographed: those of the pane tests, and a few more, each at one moment that never passes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import msgspec
import panes_builder as build

from cockpit.view import View
from engine.model.state import Gate, Link, LogLine, Note

Builder = Callable[[], View]


def told(view: View) -> View:
    """With what the strategy said last."""
    view.state.latest_note["breakout-v3/BTCUSDT"] = view.state.notes[-1]
    return view


def connecting() -> View:
    view = build.empty()
    view.state.trading = "CONNECTING"
    view.state.links = {name: Link(name, "connecting") for name in ("public", "private", "rest")}
    return view


def asked_when_flat(mode: Any = "DEMO") -> View:
    view = told(build.flat(mode))
    asked = build.awaiting()
    build.put(view, asked.state.orders["ck-104"])
    view.state.approvals = asked.state.approvals
    return view


def resized(mode: Any = "DEMO") -> View:
    view = build.awaiting(mode)
    order = view.state.orders["ck-104"]
    order.resized, order.tif = "0.480 → 0.100 by max_notional", "POST_ONLY"
    order.why = "retest of 62,850.0 holds: the third touch, with volume above its average of 20 bars"
    return view


def reconnecting() -> View:
    view = build.links_down()
    view.state.trading = "ACTIVE"
    view.state.links["private"] = Link("private", "up", 14.0, build.ago(2.1), 1, 0, 312, 0)
    return view


def trailing() -> View:
    view = build.long()
    p = view.state.positions[build.SYMBOL]
    p.stop, p.trailing, p.stale, p.bars = D("62919.2"), True, True, 250
    return view


def failing_preflight() -> View:
    view = build.flat()
    gates = view.state.gates
    gates["login"] = Gate("login", "fail", True, "10003: the key is not valid for this account")
    gates["clock offset"] = Gate("clock offset", "fail", False, "+812 ms, limit 500 ms")
    gates["kill switch off"] = Gate("kill switch off", "pending", True, "")
    return view


def eventful() -> View:
    """Every level of the log, and every verdict of a strategy."""
    view = build.long()
    lines = (
        ("link", "info", "public connecting closed by the venue"),
        ("link", "good", "public up"),
        ("key", "info", "key: approve ck-104"),
        ("approval", "good", "approved by key"),
        ("order", "info", "BUY 0.250 BTCUSDT at 62859.2 proposed by breakout-v3"),
        ("NakedPosition", "alarm", "BTCUSDT has no protective stop at the venue"),
        ("screen", "warning", "pane risk: ValueError: no such limit"),
    )
    for n, (kind, level, text) in enumerate(lines):
        view.state.log.append(LogLine(build.ago(6 - n * 0.7), 901 + n, kind, level, text))
    view.state.notes.append(
        Note(build.ago(40), 1_195, "breakout-v3", build.SYMBOL, build.ago(245), "blocked", "a position is open already")
    )
    return view


def partly_filled() -> View:
    view = build.long()
    first = view.state.fills[-1]
    view.state.fills.append(
        msgspec.structs.replace(
            first, t=first.t + 40_000_000, trade_id="t11", qty=D("0.041"), fee=D("0.5155"), maker=False
        )
    )
    view.state.fills_total += 1
    return view


SCREENS: dict[str, Builder] = {
    "connecting": connecting,
    "flat": lambda: told(build.flat()),
    "long": build.long,
    "losing": build.losing,
    "awaiting": asked_when_flat,
    "awaiting-long": resized,
    "killed": build.killed,
    "safe": build.links_down,
    "reconnecting": reconnecting,
    "naked": build.naked,
    "unknown": build.unknown,
    "preflight": failing_preflight,
    "live": lambda: build.long("LIVE"),
    "live-awaiting": lambda: resized("LIVE"),
    "paper": lambda: build.long("PAPER"),
}
