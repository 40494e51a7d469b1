"""``ma_cross``: a moving-average cross, always in the market. The template: copy this file, change what you like.

The rule: while the simple mean of the last ``fast`` closes is above that of the last ``slow`` closes, be long
``quantity``; while it is below, be short. When the two are equal, keep the side.

How a strategy is made:

1. **Parameters** are a ``Params`` struct. Each field has a type, a range and a default; a parameter file
   (``config/strategies``) that breaks one is refused at start with the field's name.
2. **``observe``** takes in every closed candle, history included. All memory is kept here, and only here: so a strategy
   that was warmed up on history continues exactly as one that ran all along.
3. **``decide``** comes after ``observe`` for each live candle. It looks at the memory and at the ``View`` (our
   position, whether an entry is still pending, funding) and returns intents: usually none. It sends nothing; sizing,
   the risk gate and the approval come after it.
4. **``why``**: every way out of ``decide`` leaves a reason: ``self.because`` for intents, ``self.wait`` for none. It is
   formatted only when read, so it costs a backtest next to nothing.

Add the class to ``registry.STRATEGIES`` and give it a parameter file.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from engine.model.market import Candle
from engine.model.orders import ZERO, Intent
from engine.strategies.base import Params, Strategy, View, is_foreign, leave
from engine.strategies.indicators import ATR_LENGTH, SMACross, mean_true_range


class MaCrossParams(Params, frozen=True):
    """``quantity`` is in the base currency. ``stop_atr`` is the stop's distance in ATR14; 0 means no stop."""

    fast: Annotated[int, Meta(ge=1, le=5000)] = 10
    slow: Annotated[int, Meta(ge=2, le=10000)] = 30
    quantity: Decimal = Decimal("0.01")
    stop_atr: Annotated[float, Meta(ge=0, le=100)] = 3.0

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be less than slow, is {self.fast} with slow {self.slow}")
        if not (self.quantity.is_finite() and self.quantity > 0):
            raise ValueError(f"quantity must be over 0, is {self.quantity}")


class MaCross(Strategy[MaCrossParams]):
    """Long while SMA(fast) > SMA(slow), short while it is below; first decision on candle ``slow`` + 1 (the 15th at least).

    A flip is two intents: out of the open position, and into the other side. A stop, or an entry that was refused,
    leaves us flat; the next closed candle then enters again on the side of the averages.
    """

    name = "ma_cross"
    params_type = MaCrossParams

    def __init__(self, params: MaCrossParams) -> None:
        super().__init__(params)
        self._cross = SMACross(params.fast, params.slow)
        self._recent: deque[Candle] = deque(maxlen=ATR_LENGTH + 1)
        self._seen = 0
        self._needed = max(params.slow, ATR_LENGTH) + 1
        means = f"SMA({params.fast}) {{:p}} against SMA({params.slow}) {{:p}}"
        self._keep_long, self._keep_short = f"holding LONG: {means}", f"holding SHORT: {means}"
        self._enter = f"{{}} from {{}}: {means}"

    def observe(self, candle: Candle) -> None:
        self._cross.push(candle.close)
        self._recent.append(candle)
        if self._seen < self._needed:
            self._seen += 1

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        cross, position = self._cross, view.position
        long = cross.long
        if position is not None and (qty := position.qty) and (qty > ZERO) is long:
            keep = self._keep_long if long else self._keep_short
            self.because = (view.instrument, keep, cross.fast, cross.slow)
            return []
        if long is None or self._seen < self._needed:
            return self._not_yet(view)
        if view.pending:
            return self.wait(view, "an entry is pending")
        if position is not None and is_foreign(position, self.name):
            return self.wait(view, "the position belongs to {}", position.strategy)
        return self._turn(candle, view, long)

    def _not_yet(self, view: View) -> list[Intent]:
        if self._seen < self._needed:
            return self.wait(view, "warming up: {} of {} candles", self._seen, self._needed)
        return self.wait(view, "no side yet: the averages are equal")

    def _turn(self, candle: Candle, view: View, long: bool) -> list[Intent]:
        """Out of the open position, if there is one, and into the side of the averages."""
        cross, position = self._cross, None if view.flat else view.position
        side, was = "LONG" if long else "SHORT", "flat" if position is None else "SHORT" if long else "LONG"
        self.because = (view.instrument, self._enter, side, was, cross.fast, cross.slow)
        why = self.why = self.why  # formatted once for both intents and the note
        entry = Intent(side="BUY" if long else "SELL", stop=self._stop(candle, long), qty=self.params.quantity, why=why)
        return [entry] if position is None else [leave(position, why), entry]

    def _stop(self, candle: Candle, long: bool) -> float | None:
        if not self.params.stop_atr:
            return None
        distance = self.params.stop_atr * mean_true_range(self._recent)
        return candle.close - distance if long else candle.close + distance
