"""Indicators that take one closed candle at a time, in constant time and memory.

``push`` takes a candle or a value; a result that is read before there is enough history is NaN, None or False. Running
sums are summed afresh now and then, so they do not drift; sums that are seldom read are exact (``math.fsum`` over a
short, fixed window) and made when read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import fsum, nan
from typing import Literal

from engine.model.market import Candle

ATR_LENGTH = 14
CVD_WARM_UP = 20
DIVERGENCE_LENGTH = 5
EQUAL_LENGTH, EQUAL_BAND = 12, 0.0008
LOW_VOLATILITY, HIGH_VOLATILITY = 0.002, 0.006
REBASE = 256
"""Steps between fresh sums: 256 steps put at most 256 ulp into a running sum, some 5e-14 of it."""
SAME = 1e-12
"""Relative difference up to which two sums are equal: far over their noise, far under one tick in a long window."""
SWING_LENGTH = 40
VWAP_LENGTH = 60

TrendName = Literal["UP", "DOWN", "CHOP"]
Regime = Literal["low", "normal", "high"]


class SMA:
    """Simple mean of the last ``n`` values. ``total`` is their running sum (prices: values of like size)."""

    __slots__ = ("_left", "_window", "n", "ready", "total")

    def __init__(self, n: int) -> None:
        self.n = n
        self.ready = False
        self.total = 0.0
        self._left = n
        self._window = deque([0.0] * n, maxlen=n)

    def push(self, value: float) -> None:
        window = self._window
        self.total += value - window[0]
        window.append(value)
        self._left -= 1
        if not self._left:
            self.ready = True
            self._left = REBASE
            self.total = fsum(window)

    @property
    def value(self) -> float:
        return self.total / self.n if self.ready else nan


class SMACross:
    """Which of two simple means of the same values is higher: of the last ``fast_n`` or of the last ``slow_n`` (longer).

    ``long`` is True while ``fast`` > ``slow``, from value ``slow_n`` + 1 on; None before. Equal means keep it: means that
    differ by no more than float noise (``SAME``) are equal, since two means of the same decimals seldom round alike.
    """

    __slots__ = ("_back", "_fast_share", "_left", "_slow_share", "_window", "fast", "long", "slow")

    def __init__(self, fast_n: int, slow_n: int) -> None:
        self.fast = self.slow = nan  # stays NaN, and comparisons false, until the window is full
        self.long: bool | None = None
        self._fast_share = 1 / fast_n
        self._slow_share = 1 / slow_n
        self._back = -fast_n
        self._left = slow_n
        self._window = deque([0.0] * slow_n, maxlen=slow_n)

    def push(self, value: float) -> None:
        window = self._window
        self.fast = fast = self.fast + (value - window[self._back]) * self._fast_share
        self.slow = slow = self.slow + (value - window[0]) * self._slow_share
        window.append(value)
        gap, noise = fast - slow, slow * SAME
        if gap > noise:
            self.long = True
        elif gap < -noise:
            self.long = False
        self._left -= 1
        if not self._left:
            self._rebase()

    def _rebase(self) -> None:
        self._left = REBASE
        values = list(self._window)
        self.fast = fsum(values[self._back :]) / -self._back
        self.slow = fsum(values) / len(values)


class EMA:
    """Exponential mean with weight 2 / (n + 1), seeded with the simple mean of the first ``n`` values."""

    __slots__ = ("_alpha", "_seed", "n", "ready", "value")

    def __init__(self, n: int) -> None:
        self.n = n
        self.ready = False
        self.value = nan
        self._alpha = 2.0 / (n + 1)
        self._seed: list[float] = []

    def push(self, value: float) -> None:
        if self.ready:
            self.value += self._alpha * (value - self.value)
            return
        self._seed.append(value)
        if len(self._seed) == self.n:
            self.ready = True
            self.value = fsum(self._seed) / self.n
            self._seed.clear()


class ATR:
    """Simple mean of the last ``n`` true ranges. The first candle's true range is its high − low."""

    __slots__ = ("_close", "_ranges", "n")

    def __init__(self, n: int = ATR_LENGTH) -> None:
        self.n = n
        self._close: float | None = None
        self._ranges: deque[float] = deque(maxlen=n)

    def push(self, candle: Candle) -> None:
        self._ranges.append(true_range(candle, self._close))
        self._close = candle.close

    @property
    def ready(self) -> bool:
        return len(self._ranges) == self.n

    @property
    def value(self) -> float:
        return fsum(self._ranges) / self.n if self.ready else nan


def true_range(candle: Candle, close_before: float | None) -> float:
    """High − low, stretched to the close before, if any."""
    high, low = candle.high, candle.low
    if close_before is None:
        return high - low
    return (high if high > close_before else close_before) - (low if low < close_before else close_before)


def mean_true_range(candles: Sequence[Candle]) -> float:
    """Mean true range of all ``candles`` but the first, which only lends its close: ATR14 of the last 15."""
    ranges, before = [], nan
    for candle in candles:
        high, low = candle.high, candle.low
        ranges.append((high if high > before else before) - (low if low < before else before))
        before = candle.close
    return fsum(ranges[1:]) / (len(ranges) - 1)


class Extremes:
    """Highest high and lowest low of the last ``n`` candles: the swing high and low for 40."""

    __slots__ = ("_at", "_highs", "_lows", "n")

    def __init__(self, n: int = SWING_LENGTH) -> None:
        self.n = n
        self._at = 0
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()

    def push(self, candle: Candle) -> None:
        high, low = candle.high, candle.low
        highs, lows = self._highs, self._lows
        at = self._at = self._at + 1
        while highs and highs[-1][1] <= high:
            highs.pop()
        highs.append((at, high))
        while lows and lows[-1][1] >= low:
            lows.pop()
        lows.append((at, low))
        gone = at - self.n
        if highs[0][0] <= gone:
            highs.popleft()
        if lows[0][0] <= gone:
            lows.popleft()

    @property
    def ready(self) -> bool:
        return self._at >= self.n

    @property
    def high(self) -> float:
        return self._highs[0][1] if self._highs else nan

    @property
    def low(self) -> float:
        return self._lows[0][1] if self._lows else nan


class EqualLevel:
    """Equal highs (push highs) or lows (push lows): the last and at least one of the 11 before it within 0.08 %."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=EQUAL_LENGTH)

    def push(self, value: float) -> None:
        self._values.append(value)

    @property
    def ready(self) -> bool:
        return len(self._values) == EQUAL_LENGTH

    @property
    def level(self) -> float | None:
        """Mean of the cluster around the last value; None if it stands alone."""
        if not self.ready:
            return None
        last = self._values[-1]
        cluster = [value for value in self._values if abs(value - last) <= EQUAL_BAND * last]
        return fsum(cluster) / len(cluster) if len(cluster) > 1 else None


class CVD:
    """Cumulative volume delta, estimated from where in its range each candle closed; needs 20 candles."""

    __slots__ = ("_last", "_seen", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._seen = 0
        self._last: deque[tuple[float, float, float]] = deque(maxlen=DIVERGENCE_LENGTH)

    def push(self, candle: Candle) -> None:
        high, low, close = candle.high, candle.low, candle.close
        if high > low:
            self.value += candle.volume * ((close - low) - (high - close)) / (high - low)
        self._seen += 1
        self._last.append((high, low, self.value))

    @property
    def ready(self) -> bool:
        return self._seen >= CVD_WARM_UP

    @property
    def bullish(self) -> bool:
        """Last low under the lowest of the four before, last CVD over the lowest CVD of those four."""
        if not self.ready:
            return False
        *before, (_, low, cvd) = self._last
        return low < min(b[1] for b in before) and cvd > min(b[2] for b in before)

    @property
    def bearish(self) -> bool:
        """Last high over the highest of the four before, last CVD under the highest CVD of those four."""
        if not self.ready:
            return False
        *before, (high, _, cvd) = self._last
        return high > max(b[0] for b in before) and cvd < max(b[2] for b in before)


class VWAP:
    """Typical price (high + low + close) / 3 of the last ``n`` candles, weighted by volume; NaN if none traded."""

    __slots__ = ("_money", "_volume", "n")

    def __init__(self, n: int = VWAP_LENGTH) -> None:
        self.n = n
        self._money: deque[float] = deque(maxlen=n)
        self._volume: deque[float] = deque(maxlen=n)

    def push(self, candle: Candle) -> None:
        volume = candle.volume
        self._money.append((candle.high + candle.low + candle.close) / 3.0 * volume)
        self._volume.append(volume)

    @property
    def ready(self) -> bool:
        return len(self._volume) == self.n

    @property
    def value(self) -> float:
        if not self.ready:
            return nan
        volume = fsum(self._volume)
        return fsum(self._money) / volume if volume else nan


class Trend:
    """UP if close > EMA20 > EMA50, DOWN if close < EMA20 < EMA50, else CHOP; None before 50 closes."""

    __slots__ = ("ema20", "ema50", "name")

    def __init__(self) -> None:
        self.ema20 = EMA(20)
        self.ema50 = EMA(50)
        self.name: TrendName | None = None

    def push(self, close: float) -> None:
        self.ema20.push(close)
        self.ema50.push(close)
        if not self.ema50.ready:
            return
        fast, slow = self.ema20.value, self.ema50.value
        if close > fast > slow:
            self.name = "UP"
        elif close < fast < slow:
            self.name = "DOWN"
        else:
            self.name = "CHOP"

    @property
    def ready(self) -> bool:
        return self.name is not None


def volatility_regime(atr: float, price: float) -> Regime:
    """By ATR / price: under 0.2 % low, over 0.6 % high."""
    ratio = atr / price
    if ratio < LOW_VOLATILITY:
        return "low"
    return "high" if ratio > HIGH_VOLATILITY else "normal"
