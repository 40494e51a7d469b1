"""What stands on a terminal that is too small: its size, the size it needs, and what must never be hidden."""

from __future__ import annotations

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, keep
from cockpit.view import View

LEAST = (80, 24)


def holding(view: View) -> Line:
    p = reading.position(view)
    if p is None:
        return [("◇ FLAT", "strong")]
    d = reading.digits(view)
    pnl, _ = reading.position_pnl(view, p)
    return [
        (f"{reading.GLYPH[p.side]} {reading.DIRECTION[p.side]} ", reading.TINT[p.side] + " b"),
        (f"{fmt.qty(abs(p.qty), d.qty)} ", "strong"),
        (fmt.signed(pnl), reading.pnl_style(pnl) + " b"),
    ]


def small_lines(view: View, size: tuple[int, int], height: int) -> list[Line]:
    asked = reading.waiting(view)
    alarm = reading.alarms(view)
    rows = [
        Item(0, [*reading.mode_badge(view), (" ", ""), *reading.trading(view)]),
        Item(1, holding(view)),
        Item(3, reading.day_line(view)),
        *([Item(2, [(" ! ", "alarm"), (f" {alarm[-1]}", "need")])] if alarm else []),
        *([Item(5, [("an order waits: make the window larger to answer", "need")])] if asked is not None else []),
        Item(
            4,
            [
                ("too small: have ", "label"),
                (f"{size[0]}x{size[1]}", "need"),
                (f", need {LEAST[0]}x{LEAST[1]}", "label"),
            ],
        ),
        Item(2, [(f" {view.key('kill')} ", "key.kill"), (" kill switch", "strong")]),
    ]
    return keep(rows, height)


class TooSmall(Pane, can_focus=False):
    DEFAULT_CSS = "TooSmall { border: none; padding: 0; width: 100%; height: 100%; }"
    pane_id = "too-small"

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        return small_lines(view, (width, height), height)
