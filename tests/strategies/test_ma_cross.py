from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from engine.model.market import Candle, Instrument
from engine.model.orders import Position
from engine.strategies.base import View
from engine.strategies.ma_cross import MaCross
from engine.strategies.registry import build

STEP = Decimal("0.001")
BTC = Instrument("BTCUSDT", "BTC", "USDT", Decimal("0.1"), STEP, STEP, STEP, STEP, STEP, 100, STEP, STEP)


def bar(close: float, spread: float = 1.0) -> Candle:
    return Candle(0, close, close + spread, close - spread, close, 1.0)


def fed(closes: list[float], **params: Any) -> MaCross:
    strategy = build("ma_cross", params)
    assert isinstance(strategy, MaCross)
    for close in closes:
        strategy.observe(bar(close))
    return strategy


def holding(qty: str, strategy: str = "ma_cross") -> View:
    return View(BTC, Position(symbol="BTCUSDT", qty=Decimal(qty), strategy=strategy))


RISING = [100.0 + i for i in range(31)]
FALLING = [200.0 - i for i in range(31)]


def test_the_first_decision_is_on_candle_31() -> None:
    early = fed(RISING[:30])
    assert early.decide(bar(129.0), View(BTC)) == []
    assert early.why == "warming up: 30 of 31 candles"
    (entry,) = fed(RISING).decide(bar(130.0), View(BTC))
    assert (entry.side, entry.role, entry.kind, entry.qty) == ("BUY", "entry", "MARKET", Decimal("0.01"))


def test_short_windows_still_wait_for_the_atr_of_the_stop() -> None:
    strategy = fed(RISING[:14], fast=1, slow=2)
    assert strategy.decide(bar(113.0), View(BTC)) == []
    strategy.observe(bar(114.0))
    assert len(strategy.decide(bar(114.0), View(BTC))) == 1


@pytest.mark.parametrize(("closes", "side", "sign"), [(RISING, "BUY", 1), (FALLING, "SELL", -1)])
def test_the_stop_is_three_atr_from_the_close(closes: list[float], side: str, sign: int) -> None:
    (entry,) = fed(closes).decide(bar(closes[-1]), View(BTC))
    assert entry.side == side
    assert entry.stop == pytest.approx(closes[-1] - sign * 3 * 2.0)
    assert entry.target is None


def test_a_stop_of_zero_is_no_stop() -> None:
    (entry,) = fed(RISING, stop_atr=0).decide(bar(130.0), View(BTC))
    assert entry.stop is None


def test_a_flip_leaves_the_position_and_enters_the_other_side() -> None:
    strategy = fed(RISING)
    leave, enter = strategy.decide(bar(130.0), holding("-0.025"))
    assert (leave.side, leave.role, leave.qty) == ("BUY", "exit", Decimal("0.025"))
    assert (enter.side, enter.role, enter.qty) == ("BUY", "entry", Decimal("0.01"))
    assert leave.why == enter.why == strategy.why == "LONG from SHORT: SMA(10) 125.5 against SMA(30) 115.5"


def test_nothing_to_do_on_the_right_side() -> None:
    strategy = fed(RISING)
    assert strategy.decide(bar(130.0), holding("0.01")) == []
    assert strategy.why == "holding LONG: SMA(10) 125.5 against SMA(30) 115.5"
    strategy = fed(FALLING)
    assert strategy.decide(bar(170.0), holding("-0.01")) == []
    assert strategy.why == "holding SHORT: SMA(10) 174.5 against SMA(30) 184.5"


def test_a_pending_entry_is_waited_for() -> None:
    strategy = fed(RISING)
    assert strategy.decide(bar(130.0), View(BTC, pending=True)) == []
    assert strategy.why == "an entry is pending"


def test_flat_after_a_stop_it_enters_again() -> None:
    strategy = fed(RISING)
    (entry,) = strategy.decide(bar(130.0), holding("0"))
    assert entry.role == "entry"
    assert "LONG from flat" in entry.why


def test_a_position_of_another_strategy_is_left_alone() -> None:
    strategy = fed(RISING)
    assert strategy.decide(bar(130.0), holding("-0.01", "sweep")) == []
    assert strategy.why == "the position belongs to sweep"
    assert len(strategy.decide(bar(130.0), holding("-0.01", ""))) == 2


def test_no_side_without_a_difference() -> None:
    strategy = fed([0.1 * 3] * 200)
    assert strategy.decide(bar(0.3), View(BTC)) == []
    assert strategy.why == "no side yet: the averages are equal"


@pytest.mark.parametrize("first", [1, -1])
def test_a_tie_keeps_the_side(first: int) -> None:
    # fast 1, slow 2: equal closes are a tie; tenths have no exact floats.
    strategy = fed([0.3] * 20 + [0.3 + 0.1 * first, 0.3 + 0.1 * first], fast=1, slow=2)
    (entry,) = strategy.decide(bar(0.3), View(BTC))
    assert entry.side == ("BUY" if first > 0 else "SELL")


def test_a_prepared_strategy_goes_on_like_one_that_ran_and_twins_agree() -> None:
    chance = random.Random(3)
    closes = [100.0]
    for _ in range(700):
        closes.append(round(closes[-1] + chance.choice([-0.2, -0.1, 0.0, 0.1, 0.2]), 1))
    ran, twin, prepared = fed([]), fed([]), fed([])
    for i, close in enumerate(closes):
        view = holding(["0", "0.01", "-0.01"][i % 3])
        answers = []
        for strategy in (ran, twin, prepared):
            strategy.observe(bar(close))
            if strategy is not prepared or i > 300:
                answers.append((strategy.decide(bar(close), view), strategy.why))
        assert all(answer == answers[0] for answer in answers)
