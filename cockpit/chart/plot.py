"""What every layer draws with: the canvas and where things are on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.chart.canvas import Canvas, price_text
from cockpit.chart.glyphs import BODY, CENTRE, Glyphs
from cockpit.chart.layout import Layout
from cockpit.chart.scale import Scale, Window
from engine.model.market import Candle


@dataclass(frozen=True, slots=True)
class Plot:
    """The canvas, the bars, and the geometry of one picture. ``minutes`` is the width of a shown bar."""

    canvas: Canvas
    layout: Layout
    bars: Sequence[Candle]
    window: Window
    scale: Scale
    glyphs: Glyphs
    hollow: bool
    decimals: int
    minutes: int

    @property
    def body(self) -> int:
        """Columns of a body."""
        return BODY[self.window.per]

    def x(self, bar: int) -> int:
        """The column of a bar's wick; may lie outside."""
        return self.window.column(bar) + CENTRE[self.window.per]

    def row(self, price: float) -> int:
        """The plot row of a price, kept inside the plot."""
        return min(max(self.scale.row(price), 0), self.scale.rows - 1)

    def price_text(self, price: float) -> str:
        return price_text(price, self.decimals)
