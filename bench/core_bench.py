"""Microseconds that the core takes for an event: ``python -m bench core``.

A trader with the three strategies, an open position with its stop, five working orders and 1,000 rejections is given quotes,
marks, clock ticks and closed candles. Mean of the best run and its 99th percentile; goals: 20 µs a quote, 100 µs a closed
candle. The cost of four times as many events is that of the first ones times four, or above 4.4 it grows with history.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import quantiles

from bench.table import Row
from engine.core.trader import Trader
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Fill, Stop
from engine.strategies.registry import build

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "core"))

from desk import INSTRUMENT, SECOND, SYMBOL, T0, profile

GOALS = {"BookTick": 20.0, "MarkTick": 20.0, "Clock": 100.0, "CandleTick": 100.0}
GROWTH = 4.4
ZERO = Decimal(0)


def busy() -> Trader:
    """A trader in the middle of a session."""
    trader = Trader(profile(), {SYMBOL: [build(name, {}) for name in ("ma_cross", "ribbon", "sweep")]})
    step = trader.step
    step(ev.SessionStarted(T0, "s", "bench", "DEMO", "sim", "0", ev.SCHEMA, "{}", "tag"))
    step(ev.InstrumentListed(T0, INSTRUMENT))
    step(ev.AccountReport(T0, "USDT", Decimal(10_000), Decimal(10_000), ZERO, ZERO))
    for link in ("rest", "public", "private"):
        step(ev.LinkReport(T0, link, "up", 1.0))
    step(ev.SnapshotTaken(T0, "start", True))
    step(quote(T0, 60_000.0))
    step(mark(T0, 60_000.0))
    step(ev.CandlesLoaded(T0, SYMBOL, candles(720)))
    step(ev.FillReport(T0, Fill(T0, SYMBOL, "t", "v", "", "BUY", Decimal("0.1"), Decimal(60_000), ZERO, False)))
    step(ev.StopReport(T0, Stop("s", SYMBOL, None, Decimal(50_000), None, T0), "NEW"))
    for n in range(5):
        price = Decimal(59_000 - n)
        step(
            ev.OrderReport(
                T0, "", f"v{n}", SYMBOL, "ACCEPTED", ZERO, source="snapshot", side="BUY", qty=Decimal("0.01"), price=price
            )
        )  # fmt: skip
    for n in range(1_000):
        no = ev.Refused(
            T0, "cooldown", "60 s", f"{n} s", "too soon", "", SYMBOL, "BUY", Decimal("0.1"), None, "sweep", "risk"
        )
        trader.decide(no)
    return trader


def candles(count: int, start: int = -720) -> list[Candle]:
    chance, price, rows = random.Random(7), 60_000.0, []
    for n in range(count):
        close = round(60_000.0 + (price - 60_000.0) * 0.99 + chance.gauss(0, 30), 1)
        high, low = max(price, close) + abs(chance.gauss(0, 10)), min(price, close) - abs(chance.gauss(0, 10))
        rows.append(Candle(T0 + (start + n) * MINUTE_NS, price, high, low, close, chance.lognormvariate(2, 1)))
        price = close
    return rows


def quote(t: int, mid: float) -> ev.BookTick:
    bids = [(mid - 0.1 - i, 2.0) for i in range(5)]
    asks = [(mid + 0.1 + i, 2.0) for i in range(5)]
    return ev.BookTick(t, SYMBOL, bids, asks, t)


def mark(t: int, price: float) -> ev.MarkTick:
    return ev.MarkTick(t, SYMBOL, price, price, 0.0001, t + 3600 * SECOND, t)


def quotes(count: int) -> list[ev.Event]:
    return [quote(T0 + n * 1_000_000, 60_000.0 + n % 50) for n in range(count)]


def marks(count: int) -> list[ev.Event]:
    return [mark(T0 + n * 1_000_000, 60_000.0 + n % 50) for n in range(count)]


def clocks(count: int) -> list[ev.Event]:
    return [ev.Clock(T0 + n * SECOND) for n in range(count)]


def bars(count: int) -> list[ev.Event]:
    return [ev.CandleTick(T0 + n * SECOND, SYMBOL, c, True) for n, c in enumerate(candles(count, 0))]


KINDS: dict[str, Callable[[int], list[ev.Event]]] = {
    "BookTick": quotes,
    "MarkTick": marks,
    "Clock": clocks,
    "CandleTick": bars,
}


def drive(make: Callable[[int], list[ev.Event]], count: int) -> list[float]:
    """Microseconds of each event."""
    trader, events, spent = busy(), make(count), []
    step, now = trader.step, time.perf_counter_ns
    gc.collect()
    gc.freeze()
    for event in events:
        start = now()
        step(event)
        spent.append((now() - start) / 1000)
    gc.unfreeze()
    return spent


def rows(events: int = 4_000, runs: int = 3) -> list[Row]:
    made = []
    for name, make in KINDS.items():
        best = min((drive(make, events) for _ in range(runs)), key=sum)
        longer = [drive(make, 4 * events) for _ in range(runs)]
        growth = min(sum(run) / sum(run[:events]) for run in longer)
        made.append(
            Row(f"core, {name}", "µs", sum(best) / len(best), quantiles(best, n=100)[98], GOALS[name], n=events)
        )
        made.append(Row("  four times as many, times the cost", "×", growth, goal=GROWTH))
    return made
