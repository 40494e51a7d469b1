"""Where things go: price ↔ row, bar ↔ column, zoom, pan and following. Pure numbers, no drawing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from operator import attrgetter

from engine.model.market import MINUTE_NS, Candle

ZOOMS: tuple[tuple[int, int], ...] = ((8, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6))
"""(candles per column, columns per candle), from far to near."""
DEFAULT_ZOOM = 4

PAD = 0.06
SHRINK = 0.75
NEAR, NEAR_SMALL, SMALL_ROWS = 0.40, 0.12, 16
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080, 43200)

_time, _high, _low = attrgetter("open_time"), attrgetter("high"), attrgetter("low")


@dataclass(frozen=True, slots=True)
class Scale:
    """A price range on ``rows`` terminal rows, in eighths of a row from the top."""

    low: float
    high: float
    rows: int

    @property
    def per_price(self) -> float:
        """Eighths of a row per unit of price."""
        return self.rows * 8 / (self.high - self.low)

    def eighth(self, price: float) -> int:
        return round((self.high - price) * self.per_price)

    def row(self, price: float) -> int:
        """The row of a price; may lie outside ``0 … rows-1``."""
        return floor((self.high - price) * self.per_price / 8)

    def price(self, row: float) -> float:
        """The price in the middle of a row."""
        return self.high - (row + 0.5) * (self.high - self.low) / self.rows

    def holds(self, price: float) -> bool:
        return self.low <= price <= self.high


def nice_step(rough: float) -> float:
    """The smallest 1, 2, 2.5 or 5 times a power of ten that is not below ``rough``; 1 for nothing."""
    if rough < 1e-300:
        return 1.0
    power = 10.0 ** floor(log10(rough))
    return next(power * s for s in STEPS if power * s >= rough * 0.999999)


def grid_prices(scale: Scale, decimals: int, gap_rows: int = 4) -> list[float]:
    """Round prices inside the range, at least ``gap_rows`` rows apart and not finer than the price's decimals."""
    step = nice_step(max((scale.high - scale.low) * gap_rows / scale.rows, 10.0**-decimals))
    if round(step, decimals) != round(step, decimals + 2):
        step = nice_step(step * 1.01)
    first, last = ceil(scale.low / step), floor(scale.high / step)
    return [n * step for n in range(first, min(last, first + scale.rows) + 1)]


def needed_range(bars: Sequence[Candle], last: float | None, levels: Sequence[float], rows: int) -> tuple[float, float]:
    """The prices that must be seen: all bars and the last price, and those levels that are near enough."""
    low, high = min(map(_low, bars)), max(map(_high, bars))
    if last is not None:
        low, high = min(low, last), max(high, last)
    reach = (high - low) * (NEAR if rows >= SMALL_ROWS else NEAR_SMALL)
    near = [p for p in levels if low - reach <= p <= high + reach]
    return min([low, *near]), max([high, *near])


def fit(old: Scale | None, low: float, high: float, rows: int, decimals: int) -> Scale:
    """The old scale while it still serves: everything inside, and not more than a quarter too wide."""
    floor_span = max(10.0**-decimals * 4, (abs(low) + abs(high)) * 1e-7)
    pad = max((high - low) * PAD, (floor_span - (high - low)) / 2, floor_span * PAD)
    new = Scale(low - pad, high + pad, rows)
    if old is None or old.rows != rows or low < old.low or high > old.high:
        return new
    return old if new.high - new.low >= (old.high - old.low) * SHRINK else new


@dataclass(frozen=True, slots=True)
class Window:
    """The bars on screen, ``first`` up to before ``stop``; ``edge`` is the column where bar ``right`` would start."""

    first: int
    right: int
    stop: int
    edge: int
    per: int
    width: int

    def column(self, bar: int) -> int:
        return self.edge - (self.right - bar) * self.per

    def bar(self, column: int) -> int:
        return self.right + (column - self.edge) // self.per


@dataclass(slots=True)
class View:
    """What the user looks at. ``anchor`` is the open time of the newest bar kept in place; None follows the market."""

    zoom: int = DEFAULT_ZOOM
    anchor: int | None = None

    @property
    def following(self) -> bool:
        return self.anchor is None

    @property
    def merge(self) -> int:
        return ZOOMS[self.zoom][0]

    @property
    def per(self) -> int:
        return ZOOMS[self.zoom][1]

    def zoom_by(self, steps: int) -> bool:
        """Whether the zoom changed."""
        old, self.zoom = self.zoom, min(max(self.zoom + steps, 0), len(ZOOMS) - 1)
        return self.zoom != old

    def right(self, bars: Sequence[Candle]) -> int:
        """One past the bar at the right edge."""
        if self.anchor is None:
            return len(bars)
        return max(1, bisect_right(bars, self.anchor, key=_time)) if bars else 0

    def pan_to(self, bars: Sequence[Candle], right: int, width: int) -> None:
        """Put bar ``right - 1`` at the right edge; reaching the newest bar follows again."""
        least = min(len(bars), max(1, width // self.per // 4))
        right = max(right, least)
        self.anchor = None if right >= len(bars) else bars[right - 1].open_time

    def window(self, bars: Sequence[Candle], width: int) -> Window:
        per = self.per
        right = self.right(bars)
        edge = width - right_margin(width, per)
        first = max(0, right - ceil(edge / per))
        stop = min(len(bars), right + (width - edge) // per)
        return Window(first, right, stop, edge, per, width)


def right_margin(width: int, per: int) -> int:
    """Free columns right of the newest bar."""
    return min(max(2, width // 25), 6) if width >= 24 else min(per, width // 4)


def time_step(minutes_per_column: float, gap_columns: int = 12) -> int:
    """Minutes between two labels of the time axis, at least ``gap_columns`` apart."""
    need = minutes_per_column * gap_columns
    return next((s for s in TIME_STEPS if s >= need), TIME_STEPS[-1])


def time_marks(bars: Sequence[Candle], window: Window, step_min: int) -> list[tuple[int, bool]]:
    """(bar, first of its day) for every visible bar that opens a new step of the UTC clock."""
    span, day = step_min * MINUTE_NS, 1440 * MINUTE_NS
    start = max(window.first, 1)
    marks = []
    before = bars[start - 1].open_time if bars else 0
    for i in range(start, window.stop):
        now = bars[i].open_time
        if now // span != before // span:
            marks.append((i, now // day != before // day))
        before = now
    return marks
