"""One picture: the layers from the grid up to the crosshair, each into free or its own cells."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.chart.aggregate import Shown, sane
from cockpit.chart.axes import clock_text, day_text, draw_legend, draw_price_axis, draw_time_axis
from cockpit.chart.candles import draw_average, draw_candles, draw_volume
from cockpit.chart.canvas import Canvas, amount_text, clean, price_text
from cockpit.chart.glyphs import Glyphs
from cockpit.chart.layout import Layout, lay_out
from cockpit.chart.markers import draw_markers
from cockpit.chart.overlay import (
    LEVEL_INK,
    Tag,
    draw_crosshair,
    draw_extremes,
    draw_labels,
    draw_line,
    draw_stance,
    draw_tags,
    level_tag,
)
from cockpit.chart.palette import BEAR, BG, BULL, DIM, FAST, MARK, ON_TAG, SLOW
from cockpit.chart.plot import Plot
from cockpit.chart.scale import Scale, View, Window, fit, needed_range, nice_step
from cockpit.chart.scene import Level, Scene
from engine.model.market import MINUTE_NS


@dataclass(frozen=True, slots=True)
class Look:
    """How, not what: size, glyphs, hollow rising bodies, and the crosshair's cell."""

    width: int
    height: int
    glyphs: Glyphs
    hollow: bool = False
    cursor: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The painted cells, and the plot that a mouse needs; no plot while there is nothing to draw."""

    canvas: Canvas
    plot: Plot | None = None


def paint(scene: Scene, shown: Shown, minutes: int, view: View, look: Look, *, old: Scale | None = None) -> Frame:
    """Draw the scene. ``minutes`` is the width of a shown bar; ``old`` the scale to keep while it serves."""
    canvas = Canvas(look.width, look.height)
    if not shown.bars or look.width < 4 or look.height < 2:
        if not shown.bars:
            _waiting(canvas, scene)
        return Frame(canvas)
    bars, glyphs = shown.bars, look.glyphs
    last = scene.last if scene.last is not None and sane(scene.last) else bars[-1].close
    levels = [level for level in scene.levels if sane(level.price)]
    layout, window, scale = _geometry(scene, shown, view, look, (old, last, [level.price for level in levels]))
    plot = Plot(canvas, layout, bars, window, scale, glyphs, look.hollow, scene.price_decimals, minutes)

    draw_price_axis(plot)
    draw_time_axis(plot)
    if scene.stance is not None:
        draw_stance(plot, scene.stance)
    for level in levels:
        draw_line(plot, level.price, glyphs.lines[level.kind], LEVEL_INK[level.kind])
    draw_line(plot, last, glyphs.last, BULL if bars[-1].close >= bars[-1].open else BEAR)
    for which, ink, strokes in zip(range(len(shown.periods)), (FAST, SLOW), glyphs.average, strict=False):
        draw_average(plot, [shown.average(which, i) for i in range(window.first, window.stop)], ink, strokes)
    draw_candles(plot)
    _volume(plot)
    if layout.rows >= 10 and layout.plot_width >= 50:
        draw_extremes(plot)
    draw_markers(plot, scene.markers)
    _tags(plot, scene, levels, last)
    _pointer_and_legend(plot, scene, shown, look.cursor)
    return Frame(canvas, plot)


def _waiting(canvas: Canvas, scene: Scene) -> None:
    text = clean(f"waiting for the first candle of {scene.symbol}")
    if len(text) > canvas.width:
        text = "waiting"
    canvas.write(max(0, (canvas.width - len(text)) // 2), canvas.height // 2, text, DIM)


def _geometry(
    scene: Scene, shown: Shown, view: View, look: Look, prices: tuple[Scale | None, float, list[float]]
) -> tuple[Layout, Window, Scale]:
    old, last, levels = prices
    bars, decimals = shown.bars, scene.price_decimals
    sample = max(len(price_text(p, decimals)) for p in (bars[-1].high, bars[-1].low, last))
    layout = lay_out(look.width, look.height, max(sample, 7))
    window = view.window(bars, layout.plot_width)
    visible = bars[window.first : window.stop]
    low, high = needed_range(visible, last if window.stop == len(bars) else None, levels, layout.rows)
    return layout, window, fit(old, low, high, layout.rows, decimals)


def _volume(plot: Plot) -> None:
    """The pane under the plot. Its full height is a round number, so that it seldom changes."""
    layout, window = plot.layout, plot.window
    most = max(plot.bars[i].volume for i in range(window.first, window.stop)) if layout.volume_rows else 0.0
    if most <= 0:
        return
    full = nice_step(most)
    draw_volume(plot, full)
    width = layout.axis_width - 2
    if width > 0:
        amount = amount_text(full)
        label = f"Vol {amount:>{width - 4}}" if len(amount) <= width - 4 else f"{amount:>{width}}"
        plot.canvas.write(layout.plot_width + 1, layout.volume_top, label[: width + 1], DIM)


def countdown_text(seconds: float) -> str:
    """``02:41``, with hours when there are any."""
    left = max(0, int(seconds))
    hours, rest = divmod(left, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def bar_ends_in(scene: Scene, minutes: int) -> float | None:
    """Seconds until the bar shown closes; None when that is unknown or nothing is live."""
    if not scene.live:
        return None
    if scene.bar_ends_in_s is not None and minutes == scene.timeframe:
        return scene.bar_ends_in_s
    span = minutes * MINUTE_NS
    return (span - scene.now_ns % span) / 1e9 if scene.now_ns > 0 else None


def _tags(plot: Plot, scene: Scene, levels: list[Level], last: float) -> None:
    ink = BULL if plot.bars[-1].close >= plot.bars[-1].open else BEAR
    seconds = bar_ends_in(scene, plot.minutes)
    draw_labels(plot, levels)
    tags = [level_tag(plot, level) for level in levels]
    draw_tags(plot, Tag(last, 0, ON_TAG, ink), tags, countdown_text(seconds) if seconds is not None else "")
    mark = scene.mark
    if mark is not None and plot.scale.holds(mark) and plot.layout.axis_width:
        y = plot.layout.top + plot.row(mark)
        if plot.canvas.bg[y][plot.layout.plot_width] == BG:
            plot.canvas.put(plot.layout.plot_width, y, plot.glyphs.mark, MARK)


def _pointer_and_legend(plot: Plot, scene: Scene, shown: Shown, cursor: tuple[int, int] | None) -> None:
    window, layout = plot.window, plot.layout
    bar, price = window.stop - 1, None
    if cursor is not None and layout.in_plot(*cursor):
        bar = min(max(window.bar(cursor[0]), window.first), window.stop - 1)
        row = cursor[1] - layout.top
        price = plot.scale.price(row)
        moment = plot.bars[bar].open_time
        draw_crosshair(plot, row, bar, plot.price_text(price), f"{day_text(moment)} {clock_text(moment)}")
    if layout.legend:
        draw_legend(plot, scene, shown, bar, price)
