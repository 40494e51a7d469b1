"""The market itself: bodies and wicks, volume bars, averages."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from cockpit.chart.glyphs import CENTRE, Box
from cockpit.chart.palette import BEAR, BEAR_VOLUME, BULL, BULL_VOLUME
from cockpit.chart.plot import Plot

Span = tuple[int, int, int, int]
"""Eighths of a row from the top: high, body top, body bottom, low."""


def draw_candles(plot: Plot) -> None:
    """All visible bars."""
    scale, window, glyphs, bars = plot.scale, plot.window, plot.glyphs, plot.bars
    high, k, bottom, columns = scale.high, scale.per_price, scale.rows * 8, plot.body
    for i in range(window.first, window.stop):
        bar = bars[i]
        opened, closed = bar.open, bar.close
        rising = closed >= opened
        upper, lower = (closed, opened) if rising else (opened, closed)
        x = window.column(i)
        if x < 0 or x + columns > window.width:
            continue
        h, low = max(0, round((high - bar.high) * k)), min(bottom, round((high - bar.low) * k))
        a, b = max(0, round((high - upper) * k)), min(bottom, round((high - lower) * k))
        span, ink = (h, a, b, low), BULL if rising else BEAR
        if window.per == 1:
            _dense(plot, x, span, ink)
            continue
        _wick(plot, x, span, ink)
        if b - a < 2:
            _thin(plot, x, span, ink, glyphs.doji)
        elif not glyphs.eighths:
            _coarse(plot, x, span, ink)
        elif plot.hollow and rising and glyphs.box is not None:
            _outline(plot, x, span, ink)
        elif b - a <= 3 and a >> 3 == (b - 1) >> 3:
            _thin(plot, x, span, ink, glyphs.short)
        else:
            _solid(plot, x, span, ink)


def _wick(plot: Plot, x: int, span: Span, ink: int) -> None:
    h, _, _, low = span
    glyphs, top = plot.glyphs, plot.layout.top
    whole, upper, lower = glyphs.wick, glyphs.wick_upper, glyphs.wick_lower
    if plot.body == 2:
        whole = upper = lower = glyphs.wick_between
    x += CENTRE[plot.window.per]
    glyph, fg = plot.canvas.glyph, plot.canvas.fg
    for r in range(h >> 3, (low + 7) >> 3):
        begins, ends = h - r * 8, low - r * 8
        if begins >= 6 or ends <= 2:
            continue
        glyph[top + r][x] = lower if begins >= 3 else upper if ends <= 5 else whole
        fg[top + r][x] = ink


def _thin(plot: Plot, x: int, span: Span, ink: int, glyphs: tuple[str, str]) -> None:
    """A body within one row as a line, ``glyphs`` being the line and the line with a wick through it."""
    h, a, b, low = span
    y = plot.layout.top + min((a + b) >> 4, plot.scale.rows - 1)
    plot.canvas.write(x, y, glyphs[0] * plot.body, ink)
    if (h < a - 2 or low > b + 2) and plot.body != 2:
        plot.canvas.put(x + CENTRE[plot.window.per], y, glyphs[1], ink)


def _coarse(plot: Plot, x: int, span: Span, ink: int) -> None:
    first, last = _whole_rows(span)
    text = (plot.glyphs.bull if ink == BULL else plot.glyphs.bear) * plot.body
    for r in range(first, last + 1):
        plot.canvas.write(x, plot.layout.top + r, text, ink)


def _whole_rows(span: Span) -> tuple[int, int]:
    """The rows a body covers by at least half, or the one where its middle is."""
    _, a, b, _ = span
    first, last = (a + 4) >> 3, ((b + 4) >> 3) - 1
    return (first, last) if last >= first else ((a + b) >> 4, (a + b) >> 4)


def _solid(plot: Plot, x: int, span: Span, ink: int) -> None:
    """Ends in eighths of a cell; where the wick goes on, an end of less than half a cell is left to the wick."""
    h, a, b, low = span
    canvas, eighths = plot.canvas, plot.glyphs.eighths
    many = a >> 3 != (b - 1) >> 3
    reach = range(x, x + plot.body)
    for r in range(a >> 3, ((b - 1) >> 3) + 1):
        start, end = max(a - r * 8, 0), min(b - r * 8, 8)
        size = end - start
        if many and size <= 3 and ((start and h < r * 8 + 2) or (end < 8 and low > r * 8 + 6)):
            continue
        y = plot.layout.top + r
        glyph, fg = canvas.glyph[y], canvas.fg[y]
        if size == 8 or end == 8 or start > 8 - end:
            for c in reach:
                glyph[c], fg[c] = eighths[size], ink
        else:
            bg = canvas.bg[y]
            for c in reach:
                glyph[c], fg[c], bg[c] = eighths[8 - size], bg[c], ink


def _outline(plot: Plot, x: int, span: Span, ink: int) -> None:
    """A hollow body: a box of two rows or more, else a double line; one column wide, a tube."""
    box = plot.glyphs.box or Box()
    columns, canvas = plot.body, plot.canvas
    first, last = _whole_rows(span)
    for r in range(first, last + 1):
        y = plot.layout.top + r
        if columns == 1 or first == last:
            canvas.write(x, y, (box.tube if columns == 1 else box.flats[0]) * columns, ink)
            continue
        shape = box.top if r == first else box.bottom if r == last else box.middle
        canvas.write(x, y, shape[0] + shape[1] * (columns - 2) + shape[2], ink)
    if columns < 3:
        return
    centre, top = x + CENTRE[plot.window.per], plot.layout.top
    up, down = span[0] < first * 8 - 2, span[3] > last * 8 + 10
    if first == last:
        canvas.put(centre, top + first, box.flats[up * 2 + down], ink)
        return
    if up:
        canvas.put(centre, top + first, box.up, ink)
    if down:
        canvas.put(centre, top + last, box.down, ink)


def _dense(plot: Plot, x: int, span: Span, ink: int) -> None:
    """One column: half-cell bodies, the wick on their left edge; rising ones are tubes where colour is missing."""
    h, a, b, low = span
    glyphs, top = plot.glyphs, plot.layout.top
    glyph, fg = plot.canvas.glyph, plot.canvas.fg
    for r in range(h >> 3, (low + 7) >> 3):
        if h - r * 8 < 6 and low - r * 8 > 2:
            glyph[top + r][x], fg[top + r][x] = glyphs.dense_wick, ink
    full, lower, upper = glyphs.dense_body
    if plot.hollow and ink == BULL:
        full = lower = upper = glyphs.box.tube if glyphs.box is not None else glyphs.bull
    b = min(max(b, a + 4), plot.scale.rows * 8)
    a = min(a, b - 4)
    for r in range(a >> 3, ((b - 1) >> 3) + 1):
        start, end = max(a - r * 8, 0), min(b - r * 8, 8)
        if end - start < 3 and b - a > 6:
            continue
        glyph[top + r][x] = full if end - start >= 6 else lower if end == 8 or start > 8 - end else upper
        fg[top + r][x] = ink


def draw_volume(plot: Plot, full: float) -> None:
    """Bars of volume in their pane, ``full`` being its whole height."""
    window, columns = plot.window, plot.body
    rows, bottom = plot.layout.volume_rows, plot.layout.volume_top + plot.layout.volume_rows - 1
    for i in range(window.first, window.stop):
        bar = plot.bars[i]
        x = window.column(i)
        if x < 0 or x + columns > window.width or bar.volume <= 0:
            continue
        rising = bar.close >= bar.open
        size = max(1, min(rows * 8, round(bar.volume / full * rows * 8)))
        whole, part = divmod(size, 8)
        body, top = _volume_glyphs(plot, rising, part, whole > 0)
        ink = BULL_VOLUME if rising else BEAR_VOLUME
        for r in range(whole):
            plot.canvas.write(x, bottom - r, body * columns, ink)
        if part and top:
            plot.canvas.write(x, bottom - whole, top * columns, ink)


def _volume_glyphs(plot: Plot, rising: bool, part: int, tall: bool) -> tuple[str, str]:
    """Of a full row and of the top row, which is ``part`` eighths high; empty where that is too little to draw."""
    glyphs = plot.glyphs
    if not glyphs.eighths or (plot.hollow and rising and tall):
        body = glyphs.volume[rising]
        return body, body if part >= 4 or not tall else ""
    if plot.window.per > 1:
        return "█", glyphs.eighths[part]
    full, lower, _ = glyphs.dense_body
    return full, full if part >= 6 else lower if part >= 3 or not tall else ""


def draw_average(plot: Plot, points: Sequence[float | None], ink: int, strokes: str) -> None:
    """A line through one value per visible bar, one cell a column, only where cells are free.

    ``strokes`` are the glyphs of a line at the top of a cell down to its bottom: the finer the set, the smoother the line.
    """
    canvas, top, window, scale = plot.canvas, plot.layout.top, plot.window, plot.scale
    fine = len(strokes)
    k = scale.per_price / 8 * fine
    pace = window.per
    x = window.column(window.first) + CENTRE[pace]
    before: float | None = None
    for value in points:
        if value is not None:
            for n in range(1, pace + 1) if before is not None else (pace,):
                column = x - pace + n
                now = value if before is None else before + (value - before) * n / pace
                row, part = divmod(floor((scale.high - now) * k), fine)
                if 0 <= row < scale.rows and 0 <= column < window.width and canvas.free(column, top + row):
                    canvas.put(column, top + row, strokes[part], ink)
            before = value
        x += pace
