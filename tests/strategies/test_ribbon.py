"""The rules of ``ribbon``, each at its boundary, for LONG and for its mirror image SHORT."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.model.market import Candle, Instrument
from engine.model.orders import Intent, Position
from engine.strategies.base import View
from engine.strategies.indicators import EMA
from engine.strategies.registry import build

STEP = Decimal("0.001")
BTC = Instrument("BTCUSDT", "BTC", "USDT", Decimal("0.01"), STEP, STEP, STEP, STEP, STEP, 100, STEP, STEP)
BOTH = pytest.mark.parametrize("short", [False, True], ids=["LONG", "SHORT"])
AXIS = 2048.0


def rising(bars: int = 60, slope: float = 0.5, spread: float = 1.0) -> list[Candle]:
    closes = [1000 + slope * i for i in range(bars)]
    return [Candle(i, close, close + spread, close - spread, close, 1.0) for i, close in enumerate(closes)]


def mirrored(c: Candle) -> Candle:
    return Candle(c.open_time, AXIS - c.open, AXIS - c.low, AXIS - c.high, AXIS - c.close, c.volume)


def run(series: list[Candle], short: bool = False, view: View | None = None, **params: Any) -> tuple[list[Intent], str]:
    strategy = build("ribbon", params)
    for candle in (seen := [mirrored(c) for c in series] if short else series):
        strategy.observe(candle)
    return strategy.decide(seen[-1], view or View(BTC)), strategy.why


def ema20(series: list[Candle]) -> float:
    ema = EMA(20)
    for candle in series:
        ema.push(candle.close)
    return ema.value


@BOTH
def test_a_trend_gives_a_limit_at_ema20_with_stop_and_target(short: bool) -> None:
    (entry,), why = run(rising(), short)
    at, sign = ema20(rising()), -1 if short else 1
    limit = AXIS - at if short else at
    assert (entry.side, entry.kind, entry.expires_bars) == ("SELL" if short else "BUY", "LIMIT", 24)
    assert entry.price == pytest.approx(limit)
    assert entry.stop == pytest.approx(limit - sign * 1.5 * 2.0)
    assert entry.target == pytest.approx(limit + sign * 2 * 1.5 * 2.0)
    assert entry.why == why
    assert why.startswith(f"trend {'DOWN' if short else 'UP'}: limit at EMA20 {limit:,.2f}")


def test_no_trend_no_setup() -> None:
    intents, why = run(rising(slope=0.0))
    assert intents == []
    assert why == "no trend: close 1,000.00, EMA20 1,000.00, EMA50 1,000.00"


@BOTH
@pytest.mark.parametrize(("inside", "count"), [(0.01, 1), (-0.01, 0)])
def test_a_candle_through_the_band_is_no_pullback(short: bool, inside: float, count: int) -> None:
    series = rising()
    last = series[-1]
    reference = AXIS - ema20(series) if short else ema20(series)
    low = (AXIS - reference * 1.001 if short else reference * 0.999) + inside
    series[-1] = Candle(last.open_time, last.open, last.high, low, last.close, 1.0)
    intents, why = run(series, short)
    assert len(intents) == count
    assert count or "went through the band" in why


@BOTH
@pytest.mark.parametrize(("factor", "count"), [(0.999, 1), (1.001, 0)])
def test_a_dead_market_gives_no_setup(short: bool, factor: float, count: int) -> None:
    series = rising(slope=0.25, spread=0.125)
    close = AXIS - series[-1].close if short else series[-1].close
    atr = 0.375
    intents, why = run(series, short, min_atr_pct=atr / close * 100 * factor)
    assert len(intents) == count
    assert count or why.startswith("no setup: ATR14 is 0.03")


def test_the_default_floor_is_a_hundredth_of_a_percent() -> None:
    assert len(run(rising(slope=1 / 16, spread=1 / 16))[0]) == 1
    assert run(rising(slope=1 / 64, spread=1 / 64))[0] == []


def test_it_warms_up_for_the_50_closes_of_the_trend() -> None:
    assert run(rising(49)) == ([], "warming up: 49 of 50 candles")
    assert len(run(rising(50))[0]) == 1


def test_one_entry_at_a_time() -> None:
    assert run(rising(), view=View(BTC, pending=True)) == ([], "an entry is pending")
    held = Position(symbol="BTCUSDT", qty=Decimal("0.1"), strategy="ribbon")
    assert run(rising(), view=View(BTC, held)) == ([], "in a position")
    assert len(run(rising(), view=View(BTC, Position(symbol="BTCUSDT")))[0]) == 1


@pytest.mark.parametrize(("rate", "sizes"), [(None, [1.0]), (0.0004, [1.0]), (-0.0005, [0.5]), (0.001, []), (0.01, [])])
def test_funding_gates(rate: float | None, sizes: list[float]) -> None:
    intents, _ = run(rising(), view=View(BTC, funding_rate=rate))
    assert [intent.size_factor for intent in intents] == sizes


def test_at_the_halt_gate_the_position_is_closed() -> None:
    held = Position(symbol="BTCUSDT", qty=Decimal("-0.1"), strategy="ribbon")
    (exit_,), why = run(rising(), view=View(BTC, held, funding_rate=0.003))
    assert (exit_.role, exit_.side, exit_.qty) == ("exit", "BUY", Decimal("0.1"))
    assert why == "halt: funding 0.3000%, closing the position"


def test_prepared_or_running_it_answers_the_same() -> None:
    series = [*rising(55), *(mirrored(c) for c in rising(80))]
    ran, prepared = build("ribbon", {}), build("ribbon", {})
    for i, candle in enumerate(series):
        ran.observe(candle)
        prepared.observe(candle)
        answer = ran.decide(candle, View(BTC))
        if i > 90:
            assert prepared.decide(candle, View(BTC)) == answer
            assert prepared.why == ran.why


@BOTH
@pytest.mark.parametrize(("bars", "fires"), [(10, True), (11, True), (12, False)])
def test_the_trend_must_have_lasted(short: bool, bars: int, fires: bool) -> None:
    """``rising`` has its trend from the 50th candle, when EMA50 is known: 11 candles at the 60th."""
    intents, why = run(rising(), short, trend_bars=bars)
    assert bool(intents) is fires
    assert fires or why.startswith(f"trend {'DOWN' if short else 'UP'} is 11 of 12")
