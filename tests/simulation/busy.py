"""A strategy for busy worlds: what it wants follows from the candle alone, and it wants something at every second one."""

from __future__ import annotations

from decimal import Decimal
from zlib import crc32

from engine.model.market import Candle
from engine.model.orders import Intent, Side
from engine.strategies.base import Params, Strategy, View, leave

QTY = (Decimal("0.01"), Decimal("0.05"), Decimal("0.2"), Decimal("0.5"))


class BusyParams(Params, frozen=True):
    odds: int = 2
    """It acts at one of so many candles."""


class Busy(Strategy[BusyParams]):
    name = "busy"
    params_type = BusyParams

    def observe(self, candle: Candle) -> None:
        self._draw = crc32(f"{candle.open_time} {candle.close}".encode())

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        draw, odds = self._draw, self.params.odds
        if draw % odds:
            return self.wait(view, "not this candle")
        pick = draw // odds
        self.why = "this candle"
        if not view.flat and view.position is not None:
            return [leave(view.position, "enough")] if pick % 4 == 0 else []
        if view.pending:
            return []
        side: Side = "BUY" if pick % 2 else "SELL"
        way, price = (1 if side == "BUY" else -1), candle.close
        width = price * (0.0006 + (pick // 2 % 8) * 0.0004)
        limit = price - way * price * ((pick // 16 % 7) - 1) * 0.0001
        kind = pick // 128 % 3
        return [
            Intent(
                side=side,
                kind="MARKET" if kind == 0 else "LIMIT",
                price=None if kind == 0 else limit,
                stop=price - way * width,
                target=price + way * width * 2,
                qty=QTY[pick // 512 % 4],
                expires_bars=2 + pick // 2048 % 3,
                why="a busy world",
            )
        ]
