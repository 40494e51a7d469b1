"""Microseconds per closed candle of each strategy: observe + decide, and with the sentence read as the cockpit does.

    python -m bench strategies

Bars are a seeded random walk. Best of the runs; the position follows the intents at once, so that ``ma_cross`` always holds one.
"""

from __future__ import annotations

import gc
import random
import time
from decimal import Decimal
from typing import Any

from bench.table import Row
from engine.model.market import Candle, Instrument
from engine.model.orders import Position, sign
from engine.strategies.base import Strategy, View
from engine.strategies.registry import build

TICK, STEP = Decimal("0.1"), Decimal("0.0001")
BTC = Instrument("BTCUSDT", "BTC", "USDT", TICK, STEP, STEP, STEP, STEP, STEP, 100, STEP, STEP)
JOBS: list[tuple[str, str, dict[str, Any]]] = [
    ("ma_cross", "ma_cross", {}),
    ("ma_cross 300/900", "ma_cross", {"fast": 300, "slow": 900}),
    ("ribbon", "ribbon", {}),
    ("sweep", "sweep", {}),
    ("sweep, CVD", "sweep", {"cvd": "required"}),
]


def walk(bars: int) -> list[Candle]:
    chance, price, candles = random.Random(7), 42_000.0, []
    for i in range(bars):
        close = round(price * (1 + chance.gauss(0, 0.0008)), 1)
        high = round(max(price, close) + abs(chance.gauss(0, 12)), 1)
        low = round(min(price, close) - abs(chance.gauss(0, 12)), 1)
        candles.append(Candle(i * 60_000_000_000, price, high, low, close, chance.lognormvariate(2, 1)))
        price = close
    return candles


def drive(strategy: Strategy[Any], candles: list[Candle], follow: bool, read: bool) -> tuple[float, int]:
    """Seconds for all candles, and the number of intents."""
    view, intents = View(BTC), 0
    position = Position(symbol=BTC.symbol)
    observe, decide = strategy.observe, strategy.decide
    started = time.perf_counter()
    for candle in candles:
        observe(candle)
        for intent in decide(candle, view):
            intents += 1
            if follow and intent.role == "entry":
                position.qty = sign(intent.side) * STEP
                view.position = position
        if read:
            str(strategy.why)
    return time.perf_counter() - started, intents


def rows(bars: int = 50_000, runs: int = 3) -> list[Row]:
    candles = walk(bars)
    gc.collect()
    gc.freeze()
    made = []
    for label, name, params in JOBS:
        for words, read in (("", False), (", with its sentence", True)):
            spent = [drive(build(name, params), candles, name == "ma_cross", read)[0] for _ in range(runs)]
            made.append(Row(f"strategy {label}, a closed candle{words}", "µs", min(spent) / bars * 1e6))
    gc.unfreeze()
    return made
