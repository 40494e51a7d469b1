"""The heartbeat pane's line about alerts: the last one that went out, or who does not take them."""

from __future__ import annotations

import panes_builder as build

from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.text import plain
from engine.model.state import LogLine


def test_without_targets_there_is_no_line() -> None:
    assert "alerts" not in plain(HeartbeatPane().lines(build.flat(), 60, 12))


def test_the_last_delivery_is_shown_with_its_age() -> None:
    view = build.flat()
    for seconds, text in ((90, "go to phone, desk"), (12, "kill switch on → phone")):
        view.state.log.append(LogLine(build.ago(seconds), 1, "Alerts", "info", f"alerts: {text}"))
    assert "alerts kill switch on → phone  12 s ago" in plain(HeartbeatPane().lines(view, 60, 12))


def test_who_takes_no_alert_is_loud_and_outlives_the_heads_of_the_table() -> None:
    view = build.flat()
    view.state.alarms["AlertFailed/"] = "alerts do not arrive: desk: no connection"
    shown = plain(HeartbeatPane().lines(view, 38, 6))
    assert "alerts ✕ desk: no connection" in shown
    assert "latency" not in shown
