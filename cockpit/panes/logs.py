"""What happened: refusals, events, fills, trades, the equity curve, and why the strategy acted or did not."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import isfinite
from typing import Any, ClassVar

from textual import events
from textual.reactive import reactive

from cockpit import format as fmt
from cockpit.panes import heartbeat, preflight, reading
from cockpit.panes.base import ListPane
from cockpit.panes.curve import area
from cockpit.panes.tabs import TABS, Tab, table
from cockpit.panes.text import Item, Line, right, spread, table_head, table_row, width_of
from cockpit.view import View
from engine.model.state import equity

NAMES = tuple(TABS)
HINTS = ((("previous_tab", "next_tab"), "tabs"), (("filter",), "filter"), (("down", "up"), "move"))
FRAME = 6
"""Cells of the top border that the tabs cannot have: corners, the digit, spaces."""


def tab_titles(view: View, current: str, width: int) -> list[tuple[str, Line]]:
    """Name and caption of every tab: in full where that fits, else shorter, last with the count of refusals only."""
    counts = {name: tab.count(view) for name, tab in TABS.items()}
    for long, counted in ((True, True), (False, True), (False, False)):
        out = []
        for name, tab in TABS.items():
            text = tab.title if long else tab.short
            if counts[name] and (counted or name == "rejections"):
                text += f" {counts[name] if counts[name] < 1000 else '999+'}"
            alert = name == "rejections" and counts[name]
            style = ("tag.need" if alert else "tag.tab") if name == current else "need" if alert else "label"
            out.append((name, [(f" {text} ", style)]))
        if sum(width_of(caption) for _, caption in out) <= width - FRAME:
            break
    return out


def equity_lines(view: View, width: int, height: int) -> list[Line]:
    """The session's equity: its curve with the range at the right, start, now, and the deepest fall."""
    now = equity(view.state)
    points = [value for _, value in [*view.state.equity, (view.now, now)] if isfinite(value)]
    if not points or not view.state.equity or not view.state.account.known:
        return [[(TABS["equity"].empty, "dim")]]
    start, low, high = points[0], min(points), max(points)
    peak = fall = 0.0
    for value in points:
        peak = max(peak, value)
        fall = max(fall, peak - value)
    change = now - start
    style = reading.pnl_style(change)
    about = [
        Item(0, [("now ", "label"), (fmt.money(now), "strong")]),
        Item(1, [(f"{fmt.signed(change)} {fmt.percent(change / start * 100 if start else None)}", style + " b")]),
        Item(2, [("deepest fall ", "label"), (fmt.signed(-fall) if fall else fmt.money(0), "bear" if fall else "dim")]),
        Item(4, [("start ", "label"), (fmt.money(start), "value")]),
    ]
    times = [Item(3, [(f"{fmt.clock(view.state.equity[0][0])} → {fmt.clock(view.now)}", "dim")])]
    foot = spread(about, times, width)
    rows = height - 1
    if rows < 1:
        return [foot]
    scale = 12
    body = area(points, max(1, width - scale), rows, "bear" if change < 0 else "bull")
    labels = {0: fmt.money(high), rows - 1: fmt.money(low)} if high > low else {rows // 2: fmt.money(now)}
    lines: list[Line] = [[*line, (right(labels.get(n, ""), scale), "dim")] for n, line in enumerate(body)]
    return [*lines, foot]


class LogPane(ListPane[Any]):
    """Six tabs over one list. Each tab keeps its own cursor; the filter holds for all."""

    pane_id = "log"
    tabs: ClassVar[tuple[str, ...]] = NAMES
    tab: reactive[str] = reactive("rejections", init=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._places: dict[str, tuple[str | None, int, int]] = {}
        self.away: frozenset[str] = frozenset()
        """Panes that are not on the screen: what heartbeat and checklist say in one word stands below the log then."""

    # --- tabs -----------------------------------------------------------------------------------------------

    def set_tab(self, name: str) -> None:
        """Show a tab by its name in ``tabs``; an unknown name is a KeyError."""
        TABS[name]
        self.tab = name

    def next_tab(self) -> None:
        self.tab = NAMES[(NAMES.index(self.tab) + 1) % len(NAMES)]

    def prev_tab(self) -> None:
        self.tab = NAMES[NAMES.index(self.tab) - 1]

    def watch_tab(self, before: str, after: str) -> None:
        self._places[before] = (self._key, self._index, self._top)
        self._key, self._index, self._top = self._places.get(after, (None, 0, 0))
        self.again()

    @property
    def _tab(self) -> Tab:
        return TABS[self.tab]

    # --- frame ----------------------------------------------------------------------------------------------

    def title(self, _view: View) -> str:
        return self._tab.title

    def title_line(self, view: View, width: int) -> Line:
        line: Line = [self.digit(view)]
        for _, caption in tab_titles(view, self.tab, width):
            line += caption
        return line

    def subtitle_line(self, view: View, width: int) -> Line:
        if self._filter:
            rows = len(self.shown_rows(view))
            return [(f"/{self.filter_text} ", "need"), (f"{rows} match ", "dim")]
        line: Line = []
        if "heartbeat" in self.away:
            line += [
                (f"{view.key('pane_heartbeat')} ", "label b"),
                ("links ", "dim"),
                heartbeat.summary(view),
                ("  ", ""),
            ]
        if "preflight" in self.away:
            word, style = preflight.verdict(list(view.state.gates.values()))
            line += [(f"{view.key('pane_preflight')} ", "label b"), ("preflight ", "dim"), (f"{word}  ", style)]
        for actions, label in HINTS:
            hint: Line = [(" ".join(map(view.key, actions)) + " ", "label b"), (f"{label}  ", "dim")]
            if width_of([*line, *hint]) <= width - 2:
                line += hint
        return line

    def signature(self, view: View) -> Hashable:
        s = view.state
        newest = tuple(rows[-1].seq if rows else 0 for rows in (s.rejections, s.log, s.notes))
        shown = (round(equity(s), 2), view.now // fmt.SECOND) if self.tab == "equity" else ()
        return (self.tab, id(s), view.symbol, reading.digits(view), newest, s.fills_total, s.trades_total, *shown)

    # --- rows -----------------------------------------------------------------------------------------------

    def rows(self, view: View) -> Sequence[Any]:
        return self._tab.rows(view)

    def key(self, row: Any) -> str:
        return self._tab.key(row)

    def words(self, row: Any) -> str:
        return self._tab.words(row)

    def empty(self, _view: View) -> str:
        return self._tab.empty

    def selected_seq(self, view: View) -> int:
        """The journal position of the row under the cursor, to jump there in a replay; zero where it has none."""
        found = self.selected_row(view)
        return 0 if found is None else self._tab.seq(view, found)

    def head(self, view: View, width: int) -> Line:
        return table_head(table(view, self._tab.columns, [])[0], width)

    def draw_row(self, view: View, row: Any, width: int) -> Line:
        columns, cells = table(view, self._tab.columns, self._tab.cells(view, row))
        return table_row(columns, cells, width)

    def foot(self, view: View, row: Any, _width: int, room: int) -> list[Line]:
        about = self._tab.about(view, row)[: max(0, room)]
        return [[("╰ ", "rule"), *line] if n == 0 else [("  ", ""), *line] for n, line in enumerate(about)]

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        if self.tab == "equity":
            return equity_lines(view, width, height)
        return super().draw(view, width, height)

    def on_click(self, event: events.Click) -> None:
        if event.y == 0 and self._view is not None:
            at = 2 + 2  # corner and space, then "7 "
            for name, caption in tab_titles(self._view, self.tab, max(0, self.size.width)):
                if at <= event.x < at + width_of(caption):
                    self.set_tab(name)
                    return
                at += width_of(caption)
