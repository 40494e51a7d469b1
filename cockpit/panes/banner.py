"""The loud row of a screen that is behind a running engine."""

from __future__ import annotations

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, spread
from cockpit.view import View


def banner_line(view: View, width: int) -> Line:
    """What one looks at is past; what the engine does now, and the keys that reach it."""
    now = view.actual
    if now is None:
        return []
    word, _ = reading.TRADING.get(now.state.trading, (now.state.trading, ""))
    p = reading.position(now)
    held = "flat"
    if p is not None:
        d = reading.digits(now)
        held = f"{reading.GLYPH[p.side]} {reading.DIRECTION[p.side]} {fmt.qty(abs(p.qty), d.qty)}"
        held += f" {fmt.signed(reading.position_pnl(now, p)[0])}"
    asked = reading.waiting(now)
    waits = f"◆ order waits {fmt.countdown(asked.approval.expires_t - now.now)}: {view.key('live')}" if asked else ""
    alarms = len(now.state.alarms)
    lhs = [
        Item(0, [(" ◀◀ BEHIND LIVE ", "behind")]),
        Item(0, [(f"{fmt.countdown(now.now - view.now)} ago", "b")]),
        Item(0, [(waits, "b")] if waits else []),
        Item(1, [("the engine trades on: " if now.state.trading == "ACTIVE" else "the engine: ", ""), (word, "b")]),
        Item(2, [(held, "b")]),
        Item(1, [(f"! {alarms} alarms", "b")] if alarms else []),
    ]
    keys = [(view.key("live"), "live", 0), (view.key("kill"), "kill", 0), (view.key("pause"), "pause", 3)]
    return spread(lhs, [Item(rank, [(f" {key} ", "behind"), (f" {label}", "b")]) for key, label, rank in keys], width)


class Banner(Pane, can_focus=False):
    """One loud row, only while the screen is behind a running engine."""

    DEFAULT_CSS = """
    Banner { border: none; padding: 0; height: 1; width: 100%; }
    Banner:focus { border: none; }
    """
    pane_id = "banner"

    def ground(self, _view: View) -> str:
        return "bar.safe"

    def draw(self, view: View, width: int, _height: int) -> list[Line]:
        return [banner_line(view, width - 1)]
