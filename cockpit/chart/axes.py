"""Grid, price axis, time axis, the legend on the top row."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cockpit.chart.aggregate import Shown
from cockpit.chart.canvas import amount_text, clean, price_text
from cockpit.chart.markers import in_bars
from cockpit.chart.palette import BEAR, BRIGHT, BULL, DIM, FAST, GRID, SLOW, TEXT, WARN
from cockpit.chart.plot import Plot
from cockpit.chart.scale import grid_prices, time_marks, time_step
from cockpit.chart.scene import Scene
from engine.model.market import MINUTE_NS, Candle

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock_text(time_ns: int) -> str:
    """``13:05``, UTC."""
    minutes = time_ns // MINUTE_NS
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def day_text(time_ns: int) -> str:
    """``20 Mar``, UTC; empty outside the years that a calendar knows."""
    try:
        day = time.gmtime(time_ns // 1_000_000_000)
    except (OverflowError, OSError, ValueError):
        return ""
    return f"{day.tm_mday} {MONTHS[day.tm_mon - 1]}"


def draw_price_axis(plot: Plot) -> None:
    """Horizontal grid and, where there is an axis, its prices."""
    canvas, layout, scale, decimals, glyphs = plot.canvas, plot.layout, plot.scale, plot.decimals, plot.glyphs
    width = layout.axis_width - 2
    line = glyphs.across * layout.plot_width
    for price in grid_prices(scale, decimals, 4 if scale.rows >= 16 else 3 if scale.rows >= 8 else 2):
        row = scale.row(price)
        if not 0 <= row < scale.rows:
            continue
        canvas.write(0, layout.top + row, line, GRID)
        if layout.axis_width:
            label = f" {price_text(price + 0.0, decimals):>{width}} "
            canvas.write(layout.plot_width, layout.top + row, label[: layout.axis_width], DIM)


def draw_time_axis(plot: Plot) -> None:
    """Vertical grid at round times, brighter where a day begins; ``≈`` under the first bar after missing ones."""
    canvas, layout, bars, window, glyphs = plot.canvas, plot.layout, plot.bars, plot.window, plot.glyphs
    minutes = plot.minutes
    step = time_step(minutes / window.per)
    free_from = 0
    if layout.time_row >= 0:
        for i in range(max(window.first, 1), window.stop):
            if bars[i].open_time - bars[i - 1].open_time > minutes * MINUTE_NS:
                canvas.put(plot.x(i), layout.time_row, glyphs.gap, DIM)
    for i, new_day in time_marks(bars, window, step):
        x = plot.x(i)
        if not 0 <= x < layout.plot_width:
            continue
        for y in range(layout.top, layout.top + layout.rows):
            canvas.put(x, y, glyphs.day if new_day else glyphs.down, GRID)
        named = new_day or step >= 1440
        label = day_text(bars[i].open_time) if named else clock_text(bars[i].open_time)
        start = x - len(label) // 2
        if layout.time_row < 0 or start < free_from or start + len(label) > layout.plot_width:
            continue
        canvas.write(start, layout.time_row, label, BRIGHT if named else DIM)
        free_from = start + len(label) + 1
    if free_from == 0 and layout.time_row >= 0:
        label = clock_text(bars[window.stop - 1].open_time)
        canvas.write(max(0, min(plot.x(window.stop - 1) - 2, layout.plot_width - 5)), layout.time_row, label, DIM)
    if layout.axis_width and layout.time_row >= 0 and window.stop > window.first:
        day = day_text(bars[window.stop - 1].open_time)
        label = f"{day} UTC" if layout.axis_width >= 10 else day
        canvas.write(layout.plot_width, layout.time_row, f"{label:>{layout.axis_width - 1}}"[: layout.axis_width], DIM)


Piece = tuple[str, int]


def draw_legend(plot: Plot, scene: Scene, shown: Shown, bar: int, cursor: float | None) -> None:
    """Open, high, low, close, change and volume of a bar, then the averages at it; what does not fit is left out."""
    groups = _pointed(scene, shown, bar, cursor) if cursor is not None else []
    groups += _numbers(scene, shown.bars, bar)
    for which, ink in zip(range(len(shown.periods)), (FAST, SLOW), strict=False):
        value = shown.average(which, bar)
        if value is not None:
            price = price_text(value, scene.price_decimals)
            groups.append([(f"{plot.glyphs.legend} EMA{shown.periods[which]} ", ink), (price, DIM)])
    x = 1
    for group in groups:
        if x + sum(len(text) for text, _ in group) > plot.layout.width - 1:
            continue
        for text, ink in group:
            x = plot.canvas.write(x, 0, text, ink)
        x += 2


def _numbers(scene: Scene, bars: Sequence[Candle], bar: int) -> list[list[Piece]]:
    b = bars[bar]
    before = bars[bar - 1].close if bar > 0 else b.open
    ink = BULL if b.close >= b.open else BEAR
    named = (("O", b.open), ("H", b.high), ("L", b.low), ("C", b.close))
    prices = [[(f"{name} ", DIM), (price_text(value, scene.price_decimals), ink)] for name, value in named]
    change = round((b.close / before - 1) * 100, 2) + 0.0 if before > 0 else 0.0
    moved: list[list[Piece]] = [[(f"{change:+.2f}%", BULL if change >= 0 else BEAR)]] if abs(change) < 1e5 else []
    return [*prices, *moved, [("V ", DIM), (amount_text(b.volume), TEXT)]]


def _pointed(scene: Scene, shown: Shown, bar: int, cursor: float) -> list[list[Piece]]:
    """When the bar was, how far the crosshair is from the last price, and what happened in the bar."""
    b = shown.bars[bar]
    last = scene.last if scene.last is not None else shown.bars[-1].close
    away = (cursor / last - 1) * 100 if last > 0 else 0.0
    groups: list[list[Piece]] = [[(f"{day_text(b.open_time)} {clock_text(b.open_time)}", BRIGHT)]]
    if abs(away) < 1e5:
        groups.append([("from last ", DIM), (f"{away:+.2f}%", TEXT)])
    inside = [marker for n, marker in in_bars(scene.markers, shown.bars, bar) if n == bar]
    groups += [[(clean(marker.label or marker.kind), WARN)] for marker in inside[-2:]]
    return groups
