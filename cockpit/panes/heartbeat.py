"""Are we connected: every link's state, latency, age, reconnects and misses; circuit breakers, and what errors have cost."""

from __future__ import annotations

from cockpit import format as fmt
from cockpit.panes.base import Pane
from cockpit.panes.status import LINKS, SLOW_MS
from cockpit.panes.text import Column, Item, Line, fitting, keep, row, table_head, table_row
from cockpit.view import View
from engine.core.fold.errors import bill, spent
from engine.model.state import Breaker, Link

COLUMNS = (
    Column("link", 9),
    Column("state", 0, "<", rank=0, least=6),
    Column("latency", 8, ">", rank=1),
    Column("age", 6, ">", rank=2),
    Column("rec", 4, ">", rank=3),
    Column("miss", 4, ">", rank=4),
    Column("bad", 4, ">", rank=5),
)
LATENCY = 2
ORDER = {"public": 0, "private": 1, "rest": 2}


def silence_limit(view: View, name: str) -> int:
    """From this age on (ns) a silent link is suspicious; REST speaks only when asked."""
    venue = view.profile.venue
    seconds = {"public": venue.silence_public_s, "private": venue.silence_private_s}.get(name, venue.poll_account_s * 3)
    return int(seconds * fmt.SECOND)


def count(n: int, style: str) -> tuple[str, str]:
    return str(n), style if n else "dim"


def link_row(view: View, entry: Link, width: int) -> Line:
    glyph, style = LINKS.get(entry.state, ("?", "bad"))
    age = view.now - entry.last_t if entry.last_t else None
    silent = entry.state == "up" and (age is None or age > silence_limit(view, entry.name))
    up = entry.state == "up"
    name, seen = (f"{glyph} {entry.name}", f"{style} b"), (fmt.age(age), "need" if silent or not up else "value")
    cells: Line = [
        name,
        (f"{entry.state} {entry.detail}".rstrip() if not up else entry.state, "value" if up else style),
        (fmt.latency(entry.latency_ms), "value"),
        seen,
        count(entry.reconnects, "warn"),
        count(entry.missed, "warn"),
        count(entry.bad, "need"),
    ]
    if up:
        return table_row(COLUMNS, cells, width)
    shown = [
        n for n, _, _ in fitting(COLUMNS, width) if n != LATENCY
    ]  # a link that is down has none: room for its reason
    return table_row(tuple(COLUMNS[n] for n in shown), [cells[n] for n in shown], width)


def lag(name: str, ms: float, slow: float) -> Line:
    return [(f"{name} ", "label"), (fmt.latency(ms), "value" if ms < slow else "need")]


NARROW = 52
"""Below this width, words that the rest explains are left out."""
BREAKERS = {"closed": ("●", "good"), "half": ("◐", "warn"), "open": ("✕", "bad")}
FAMILIES = ("reads", "orders", "exits")


def breaker(view: View, entry: Breaker) -> Line:
    """``● reads``; one that is not closed says what comes next, and when."""
    waits = entry.until - view.now
    state = "half" if entry.state == "open" and waits <= 0 else entry.state
    glyph, style = BREAKERS.get(state, ("?", "bad"))
    line: Line = [(glyph, style), (f" {entry.family}", "value")]
    if state == "open":
        line.append((" open, still sent" if entry.family == "exits" else f" open {fmt.age(waits)}", style))
    elif state == "half":
        line.append((" half-open", style))
    return line


def breakers(view: View, width: int) -> Item:
    """The first row to go while all are closed, one that stays when one is not."""
    known = view.state.errors.breakers
    line: Line = [("breakers ", "label")] if width >= NARROW else []
    for family in FAMILIES:
        line += [*breaker(view, known.get(family) or Breaker(family)), ("  ", "")]
    return Item(0 if any(entry.state != "closed" for entry in known.values()) else 7, line)


def budget(view: View) -> Line:
    """``budget 7/10``: what errors have left of it."""
    whole, gone = view.profile.errors.budget, spent(view.state.errors)
    if not whole:
        return []
    left = max(0, whole - gone)
    style = "value" if 2 * left > whole else "need" if left else "bad b"
    return [("budget ", "label"), (f"{left}/{whole}", style)]


def compared(view: View, width: int) -> Line:
    """When the account was last read from the venue in full, and whether something may have happened since."""
    t = view.state.snapshot_t
    line: Line = [
        ("account compared " if width >= NARROW else "compared ", "label"),
        (f"{fmt.age(view.now - t)} ago" if t else "never", "value" if t else "need"),
    ]
    if view.state.doubt:
        line.append(("  ? not sure" if width >= NARROW else "  ?", "need"))
    return line


def alerts(view: View) -> Line:
    """Which targets do not take them, and what was last sent to somebody who is not here; empty without targets."""
    failing = view.state.alarms.get("AlertFailed/", "")
    last = next((line for line in reversed(view.state.log) if line.kind == "Alerts"), None)
    if not failing and last is None:
        return []
    line: Line = [("alerts", "label")]
    if failing:
        line.append((f" ✕ {failing.partition(': ')[2]}", "need"))
    if last is not None:
        line += [(f" {last.text.partition(': ')[2]}", "value"), (f"  {fmt.age(view.now - last.t)} ago", "dim")]
    return line


def summary(view: View) -> tuple[str, str]:
    """``3/3 up``."""
    links = view.state.links.values()
    up = sum(entry.state == "up" for entry in links)
    return (f"{up}/{len(links)} up", "dim" if up == len(links) else "need") if links else ("no links yet", "need")


class HeartbeatPane(Pane):
    pane_id = "heartbeat"

    def title(self, _view: View) -> str:
        return "HEARTBEAT"

    def title_line(self, view: View, width: int) -> Line:
        text, style = summary(view)
        return [*super().title_line(view, width), (f" {text}", style)]

    def draw(self, view: View, width: int, height: int) -> list[Line]:
        links = sorted(view.state.links.values(), key=lambda entry: (ORDER.get(entry.name, 9), entry.name))
        rows = [Item(6, table_head(COLUMNS, width))]
        rows += [Item(0 if entry.state != "up" else 1, link_row(view, entry, width)) for entry in links]
        if not links:
            rows.append(Item(0, [("no link yet", "dim")]))
        state = view.state
        lags = row(
            lag("engine lag", state.loop_lag_ms, SLOW_MS), lag("journal lag", state.journal_lag_ms, 100.0), width
        )
        left = budget(view)
        rows += [Item(2, lags), Item(3, row(compared(view, width), left, width)), breakers(view, width)]
        if state.errors.counts:
            rows.append(Item(5, [("errors ", "label"), (bill(state.errors), "warn")]))
        if told := alerts(view):
            rows.append(Item(4 if "AlertFailed/" in state.alarms else 8, told))
        return keep(rows, height)
