"""``ribbon``: buy the pullback to EMA20 in an uptrend, sell it in a downtrend.

LONG (SHORT is the mirror image), at each closed candle without a position or a pending entry:

- trend UP: EMA20 > EMA50 and close > EMA20, for at least ``trend_bars`` candles without a break;
- the band is EMA20 ± ``band_pct``: the candle's low has not gone through its lower edge (low ≥ EMA20 × (1 − 0.1 %)). A
  candle in the band or above it is a pullback that has come or may come; one that pierced the band and came back is a
  break, and gives no setup;
- ATR14 / close ≥ ``min_atr_pct``: in a dead market the stop would be narrower than the spread;
- limit at EMA20, cancelled after ``expires_bars``; stop ``stop_atr`` × ATR14 under the limit; target ``target_r`` ×
  that distance over it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from engine.model.market import Candle
from engine.model.orders import Intent
from engine.strategies.base import Strategy, View
from engine.strategies.funding import SIZE, FundingParams, funding_gate, hold
from engine.strategies.indicators import ATR, Trend

NEEDED = 50
SIGN = {"UP": 1.0, "DOWN": -1.0}


class RibbonParams(FundingParams, frozen=True):
    """Names ending in ``_pct`` are percent of price, ``_atr`` multiples of ATR14, ``_r`` multiples of the risk."""

    band_pct: Annotated[float, Meta(gt=0, le=5)] = 0.1
    stop_atr: Annotated[float, Meta(gt=0, le=20)] = 1.5
    target_r: Annotated[float, Meta(gt=0, le=50)] = 2.0
    trend_bars: Annotated[int, Meta(ge=1, le=1440)] = 1
    min_atr_pct: Annotated[float, Meta(ge=0, le=10)] = 0.01
    expires_bars: Annotated[int, Meta(ge=1, le=1440)] = 24


class Ribbon(Strategy[RibbonParams]):
    """Limit at EMA20 with the trend; the module's doc string is the rule."""

    name = "ribbon"
    params_type = RibbonParams

    def __init__(self, params: RibbonParams) -> None:
        super().__init__(params)
        self._seen = 0
        self._trend = Trend()
        self._lasted = 0
        self._atr = ATR()

    def observe(self, candle: Candle) -> None:
        self._seen += 1
        before = self._trend.name
        self._trend.push(candle.close)
        self._lasted = self._lasted + 1 if self._trend.name == before else 1
        self._atr.push(candle)

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        gate = funding_gate(view.funding_rate, self.params)
        if view.position is not None and not view.flat:
            return hold(self, view, view.position, gate)
        if view.pending:
            return self.wait(view, "an entry is pending")
        if self._seen < NEEDED:
            return self.wait(view, "warming up: {} of {} candles", self._seen, NEEDED)
        if not SIZE[gate]:
            return self.wait(view, "no trade: funding {:.4%}", view.funding_rate)
        return self._setup(candle, view, SIZE[gate])

    def _setup(self, candle: Candle, view: View, size: float) -> list[Intent]:
        params, trend = self.params, self._trend
        close, ema, slow, atr = candle.close, trend.ema20.value, trend.ema50.value, self._atr.value
        sign = SIGN.get(trend.name or "")
        if sign is None:
            return self.wait(view, "no trend: close {:p}, EMA20 {:p}, EMA50 {:p}", close, ema, slow)
        if self._lasted < params.trend_bars:
            return self.wait(view, "trend {} is {} of {} candles old", trend.name, self._lasted, params.trend_bars)
        if atr < params.min_atr_pct / 100 * close:
            return self.wait(view, "no setup: ATR14 is {:.4%} of the price, under {}%", atr / close, params.min_atr_pct)
        edge = ema * (1 - sign * params.band_pct / 100)
        reach = candle.low if sign > 0 else candle.high
        if (reach - edge) * sign < 0:
            return self.wait(view, "no setup: {:p} went through the band around EMA20 {:p} at {:p}", reach, ema, edge)
        risk = params.stop_atr * atr
        text = "trend {}: limit at EMA20 {:p}, close {:p}, ATR14 {:p}"
        self.because = (view.instrument, text, trend.name, ema, close, atr)
        entry = Intent(
            side="BUY" if sign > 0 else "SELL",
            kind="LIMIT",
            price=ema,
            stop=ema - sign * risk,
            target=ema + sign * params.target_r * risk,
            size_factor=size,
            expires_bars=params.expires_bars,
            why=self.why,
        )
        return [entry]
