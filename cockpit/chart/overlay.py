"""What the trader put on the chart: boxes of risk and reward, level lines, tags, markers, crosshair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from cockpit.chart.aggregate import sane
from cockpit.chart.canvas import clean
from cockpit.chart.palette import (
    BEAR,
    BULL,
    CURSOR,
    DIM,
    ENTRY,
    MARK,
    ON_TAG,
    ORDER,
    REWARD,
    RISK,
    SOFT,
)
from cockpit.chart.plot import Plot
from cockpit.chart.scale import SMALL_ROWS, Scale
from cockpit.chart.scene import Level, LevelKind, Stance

LEVEL_INK: dict[LevelKind, int] = {
    "entry": ENTRY, "stop": BEAR, "target": BULL, "order": ORDER, "liq": MARK, "trigger": ORDER,
}  # fmt: skip
LEVEL_WORD: dict[LevelKind, str] = {
    "entry": "ENTRY", "stop": "SL", "target": "TP", "order": "ORDER", "liq": "LIQ", "trigger": "TRIGGER",
}  # fmt: skip
RANK: dict[LevelKind, int] = {"entry": 0, "stop": 1, "target": 2, "liq": 3, "trigger": 4, "order": 5}
SOLID = frozenset({"entry", "stop", "target"})
_time = attrgetter("open_time")


def draw_stance(plot: Plot, stance: Stance) -> None:
    """Background only, from the bar of the entry to the right edge of the plot."""
    canvas, layout, bars, window, scale = plot.canvas, plot.layout, plot.bars, plot.window, plot.scale
    if not sane(stance.entry):
        return
    i = bisect_right(bars, stance.since_ns, key=_time) - 1
    x = max(0, window.column(i)) if i >= 0 else 0
    entry = scale.row(stance.entry)
    for price in (stance.target, stance.stop):
        if price is None or not sane(price):
            continue
        row = scale.row(price)
        tint = REWARD if (price > stance.entry) == stance.is_long else RISK
        first, last = (row, entry - 1) if row < entry else (entry + 1, row)
        for r in range(max(first, 0), min(last, scale.rows - 1) + 1):
            canvas.fill(x, layout.top + r, layout.plot_width - x, tint)


def draw_line(plot: Plot, price: float, glyph: str, ink: int) -> None:
    """Across the plot; nothing where the price is out of range."""
    if plot.scale.holds(price):
        plot.canvas.write(0, plot.layout.top + plot.row(price), glyph * plot.layout.plot_width, ink)


class Tag(NamedTuple):
    """A price on the axis: filled with ``bg``; ``rank`` 0 is kept longest when rows run out."""

    price: float
    rank: int
    fg: int
    bg: int


def draw_tags(plot: Plot, last: Tag, others: Sequence[Tag], countdown: str) -> None:
    """One row each, in the order of their prices and as near to them as that allows.

    The last price keeps its own row unless the others would not fit on their side of it. The countdown stands under it,
    or over it where that spares another tag from moving.
    """
    if not plot.layout.axis_width:
        return
    rows = plot.scale.rows
    timed = 1 if countdown and rows >= len(others) + 2 else 0
    kept = _kept(plot.scale, others, max(0, rows - 1 - timed))
    home, wanted = plot.row(last.price), {plot.row(t.price) for t in kept}
    over = timed if home + 1 in wanted and home > 0 and home - 1 not in wanted else 0
    under = timed - over
    above = sorted((t for t in kept if t.price > last.price), key=lambda t: t.price)
    below = sorted((t for t in kept if t.price <= last.price), key=lambda t: -t.price)
    centre = min(max(home, len(above) + over), rows - 1 - under - len(below))
    _draw_tag(plot, centre, last)
    if timed:
        text = f" {countdown:>{plot.layout.axis_width - 2}} "
        plot.canvas.write(plot.layout.plot_width, plot.layout.top + centre + under - over, text, last.bg, SOFT)
    row = centre - over
    for n, tag in enumerate(above):
        row = max(min(plot.row(tag.price), row - 1), len(above) - 1 - n)
        _draw_tag(plot, row, tag)
    row = centre + under
    for n, tag in enumerate(below):
        row = min(max(plot.row(tag.price), row + 1), rows - len(below) + n)
        _draw_tag(plot, row, tag)


def _kept(scale: Scale, tags: Sequence[Tag], most: int) -> list[Tag]:
    """The tags in view, then of those beyond each edge the most important: one in a small plot, three in a larger."""
    tags = sorted(tags, key=lambda t: t.rank)
    beyond = 3 if scale.rows >= SMALL_ROWS else 1
    over = [t for t in tags if t.price > scale.high][:beyond]
    under = [t for t in tags if t.price < scale.low][:beyond]
    return [*(t for t in tags if scale.holds(t.price)), *over, *under][:most]


def _draw_tag(plot: Plot, row: int, tag: Tag) -> None:
    width, scale, glyphs = plot.layout.axis_width, plot.scale, plot.glyphs
    arrow = " " if scale.holds(tag.price) else glyphs.above if tag.price > scale.high else glyphs.below
    text = f" {plot.price_text(tag.price):>{width - 2}}"[: width - 1] + arrow
    plot.canvas.write(plot.layout.plot_width, plot.layout.top + row, text, tag.fg, tag.bg)


def level_tag(plot: Plot, level: Level) -> Tag:
    """Filled for the position's own levels in view, quiet for orders and for what is out of view."""
    ink = LEVEL_INK[level.kind]
    strong = level.kind in SOLID and plot.scale.holds(level.price)
    return Tag(level.price, RANK[level.kind], *((ON_TAG, ink) if strong else (ink, SOFT)))


def draw_labels(plot: Plot, levels: Sequence[Level]) -> None:
    """The levels' words at the left end of their lines; side by side where they share a row."""
    used: dict[int, int] = {}
    for level in sorted(levels, key=lambda v: RANK[v.kind]):
        row = plot.row(level.price)
        tag = level_tag(plot, level)
        outside = not plot.scale.holds(level.price)
        arrow = (plot.glyphs.above if level.price > plot.scale.high else plot.glyphs.below) if outside else ""
        x = used.get(row, 0)
        text = _left_text(level, arrow, plot.layout.plot_width - x)
        if text:
            used[row] = plot.canvas.write(x, plot.layout.top + row, text, tag.fg, tag.bg) + 1


def _left_text(level: Level, arrow: str, free: int) -> str:
    """As many whole words of the label as fit into a part of the free columns."""
    room = free // 3 if free >= 50 else free // 4
    words = clean(level.label or LEVEL_WORD[level.kind]).split()
    tail = [arrow] if arrow else []
    while words and len(" ".join([*words, *tail])) + 2 > room:
        words.pop()
    return f" {' '.join([*words, *tail])} " if words else ""


def draw_extremes(plot: Plot) -> None:
    """The prices of the highest high and the lowest low, beside them, where there is room."""
    canvas, bars, (before, after) = plot.canvas, plot.bars, plot.glyphs.pointer
    visible = range(plot.window.first, plot.window.stop)
    highest = max(visible, key=lambda n: bars[n].high)
    lowest = min(visible, key=lambda n: bars[n].low)
    for i, value in ((highest, bars[highest].high), (lowest, bars[lowest].low)):
        x, y = plot.x(i), plot.layout.top + plot.row(value)
        text = plot.price_text(value)
        for start, label in ((x + 1, before + text), (x - len(text) - 1, text + after)):
            inside = start >= 0 and start + len(label) <= plot.layout.plot_width
            if inside and all(canvas.free(start + d, y) for d in range(len(label))):
                canvas.write(start, y, label, DIM)
                break


def draw_crosshair(plot: Plot, row: int, bar: int, price: str, moment: str) -> None:
    """Lines through a bar and a row over free cells, with the price and the time as tags at their ends."""
    canvas, layout, glyphs = plot.canvas, plot.layout, plot.glyphs
    x = plot.x(bar)
    bottom = layout.top + layout.rows + layout.volume_rows
    for y in range(layout.top, bottom):
        if canvas.free(x, y):
            canvas.put(x, y, glyphs.cross_down, DIM)
    y = layout.top + row
    for column in range(layout.plot_width):
        if canvas.free(column, y):
            canvas.put(column, y, glyphs.cross_across, DIM)
    if canvas.glyph[y][x] == glyphs.cross_down:
        canvas.put(x, y, glyphs.cross, CURSOR)
    if layout.axis_width:
        text = f" {price:>{layout.axis_width - 2}} "[: layout.axis_width]
        canvas.write(layout.plot_width, y, text, ON_TAG, CURSOR)
    if layout.time_row >= 0:
        tag = f" {moment} "
        start = min(max(x - len(tag) // 2, 0), max(layout.plot_width - len(tag), 0))
        _clear_words(plot, start - 1, start + len(tag))
        canvas.write(start, layout.time_row, tag, ON_TAG, CURSOR)


def _clear_words(plot: Plot, left: int, right: int) -> None:
    """Blank what the time tag would leave of the labels that it covers."""
    row = plot.canvas.glyph[plot.layout.time_row]
    for start, step in ((left, -1), (right, 1)):
        x = start
        while 0 <= x < plot.layout.plot_width and row[x] != " ":
            row[x] = " "
            x += step
