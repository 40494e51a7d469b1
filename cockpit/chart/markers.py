"""What happened, as single glyphs beside the bar in which it happened."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from cockpit.chart.palette import BUY, DIM, MARK, SELL, WARN
from cockpit.chart.plot import Plot
from cockpit.chart.scale import Scale
from cockpit.chart.scene import Marker, MarkerKind
from engine.model.market import Candle

MARKER_INK: dict[MarkerKind, int] = {"buy": BUY, "sell": SELL, "reject": WARN, "cancel": DIM, "signal": MARK}
_time = attrgetter("open_time")


def in_bars(markers: Sequence[Marker], bars: Sequence[Candle], first: int) -> list[tuple[int, Marker]]:
    """The markers from bar ``first`` on, each with its bar; a bar's refusals are one, which says how many they are."""
    if first >= len(bars):
        return []
    oldest = bars[first].open_time
    found: list[tuple[int, Marker]] = []
    refused: dict[int, list[Marker]] = {}
    for marker in markers:
        if marker.time_ns < oldest:
            continue
        bar = bisect_right(bars, marker.time_ns, key=_time) - 1
        if marker.kind == "reject":
            refused.setdefault(bar, []).append(marker)
        else:
            found.append((bar, marker))
    for bar, many in refused.items():
        last = many[-1]
        label = f"{len(many)} refused, last {last.label}" if len(many) > 1 else last.label
        found.append((bar, Marker(last.time_ns, last.price, last.kind, label)))
    return found


def draw_markers(plot: Plot, markers: Sequence[Marker]) -> None:
    """Buys below their bar, sells above it, refusals on the nearer side, the rest at its price; several stack outwards."""
    layout, bars, window, scale = plot.layout, plot.bars, plot.window, plot.scale
    taken: set[tuple[int, int]] = set()
    for i, marker in in_bars(markers, bars, window.first):
        x = plot.x(i)
        if i >= window.stop or not 0 <= x < layout.plot_width:
            continue
        row, away = _marker_row(marker, bars[i], scale)
        row = min(max(row, 0), scale.rows - 1)
        while (x, row) in taken and 0 <= row + away < scale.rows:
            row += away
        taken.add((x, row))
        plot.canvas.put(x, layout.top + row, plot.glyphs.markers[marker.kind], MARKER_INK[marker.kind])


def _marker_row(marker: Marker, bar: Candle, scale: Scale) -> tuple[int, int]:
    """The row, and the direction in which to stack."""
    if marker.kind == "buy":
        return scale.row(bar.low) + 1, 1
    if marker.kind == "sell":
        return scale.row(bar.high) - 1, -1
    if marker.kind == "reject":
        above = marker.price >= (bar.high + bar.low) / 2
        return (scale.row(bar.high) - 1, -1) if above else (scale.row(bar.low) + 1, 1)
    if not scale.low <= marker.price <= scale.high:
        return (scale.rows - 1, -1) if marker.price < scale.low else (0, 1)
    return scale.row(marker.price), -1
