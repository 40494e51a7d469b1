"""Candles of the simulated exchange: one-minute bars from history and prints, and every interval made of them."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec

from engine.model.market import Candle

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 4 * DAY
"""The first Monday after the epoch."""

REST_INTERVALS: dict[str, int] = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "10m": 10 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    "1M": 0,
}
WS_INTERVALS: dict[str, str] = {
    "1min": "1m",
    "3min": "3m",
    "5min": "5m",
    "15min": "15m",
    "30min": "30m",
    "60min": "1h",
    "2h": "2h",
    "4h": "4h",
    "6h": "6h",
    "8h": "8h",
    "12h": "12h",
    "1day": "1d",
    "3day": "3d",
    "1week": "1w",
    "1month": "1M",
}


class Bar(msgspec.Struct, gc=False):
    """One bar: open time in market ms, prices, volumes in base and quote."""

    t: int
    o: float
    h: float
    l: float  # noqa: E741
    c: float
    base: float
    quote: float


def bucket(t_ms: int, interval: str) -> int:
    """Open time of the bar that holds ``t_ms``."""
    if interval == "1M":
        day = datetime.fromtimestamp(t_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)
    offset = MONDAY if interval == "1w" else 0
    length = REST_INTERVALS[interval]
    return (t_ms - offset) // length * length + offset


def bucket_end(start: int, interval: str) -> int:
    if interval == "1M":
        return bucket(start + 32 * DAY, "1M")
    return start + REST_INTERVALS[interval]


class Series:
    """One-minute bars of one price, oldest first; the last one is running.

    A minute without prints is a flat bar at the last close, except where ``is_gap`` says that time itself is missing.
    """

    def __init__(
        self,
        history: Iterable[Candle],
        start_ms: int,
        *,
        like: Series | None = None,
        is_gap: Callable[[int], bool] | None = None,
    ) -> None:
        if like is None:
            self.bars = [_bar(candle) for candle in history]
        else:
            self.bars = [Bar(b.t, b.o, b.h, b.l, b.c, 0.0, 0.0) for b in like.bars]
        self.now = start_ms
        self._is_gap = is_gap

    def roll(self, t_ms: int) -> None:
        """Time passes: open the bars of the minutes up to ``t_ms``."""
        self.now = max(self.now, t_ms)
        if not self.bars:
            return
        minute = t_ms // MINUTE * MINUTE
        last = self.bars[-1]
        for t in range(last.t + MINUTE, minute + 1, MINUTE):
            if self._is_gap is None or not self._is_gap(t):
                self.bars.append(Bar(t, last.c, last.c, last.c, last.c, 0.0, 0.0))

    def trade(self, t_ms: int, price: float, qty: float) -> None:
        """A print; one from a minute that is over counts for the running bar."""
        minute = t_ms // MINUTE * MINUTE
        if not self.bars:
            self.bars.append(Bar(minute, price, price, price, price, 0.0, 0.0))
        elif minute > self.bars[-1].t:
            self.roll(minute - 1)
            self.bars.append(Bar(minute, price, price, price, price, 0.0, 0.0))
        bar = self.bars[-1]
        if not bar.base and bar.o == bar.h == bar.l == bar.c and qty:
            bar.o = bar.h = bar.l = bar.c = price
        bar.h = max(bar.h, price)
        bar.l = min(bar.l, price)
        bar.c = price
        bar.base += qty
        bar.quote += qty * price
        self.now = max(self.now, t_ms)

    def between(self, start: int, end: int) -> list[Bar]:
        """One-minute bars with ``start`` <= open time < ``end``."""
        low = bisect.bisect_left(self.bars, start, key=_open)
        high = bisect.bisect_left(self.bars, end, key=_open)
        return self.bars[low:high]

    def running(self, interval: str) -> Bar | None:
        """The interval's bar that is not over yet."""
        start = bucket(self.now, interval)
        return merge(start, self.between(start, start + 32 * DAY))

    def page(self, interval: str, start: int | None, end: int | None, limit: int, *, running: bool) -> list[Bar]:
        """The latest ``limit`` bars that open in [start, end], newest first; without the running one unless asked."""
        if not self.bars:
            return []
        at = bucket(min(end if end is not None else self.now, self.now), interval)
        if not running and bucket_end(at, interval) > self.now:
            at = bucket(at - 1, interval)
        first = max(self.bars[0].t, start if start is not None else self.bars[0].t)
        rows: list[Bar] = []
        while len(rows) < limit and at >= bucket(first, interval) and (start is None or at >= start):
            bar = merge(at, self.between(at, bucket_end(at, interval)))
            if bar is not None:
                rows.append(bar)
            at = bucket(at - 1, interval)
        return rows


def merge(start: int, bars: list[Bar]) -> Bar | None:
    """Several bars as one that opens at ``start``."""
    if not bars:
        return None
    return Bar(
        start,
        bars[0].o,
        max(b.h for b in bars),
        min(b.l for b in bars),
        bars[-1].c,
        sum(b.base for b in bars),
        sum(b.quote for b in bars),
    )


def _bar(candle: Candle) -> Bar:
    c = candle
    typical = (c.open + c.high + c.low + c.close) / 4
    return Bar(c.open_time // 1_000_000, c.open, c.high, c.low, c.close, c.volume, c.volume * typical)


def _open(bar: Bar) -> int:
    return bar.t
