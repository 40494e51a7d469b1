"""Small scenes with prices that one can check in one's head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockpit.chart.aggregate import Feed
from cockpit.chart.glyphs import UNICODE, Glyphs
from cockpit.chart.paint import Frame, Look, paint
from cockpit.chart.scale import DEFAULT_ZOOM, Scale, View
from cockpit.chart.scene import Scene
from engine.model.market import MINUTE_NS, Candle

NOON = (20_000 * 1440 + 720) * MINUTE_NS
"""12:00 UTC on 4 October 2024."""

STAIRS = [
    (100, 104, 99, 103),
    (103, 107, 102, 106),
    (106, 108, 101, 102),
    (102, 103, 98, 99),
    (99, 105, 98, 104),
    (104, 110, 103, 109),
    (109, 112, 108, 111),
    (111, 111, 105, 106),
    (106, 106, 106, 106),
    (106, 114, 106, 113),
]


def candles(prices: Sequence[tuple[float, float, float, float]] = STAIRS, start: int = NOON) -> list[Candle]:
    """One bar a minute, with volumes 1, 2, 3 and so on."""
    return [Candle(start + i * MINUTE_NS, o, h, low, c, i + 1.0) for i, (o, h, low, c) in enumerate(prices)]


def scene(bars: Sequence[Candle] | None = None, **more: Any) -> Scene:
    given = {"timeframe": 1, "live": False, "price_decimals": 1, "qty_decimals": 3, **more}
    return Scene(candles() if bars is None else bars, "BTCUSDT", **given)


def painted(
    what: Scene,
    width: int = 60,
    height: int = 16,
    *,
    zoom: int = DEFAULT_ZOOM,
    view: View | None = None,
    old: Scale | None = None,
    glyphs: Glyphs = UNICODE,
    hollow: bool = False,
    cursor: tuple[int, int] | None = None,
) -> Frame:
    view = view or View(zoom)
    shown = Feed().read(what.candles, what.timeframe, view.merge)
    look = Look(width, height, glyphs, hollow, cursor)
    return paint(what, shown, what.timeframe * view.merge, view, look, old=old)


def text(frame: Frame) -> list[str]:
    """The rows without their trailing blanks."""
    return [frame.canvas.text(y).rstrip() for y in range(frame.canvas.height)]
