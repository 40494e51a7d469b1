"""One-minute bars → any coarser bar, and exponential averages; both incremental: a tick costs the same after a day."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from engine.model.market import MINUTE_NS, Candle

LIMIT = 1e15
"""Larger prices or volumes are a broken feed; NaN and infinities fail the same comparison."""


def sane(value: float | None) -> bool:
    """Whether it is a finite number of a believable size."""
    return value is not None and -LIMIT < value < LIMIT


def usable(c: Candle) -> bool:
    """Whether every number of the bar is."""
    return sane(c.open) and sane(c.high) and sane(c.low) and sane(c.close) and sane(c.volume)


class Ema:
    """Exponential moving average of closes, α = 2/(n+1), seeded with the simple mean of the first n.

    ``values[j]`` belongs to bar ``j + n - 1``; there is none for earlier bars.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.alpha = 2.0 / (n + 1)
        self.values: list[float] = []

    def at(self, bar: int) -> float | None:
        j = bar - self.n + 1
        return self.values[j] if 0 <= j < len(self.values) else None

    def follow(self, bars: list[Candle], since: int) -> None:
        """Recompute for ``bars[since:]``; everything before is unchanged."""
        values, n, alpha = self.values, self.n, self.alpha
        del values[max(0, since - n + 1) :]
        for i in range(max(since, n - 1), len(bars)):
            if values:
                values.append(values[-1] + alpha * (bars[i].close - values[-1]))
            else:
                values.append(sum(b.close for b in bars[:n]) / n)


class Series:
    """Bars of ``minutes`` on the UTC grid, kept in step with a list of finer bars.

    ``ends[i]`` is the index, in all the finer bars read so far, of the last one inside bar ``i``. History that slides
    out of the source is kept. Unusable source bars are skipped.
    """

    def __init__(self, minutes: int, averages: Sequence[int] = ()) -> None:
        self.span = minutes * MINUTE_NS
        self.emas = tuple(Ema(n) for n in averages)
        self._forget()

    def _forget(self) -> None:
        self.bars: list[Candle] = []
        self.ends: list[int] = []
        self._times: list[int] = []
        self._settled: tuple[float, float] | None = None
        self._base: Candle | None = None
        for ema in self.emas:
            ema.values.clear()

    def update(self, source: Sequence[Candle]) -> None:
        """Read what is new in ``source``: the amended last bar and those after it."""
        start = self._resume(source)
        if start is None:
            self._forget()
            start = 0
        first = max(0, len(self.bars) - 1)
        for i in range(start, len(source)):
            candle = source[i]
            if not usable(candle):
                continue
            if not self._times or candle.open_time > self._times[-1]:
                self._push(candle)
            elif candle.open_time == self._times[-1]:
                self._amend(candle)
        for ema in self.emas:
            ema.follow(self.bars, first)
        last = source[-2] if len(source) > 1 else None
        self._settled = (last.close, last.volume) if last is not None else None

    def _resume(self, source: Sequence[Candle]) -> int | None:
        """Where to go on reading, or None when the source is another history than the one read so far."""
        times = self._times
        if not times or not source:
            return None
        at = bisect_left(source, times[-1], key=lambda c: c.open_time)
        if at == len(source) or source[at].open_time != times[-1]:
            return None
        gone = bisect_left(times, source[0].open_time)
        if gone == len(times) or times[gone] != source[0].open_time or at != len(times) - 1 - gone:
            return None
        if at > 0 and self._settled is not None and (source[at - 1].close, source[at - 1].volume) != self._settled:
            return None
        return at

    def _push(self, c: Candle) -> None:
        bucket = c.open_time // self.span * self.span
        if self.bars and self.bars[-1].open_time == bucket:
            self._base = self.bars[-1]
            self.bars[-1] = merged(self._base, c)
            self.ends[-1] = len(self._times)
        else:
            self._base = None
            self.bars.append(rebased(bucket, c))
            self.ends.append(len(self._times))
        self._times.append(c.open_time)

    def _amend(self, c: Candle) -> None:
        self.bars[-1] = merged(self._base, c) if self._base is not None else rebased(self.bars[-1].open_time, c)


class Shown:
    """The bars of one timeframe and zoom, with the averages of that timeframe (not of the zoom's merged bars)."""

    def __init__(self, fine: Series, coarse: Series | None) -> None:
        self.bars = (coarse or fine).bars
        self._fine = fine
        self._ends = coarse.ends if coarse is not None else None

    @property
    def periods(self) -> tuple[int, ...]:
        return tuple(ema.n for ema in self._fine.emas)

    def average(self, which: int, bar: int) -> float | None:
        ema = self._fine.emas[which]
        return ema.at(self._ends[bar] if self._ends is not None else bar)


class Feed:
    """One symbol's minutes, read into whatever timeframes have been looked at."""

    def __init__(self, averages: Sequence[int] = (20, 50)) -> None:
        self._averages = averages
        self._fine: dict[int, Series] = {}
        self._coarse: dict[tuple[int, int], Series] = {}

    def read(self, minutes: Sequence[Candle], timeframe: int, merge: int) -> Shown:
        """Bars of ``timeframe`` minutes, ``merge`` of them to one."""
        fine = self._fine.setdefault(timeframe, Series(timeframe, self._averages))
        fine.update(minutes)
        if merge == 1:
            return Shown(fine, None)
        coarse = self._coarse.setdefault((timeframe, merge), Series(timeframe * merge))
        coarse.update(fine.bars)
        return Shown(fine, coarse)


def rebased(open_time: int, c: Candle) -> Candle:
    """A copy that opens at ``open_time``, with high and low that enclose open and close, and no negative volume."""
    high, low = max(c.high, c.open, c.close), min(c.low, c.open, c.close)
    return Candle(open_time, c.open, high, low, c.close, max(c.volume, 0.0))


def merged(a: Candle, b: Candle) -> Candle:
    """``a`` continued by the later bar ``b``."""
    high, low = max(a.high, b.high, b.open, b.close), min(a.low, b.low, b.open, b.close)
    return Candle(a.open_time, a.open, high, low, b.close, a.volume + max(b.volume, 0.0))
