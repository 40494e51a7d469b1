"""The rows of the timeline, each a function of its width: buttons, skyline, marks, times. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cockpit import format as fmt
from cockpit.panes.curve import EIGHTHS
from cockpit.panes.text import Line, cells, fit, width_of
from cockpit.view import Strip, View
from engine.replay.marks import Mark

WIDE = 100
"""From this width on there is room for all the buttons, and for the number beside the clock."""
SIGNS: dict[str, tuple[str, str]] = {
    "bookmark": ("★", "strong"),
    "kill": ("■", "halted.text"),
    "torn": ("╳", "bad"),
    "lost": ("↯", "bad"),
    "safe": ("◈", "need"),
    "pause": ("‖", "need"),
    "fill": ("▲", "bull b"),
    "reject": ("✕", "need"),
    "approval": ("◆", "focus"),
    "rearm": ("◇", "good"),
    "resume": ("▸", "good"),
    "up": ("↑", "good"),
    "end": ("●", "label"),
}
"""Kind of a mark → glyph and style, the most important first: where several fall into one cell, that one is shown."""
SOLD = ("▼", "bear b")
RANK = {kind: n for n, kind in enumerate(SIGNS)}
FLOOR = 0.7
"""The skyline begins at this share of the quietest cell."""
RAIL, GAP, PLAYHEAD = "─", "░", "┃"
STEP_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Distances that are good for labels of times."""


class Button(NamedTuple):
    """A part of the transport: the action that it stands for and how it looks."""

    action: str
    text: str
    narrow: bool = True
    """Also on a narrow screen."""


BACK = (Button("previous_mark", "┃◀", False), Button("step_back", "◀"))
ON = (Button("step_on", "▶"), Button("next_mark", "▶┃", False))


def buttons(strip: Strip | None, width: int) -> list[tuple[str, Line]]:
    """(action, caption) of the transport, in order; the one in the middle says what pressing it does."""
    playing = strip is None or strip.playing
    middle = Button("play", "II" if playing else "▶", True)
    shown = [b for b in (*BACK, middle, *ON) if b.narrow or width >= WIDE]
    out: list[tuple[str, Line]] = []
    for b in shown:
        style = "key" if b is middle else "value" if strip is not None else "dim"
        out.append((b.action, [(f" {b.text} ", style)]))
    return out


def speed_text(speed: float) -> str:
    return "max" if math.isinf(speed) else fmt.speed(speed)


def sign(mark: Mark) -> tuple[str, str]:
    return SOLD if mark.kind == "fill" and mark.text.startswith("SELL") else SIGNS.get(mark.kind, ("?", "warn"))


def column(strip: Strip, t: int, width: int) -> int:
    """The cell of a time; outside of the line -1 or ``width``."""
    if t < strip.start:
        return -1
    if t > strip.end:
        return width
    return min(width - 1, (t - strip.start) * width // max(1, strip.end - strip.start))


def time_at(strip: Strip, x: int, width: int) -> int:
    """The time in the middle of a cell; the first and the last cell are the ends."""
    if x <= 0 or width <= 1:
        return strip.start
    if x >= width - 1:
        return strip.end
    return strip.start + (strip.end - strip.start) * (2 * x + 1) // (2 * width)


def heights(density: Sequence[int], width: int) -> list[int]:
    """Eighths of a row for each cell, from the quietest to the busiest: what counts is the difference between them."""
    n = len(density)
    if not n or width <= 0:
        return [0] * width
    sums = []
    for x in range(width):
        low, high = x * n / width, (x + 1) * n / width
        first, last = int(low), min(n - 1, int(high - 1e-9))
        total = sum(density[first : last + 1]) - density[first] * (low - first) - density[last] * (last + 1 - high)
        sums.append(max(0.0, total))
    busy = [value for value in sums if value > 1e-6]
    if not busy:
        return [0] * width
    top, floor = max(busy), FLOOR * min(busy)
    return [0 if value < 1e-6 else max(1, round(7 * (value - floor) / (top - floor))) for value in sums]


def in_gaps(strip: Strip, width: int) -> set[int]:
    """Cells that lie in a time without any event."""
    found: set[int] = set()
    for start, end in strip.gaps:
        first, last = column(strip, start, width), column(strip, end, width)
        found.update(range(max(0, first + 1), min(width, last)))
    return found


def _runs(glyphs: Sequence[tuple[str, str]]) -> Line:
    """Neighbours of one style as one segment."""
    line: Line = []
    for text, style in glyphs:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def _loop(strip: Strip, width: int) -> tuple[int, int] | None:
    if strip.a is None or strip.b is None:
        return None
    low, high = sorted((strip.a, strip.b))
    return column(strip, low, width), column(strip, high, width)


def density_row(strip: Strip, width: int) -> Line:
    """Events as a skyline: what lies behind the cursor bright, what is to come faint."""
    at, gaps, loop = column(strip, strip.t, width), in_gaps(strip, width), _loop(strip, width)
    row = []
    for x, eighths in enumerate(heights(strip.density, width)):
        style = "label" if x < at else "off"
        if loop is not None and loop[0] <= x <= loop[1]:
            style = "focus"
        row.append((GAP, "off") if x in gaps else (EIGHTHS[eighths], style))
    return _runs(_with_playhead(row, at))


def marker_row(strip: Strip, width: int, playhead: bool = True) -> Line:
    """The rail with its marks, the loop's ends and the playhead."""
    at, gaps, loop = column(strip, strip.t, width), in_gaps(strip, width), _loop(strip, width)
    row = [
        (GAP, "off") if x in gaps else ("━" if x < at else RAIL, "label" if x < at else "rule") for x in range(width)
    ]
    if loop is not None:
        for x in range(max(0, loop[0]), min(width, loop[1] + 1)):
            row[x] = ("━", "focus")
    best: dict[int, Mark] = {}
    for mark in strip.marks:
        x = column(strip, mark.t, width)
        if 0 <= x < width and (x not in best or RANK.get(mark.kind, 99) < RANK.get(best[x].kind, 99)):
            best[x] = mark
    for x, mark in best.items():
        glyph, style = sign(mark)
        row[x] = (glyph, style if x <= at else "dim")
    for name, t in (("A", strip.a), ("B", strip.b)):
        x = column(strip, t, width) if t is not None else -1
        if 0 <= x < width:
            row[x] = (name, "focus b")
    return _runs(_with_playhead(row, at, keep=True) if playhead else row)


def _with_playhead(row: list[tuple[str, str]], at: int, keep: bool = False) -> list[tuple[str, str]]:
    """The cursor's cell stands out; a mark that is there stays to be seen in it."""
    if 0 <= at < len(row):
        glyph = row[at][0]
        row[at] = (glyph, "head") if keep and glyph not in ("━", RAIL, GAP) else (PLAYHEAD, "focus b")
    return row


def axis_row(strip: Strip, width: int) -> Line:
    """Times of day, as many as there is room for; with seconds where the line is short."""
    span = strip.end - strip.start
    if span <= 0:
        return []
    least = span / fmt.SECOND * 12 / max(1, width)
    step = next((s for s in STEP_S if s >= least), STEP_S[-1] * max(1, math.ceil(least / STEP_S[-1]))) * fmt.SECOND
    text = fmt.clock if step < 60 * fmt.SECOND else fmt.minute
    out, used = [" "] * width, -1
    for t in range(-(-strip.start // step) * step, strip.end + 1, step):
        label = text(t)
        x = column(strip, t, width) - len(label) // 2
        if x > used and x >= 0 and x + len(label) <= width:
            out[x : x + len(label)] = list(label)
            used = x + len(label)
    return [("".join(out), "dim")]


def total(strip: Strip) -> str:
    return fmt.countdown(strip.last - strip.first)


def clock_line(view: View, strip: Strip, width: int) -> Line:
    """``● NOW 13:42:05``, or the cursor's own clock."""
    if view.source == "live":
        return [("● ", "good"), ("NOW ", "good b"), (fmt.clock(strip.t), "value")]
    return [(fmt.clock_ms(strip.t) if width >= WIDE else fmt.clock(strip.t), "strong")]


def number_line(strip: Strip, width: int) -> Line:
    line: Line = [(f"#{strip.seq:,}", "value")]
    return [*line, (f" of {strip.last_seq:,}", "dim")] if width >= WIDE else line


def state_line(strip: Strip, width: int) -> Line:
    """Speed and step; on the way to a far place, how much of it is done."""
    if strip.working < 1:
        return [(f" going {strip.working * 100:.0f}%", "need")]
    speed: Line = [(f" {speed_text(strip.speed)}", "strong" if strip.playing else "value")]
    return [*speed, (f" {strip.unit}", "label")] if width < WIDE else [*speed, ("  by ", "dim"), (strip.unit, "value")]


class Parts(NamedTuple):
    """Where the line lies: its first cell and its width."""

    x: int
    width: int


def parts(width: int) -> Parts:
    before, after = (27, 25) if width >= WIDE else (14, 11)
    return Parts(before, max(1, width - before - after))


def live_parts(width: int) -> Parts:
    before = 22 if width >= WIDE else 14
    return Parts(before, max(1, width - before - 17))


def live_rows(view: View, strip: Strip, width: int) -> list[Line]:
    """A session that runs: its marks up to now, and that now is the place."""
    x, line = live_parts(width)
    head: Line = [segment for _, caption in buttons(None, width) for segment in caption]
    rail = marker_row(strip, line, playhead=False)
    return [
        [*_padded(head, x), *rail, ("  ", ""), *clock_line(view, strip, width)],
        [(" " * x, ""), *axis_row(strip, line)],
    ]


def travel_rows(view: View, strip: Strip, width: int, height: int) -> list[Line]:
    """Buttons, line and clock; with three rows also the times below it and what was found."""
    x, line = parts(width)
    head: Line = [segment for _, caption in buttons(strip, width) for segment in caption]
    rows = [
        [*_padded(head, x), *density_row(strip, line), ("  ", ""), *clock_line(view, strip, width)],
        [*_padded(state_line(strip, width), x), *marker_row(strip, line), ("  ", ""), *number_line(strip, width)],
    ]
    if height < 2:
        return [[*_padded(head, x), *marker_row(strip, line), ("  ", ""), *clock_line(view, strip, width)]]
    if height >= 3:
        done = (strip.t - strip.first) / max(1, strip.last - strip.first)
        place: Line = [(f"{done * 100:.0f}%", "label"), (f" of {total(strip)}", "dim")]
        rows.append([*_padded(loop_line(strip), x), *_padded(axis_row(strip, line), line), ("  ", ""), *place])
    return rows


def loop_line(strip: Strip) -> Line:
    """The loop, as far as it is set."""
    if strip.a is None and strip.b is None:
        return []
    a, b = (fmt.clock(t) if t is not None else "–" for t in (strip.a, strip.b))
    return [(" A ", "focus b"), (a, "value"), (" B ", "focus b"), (b, "value")]


def _padded(line: Line, width: int) -> Line:
    line = fit(line, width)
    return [*line, (" " * (width - width_of(line)), "")]


assert all(cells(glyph) == 1 for glyph, _ in (*SIGNS.values(), SOLD, (RAIL, ""), (GAP, ""), (PLAYHEAD, "")))
