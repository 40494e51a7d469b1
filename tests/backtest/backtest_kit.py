"""Candles, a profile that lets everything through, and short names for the tests of the simulated venue and the runner."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.settings import Profile
from engine.ops.config import load

SYMBOL = "BTCUSDT"
T0 = 1_700_006_400_000_000_000
"""2023-11-15 00:00:00 UTC."""
FREE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0,
    "risk.orders_per_minute": 1_000_000,
    "risk.require_stop": False,
    "risk.cooldown_s": 0.0,
    "trading.naked_grace_s": 1e9,
    "trading.on_quit": "leave",
}
"""No limit of frequency and no need of a stop: what the comparison job of other engines knows."""
COINS = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    step=Decimal("0.0001"),
    min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(120),
    min_notional=Decimal(0),
    max_leverage=125,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
)


def rules(**flags: Any) -> Profile:
    """The backtest profile with ``FREE``; keyword ``risk__max_leverage`` stands for ``risk.max_leverage``."""
    return load("backtest", flags={**FREE, **{name.replace("__", "."): value for name, value in flags.items()}}).profile


def candle(row: int, open_: float, high: float, low: float, close: float, volume: float = 10.0) -> Candle:
    return Candle(T0 + row * MINUTE_NS, open_, high, low, close, volume)


def flat(row: int, price: float, volume: float = 10.0) -> Candle:
    return candle(row, price, price, price, price, volume)


def walk(count: int, seed: int, *, sigma: float = 0.0008, odd: bool = False, start: float = 42_000.0) -> list[Candle]:
    """A seeded walk in whole cents, opens a little off the close before; ``odd`` adds gaps and bars without volume."""
    chance, close, rows, row = random.Random(seed), start, [], 0
    for _ in range(count):
        open_ = round(close + chance.randint(-50, 50) / 100, 2)
        close = round(close * (1 + chance.gauss(0, sigma)), 2)
        high = round(max(open_, close) + abs(chance.gauss(0, 12)), 2)
        low = round(min(open_, close) - abs(chance.gauss(0, 12)), 2)
        volume = 0.0 if odd and chance.random() < 0.003 else round(chance.lognormvariate(2, 1), 6)
        rows.append(candle(row, open_, high, low, close, volume))
        row += 1 if not odd or chance.random() > 0.002 else chance.randint(2, 40)
    return rows
