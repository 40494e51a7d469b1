"""The bottom bar: mode, engine, links, kill switch, the day, and the keys that matter now."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit import format as fmt
from cockpit.panes import reading
from cockpit.panes.base import Pane
from cockpit.panes.text import Item, Line, spread
from cockpit.view import View
from engine.model.state import Link

TWO_ROWS = 100
"""From this width on the header has the day in its second row."""
WIDE = 135
"""Below this width links are shown in short, and where all of them are up as one."""
SLOW_MS = 50.0
"""A loop later than this is shown in amber: a key would be felt as late."""

LINKS = {"up": ("●", "good"), "connecting": ("◐", "warn"), "down": ("○", "bad"), "failed": ("✕", "bad")}
SHORT = {"public": "PUB", "private": "PRV", "rest": "REST"}


def link(entry: Link, short: bool = False) -> Line:
    """``● PUB 12 ms``; short: ``● PUB``, but a link that is not up always says so."""
    glyph, style = LINKS.get(entry.state, ("?", "bad"))
    up = entry.state == "up"
    line: Line = [(glyph, style), (f" {SHORT.get(entry.name, entry.name.upper())}", "label")]
    if not (up and short):
        line.append((f" {fmt.latency(entry.latency_ms) if up else entry.state}", "value" if up else style))
    return line


def all_links(entries: Sequence[Link]) -> Item:
    """``●●● LINKS``: all in the same state, which is named where it is not up."""
    state = entries[0].state
    glyph, style = LINKS.get(state, ("?", "bad"))
    word: Line = [] if state == "up" else [(f" {state}", style)]
    return Item(3 if state == "up" else 0, [(glyph * len(entries), style), (" LINKS", "label"), *word])


def engine(view: View, short: bool = False) -> Line:
    lag = view.state.loop_lag_ms
    slow = lag >= SLOW_MS
    line: Line = [("●", "warn" if slow else "good"), (" ENG" if short else " ENGINE", "label")]
    if slow or not short:
        line.append((f" {fmt.latency(lag)}", "warn" if slow else "value"))
    return line


def kill_switch(view: View, short: bool = False) -> Line:
    label = ("kill " if short else "kill switch ", "label")
    if view.state.trading == "HALTED":
        return [label, (" ■ TRIPPED ", "halted")]
    return [label, ("○ READY", "good b")]


def keys(hints: Sequence[tuple[str, str]], short: bool = False) -> list[Item]:
    """Key caps, the kill key the last to go; short: only it keeps its label."""
    items = []
    for n, (key, label) in enumerate(hints):
        kill = label.startswith("kill")
        text = f" {label}" if kill or not short else ""
        items.append(Item(0 if kill else 20 + n, [(f" {key} ", "key.kill" if kill else "key"), (text, "label")]))
    return items


_SPECIAL = {
    "HALTED": ("bar.halted", "■ HALTED", "kill switch TRIPPED · only reduce-only orders"),
    "SAFE": ("bar.safe", "◆ SAFE", "no entries · a person must re-arm"),
}


def special_row(view: View, hints: Sequence[tuple[str, str]], width: int) -> Line:
    """HALTED and SAFE take the whole row, with the reason."""
    _, word, meaning = _SPECIAL[view.state.trading]
    since = f"since {fmt.clock(view.state.trading_t)}" if view.state.trading_t else ""
    why = view.state.trading_why or "no reason given"
    lhs = [
        Item(0, reading.mode_badge(view)),
        Item(0, [(word, "b")]),
        Item(1, [(why[:120], "b")]),
        Item(9, [(meaning, "")]),
        Item(8, [(since, "")]),
    ]
    flat = [
        Item(min(i.rank, 3 + n), [(text, "" if style == "label" else style) for text, style in i.line])
        for n, i in enumerate(keys(hints, width < TWO_ROWS))
    ]
    day: Line = [(text, "b" if n else "") for n, (text, _) in enumerate(reading.day_line(view))]
    return spread(lhs, [Item(2, day), *flat], width)


def ending(view: View) -> Line:
    """The step that an ending session is at, or why it ended."""
    state = view.state
    if state.session.ended:
        return [(" ENDED ", "tag.need"), (f" {state.session.ended}", "need")]
    if not state.steps:
        return []
    step = state.steps[-1]
    return [(" ENDING ", "tag.need"), (f" {step.step}. {step.name}: {step.status}", "need")]


def usual_row(view: View, hints: Sequence[tuple[str, str]], width: int) -> Line:
    state = view.state
    paused = state.trading == "PAUSED"
    short = width < WIDE
    entries = [entry for _, entry in sorted(state.links.items())]
    links = [Item(3 if entry.state == "up" else 0, link(entry, short)) for entry in entries]
    if width < TWO_ROWS and len({entry.state for entry in entries}) == 1:
        links = [all_links(entries)]
    nothing: Line = [] if links else [("○ no links yet", "dim")]
    lhs = [
        Item(0, reading.mode_badge(view)),
        Item(0, ending(view)),
        Item(1, reading.trading(view) if paused else []),
        Item(22, [(state.trading_why, "need")] if paused else []),
        Item(4, engine(view, short)),
        Item(3, nothing),
        *links,
        Item(0, kill_switch(view, short)),
        Item(2, reading.day_line(view) if width < TWO_ROWS else []),
    ]
    caps = keys(hints, width < TWO_ROWS)
    if paused:
        caps = [item._replace(rank=min(item.rank, 2)) if n == 1 else item for n, item in enumerate(caps)]  # resume
    return spread(lhs, caps, width, gap=1 if width < TWO_ROWS else 2)


class StatusBar(Pane, can_focus=False):
    """The last row. ``hints`` are (key, label) pairs, the most important first."""

    DEFAULT_CSS = """
    StatusBar { border: none; padding: 0; height: 1; width: 100%; }
    StatusBar:focus { border: none; }
    """
    pane_id = "status"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._hints: list[tuple[str, str]] = []

    @property
    def hints(self) -> list[tuple[str, str]]:
        return self._hints

    @hints.setter
    def hints(self, hints: list[tuple[str, str]]) -> None:
        if hints != self._hints:
            self._hints = list(hints)
            self.again()

    def ground(self, view: View) -> str:
        view = view.actual or view
        special = _SPECIAL.get(view.state.trading)
        return special[0] if special else reading.ground(view)

    def draw(self, view: View, width: int, _height: int) -> list[Line]:
        view = view.actual or view
        row = special_row if view.state.trading in _SPECIAL else usual_row
        return [row(view, self._hints, width - 1)]
