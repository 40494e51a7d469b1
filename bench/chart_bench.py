"""What one picture of the chart costs: ``python -m bench chart``.

Gives, for two sizes and two lengths of history, milliseconds of CPU to paint after a live tick (median and 99th percentile),
how many rows differ from the picture before, and the cost of the first picture of a new history.
"""

from __future__ import annotations

import random
import time

from bench.table import Row, row
from cockpit.chart.aggregate import Feed
from cockpit.chart.glyphs import UNICODE
from cockpit.chart.paint import Frame, Look, paint
from cockpit.chart.scale import View
from cockpit.chart.scene import Level, Marker, Scene, Stance
from engine.model.market import MINUTE_NS, Candle

SIZES = ((120, 30), (200, 55))
HISTORIES = (500, 1500)
TICKS = 400
GOAL_MS = 3.0
"""So that five pictures a second stay within the budget of the whole screen."""


def walk(count: int, seed: int = 7) -> list[Candle]:
    """A random walk of one-minute bars, oldest first."""
    chance, price, bars = random.Random(seed), 62_000.0, []
    for i in range(count):
        path = [price]
        for _ in range(8):
            path.append(path[-1] + chance.gauss(0, 6))
        bars.append(Candle(i * MINUTE_NS, path[0], max(path), min(path), path[-1], chance.uniform(1, 50)))
        price = path[-1]
    return bars


def scene_of(bars: list[Candle], moment: int) -> Scene:
    entry, last = bars[-60].close, bars[-1].close
    levels = [
        Level("entry", entry, "LONG 0.250 +30.00"),
        Level("stop", entry - 120, "SL -1.0R -75.00"),
        Level("target", entry + 180, "TP +1.5R +112.50"),
    ]
    markers = [Marker(bars[-n].open_time, bars[-n].close, "buy" if n % 2 else "sell") for n in range(20, 200, 20)]
    stance = Stance(entry, bars[-60].open_time, entry - 120, entry + 180)
    return Scene(bars, "BTCUSDT", 1, 3, 1, last=last, now_ns=moment, levels=levels, markers=markers, stance=stance)


def rows(ticks: int = TICKS) -> list[Row]:
    return [r for width, height in SIZES for history in HISTORIES for r in pictures(width, height, history, ticks)]


def pictures(width: int, height: int, history: int, ticks: int) -> list[Row]:
    """The pictures after each of ``ticks`` trades."""
    bars, feed, view, look = walk(history), Feed(), View(), Look(width, height, UNICODE)
    chance, before = random.Random(1), None
    costs: list[float] = []
    changed: list[float] = []
    for n in range(ticks):
        live = bars[-1]
        live.close += chance.gauss(0, 1.5)
        live.high, live.low = max(live.high, live.close), min(live.low, live.close)
        if n % 100 == 99:
            bars.append(Candle(live.open_time + MINUTE_NS, live.close, live.close, live.close, live.close, 0.0))
        scene = scene_of(bars, bars[-1].open_time + n * 200_000_000)
        started = time.process_time()
        shown = feed.read(bars, 1, view.merge)
        old = before.plot.scale if before is not None and before.plot is not None else None
        frame: Frame = paint(scene, shown, 1, view, look, old=old)
        costs.append((time.process_time() - started) * 1000)
        if before is not None:
            changed.append(len(frame.canvas.differs(before.canvas)))
        before = frame
    name = f"chart {width}×{height}, {history:,} candles"
    return [
        row(f"{name}: picture after a trade (CPU)", "ms", costs[1:], GOAL_MS, "worst"),
        Row("  first picture", "ms", costs[0]),
        row(f"  rows that differ, of {height}", "", changed),
    ]
