"""``sweep``: price runs over a recent high or low, comes back, and we go with the return.

The window is the ``lookback`` candles before the last closed one. At each closed candle without a position or a pending
entry:

- swept HIGH (looked at first): high above the window's highest high and close back below it → SHORT.
  Swept LOW: low below the window's lowest low and close back above it → LONG. A close exactly at the level is no sweep;
- direction: no LONG while EMA9 < EMA20, no SHORT while EMA9 > EMA20;
- ``trend`` "chop": only in CHOP, where ``ribbon`` has no setup; "any": always;
- the candle's volume ≥ ``volume_factor`` × the mean of the last 20 candles (itself included);
- ``cvd`` "required": a CVD divergence of the same direction;
- market entry at about the close; stop = level ∓ ``stop_atr`` × ATR14; target = VWAP60, which must lie on the profit
  side of the close, else there is no trade; reward / risk from the close ≥ ``min_rr``;
- ``cooldown_bars`` since the last exit; an entry that still waits after ``expires_bars`` is cancelled.
"""

from __future__ import annotations

from collections import deque
from math import fsum
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from engine.model.market import Candle
from engine.model.orders import Intent, Side
from engine.strategies.base import Strategy, View
from engine.strategies.funding import SIZE, FundingParams, Gate, funding_gate, hold
from engine.strategies.indicators import ATR, CVD, EMA, VWAP, VWAP_LENGTH, Extremes, Trend

VOLUME_LENGTH = 20


class SweepParams(FundingParams, frozen=True):
    """``size_factor`` scales the profile's risk per trade: 0.5 under a profile of 1 % risks 0.5 %."""

    lookback: Annotated[int, Meta(ge=2, le=500)] = 10
    stop_atr: Annotated[float, Meta(gt=0, le=20)] = 0.5
    volume_factor: Annotated[float, Meta(ge=0, le=10)] = 0.5
    cvd: Literal["off", "required"] = "off"
    trend: Literal["any", "chop"] = "chop"
    min_rr: Annotated[float, Meta(ge=0, le=50)] = 1.5
    size_factor: Annotated[float, Meta(gt=0, le=1)] = 1.0
    cooldown_bars: Annotated[int, Meta(ge=0, le=1440)] = 5
    expires_bars: Annotated[int, Meta(ge=1, le=1440)] = 24


class Swept(NamedTuple):
    """A level that was run over and reclaimed. ``sign`` is that of the trade: 1 LONG, −1 SHORT."""

    name: str
    level: float
    side: Side
    sign: float


class Sweep(Strategy[SweepParams]):
    """Market entry after a sweep and reclaim; the module's doc string is the rule."""

    name = "sweep"
    params_type = SweepParams

    def __init__(self, params: SweepParams) -> None:
        super().__init__(params)
        self._seen = 0
        self._needed = max(VWAP_LENGTH, params.lookback + 1)
        self._window = Extremes(params.lookback)
        self._top = self._bottom = 0.0
        self._ema9 = EMA(9)
        self._trend = Trend()
        self._atr = ATR()
        self._cvd = CVD()
        self._vwap = VWAP()
        self._volumes: deque[float] = deque(maxlen=VOLUME_LENGTH)

    def observe(self, candle: Candle) -> None:
        self._seen += 1
        window = self._window
        self._top, self._bottom = window.high, window.low
        window.push(candle)
        self._ema9.push(candle.close)
        self._trend.push(candle.close)
        self._atr.push(candle)
        self._cvd.push(candle)
        self._vwap.push(candle)
        self._volumes.append(candle.volume)

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        gate = funding_gate(view.funding_rate, self.params)
        if view.position is not None and not view.flat:
            return hold(self, view, view.position, gate)
        if view.pending:
            return self.wait(view, "an entry is pending")
        if self._seen < self._needed:
            return self.wait(view, "warming up: {} of {} candles", self._seen, self._needed)
        swept = self._swept(candle)
        if swept is None:
            return self._no_sweep(candle, view)
        if not (self._agrees(candle, view, swept) and self._may_trade(view, gate, swept)):
            return []
        return self._enter(candle, view, swept, SIZE[gate])

    def _swept(self, candle: Candle) -> Swept | None:
        if candle.high > self._top > candle.close:
            return Swept("HIGH", self._top, "SELL", -1.0)
        if candle.low < self._bottom < candle.close:
            return Swept("LOW", self._bottom, "BUY", 1.0)
        return None

    def _no_sweep(self, candle: Candle, view: View) -> list[Intent]:
        high, low, close, top, bottom = candle.high, candle.low, candle.close, self._top, self._bottom
        if high > top:
            return self.wait(view, "no sweep: high {:p} over {:p}, but close {:p} not back under it", high, top, close)
        if low < bottom:
            return self.wait(view, "no sweep: low {:p} under {:p}, but close {:p} not back over it", low, bottom, close)
        return self.wait(view, "no sweep: high {:p} not over {:p}, low {:p} not under {:p}", high, top, low, bottom)

    def _agrees(self, candle: Candle, view: View, swept: Swept) -> bool:
        """Direction, trend, volume and CVD are for the trade; else ``because`` says which is not."""
        params, fast, slow = self.params, self._ema9.value, self._trend.ema20.value
        if (fast - slow) * swept.sign < 0:
            word = "under" if swept.sign > 0 else "over"
            return self._refuse(view, swept, "EMA9 {:p} is {} EMA20 {:p}", fast, word, slow)
        if params.trend == "chop" and self._trend.name != "CHOP":
            return self._refuse(view, swept, "the trend is {}", self._trend.name)
        mean = fsum(self._volumes) / VOLUME_LENGTH
        if candle.volume < params.volume_factor * mean:
            text = "volume {:.3f} is under {} of the mean {:.3f}"
            return self._refuse(view, swept, text, candle.volume, params.volume_factor, mean)
        if params.cvd == "required" and not (self._cvd.bullish if swept.sign > 0 else self._cvd.bearish):
            return self._refuse(view, swept, "there is no CVD divergence")
        return True

    def _may_trade(self, view: View, gate: Gate, swept: Swept) -> bool:
        """Cooldown and funding allow an entry now; else ``because`` says which does not."""
        bars, cooldown = view.bars_since_exit, self.params.cooldown_bars
        if bars is not None and bars < cooldown:
            return self._refuse(view, swept, "cooling down: {} of {} bars since the last exit", bars, cooldown)
        return SIZE[gate] > 0 or self._refuse(view, swept, "funding is {:.4%}", view.funding_rate)

    def _enter(self, candle: Candle, view: View, swept: Swept, size: float) -> list[Intent]:
        params, sign, close, target = self.params, swept.sign, candle.close, self._vwap.value
        stop = swept.level - sign * params.stop_atr * self._atr.value
        reward, risk = (target - close) * sign, (close - stop) * sign
        if not reward > 0:  # also where nothing was traded: VWAP is NaN
            self._refuse(view, swept, "VWAP60 {:p} is not on the profit side of {:p}", target, close)
            return []
        if reward < params.min_rr * risk:
            self._refuse(view, swept, "reward/risk {:.2f} is under {}", reward / risk, params.min_rr)
            return []
        text = "swept {} {:p}, close {:p}: stop {:p}, target {:p}, reward/risk {:.2f}"
        self.because = (view.instrument, text, swept.name, swept.level, close, stop, target, reward / risk)
        entry = Intent(
            side=swept.side,
            stop=stop,
            target=target,
            size_factor=size * params.size_factor,
            expires_bars=params.expires_bars,
            why=self.why,
        )
        return [entry]

    def _refuse(self, view: View, swept: Swept, template: str, *values: object) -> bool:
        """False, because of ``template``."""
        self.because = (view.instrument, f"swept {{}} {{:p}}, but {template}", swept.name, swept.level, *values)
        return False
