"""Four times the bars and orders are four times the work: counted in calls and events, not in time."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from backtest_kit import COINS, rules, walk

from engine import backtest
from engine.model.state import ROWS_KEPT

BARS = 3_000
MOST = 4.4


def work(bars: int) -> Counter[str]:
    """Calls of the engine's functions and events of a run of ``bars``; every walk begins with the same bars."""
    count: Counter[str] = Counter()
    root = str(Path(__file__).parents[2] / "engine")

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            count["calls"] += 1

    candles = walk(bars, seed=3)
    sys.setprofile(called)
    try:
        result = backtest(
            candles,
            "ma_cross",
            params={"fast": 2, "slow": 4, "stop_atr": 0.0},
            profile=rules(),
            instrument=COINS,
            cash=1_000_000,
        )
    finally:
        sys.setprofile(None)
    count["steps"], count["orders"], count["fills"] = result.steps, len(result.orders), len(result.fills)
    return count


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer counts too")
def test_four_times_the_bars_and_orders_cost_at_most_four_point_four_times_the_work() -> None:
    once, four = work(BARS), work(4 * BARS)
    assert once["orders"] > ROWS_KEPT * 5 // 4, "the small run is over the bounds of the state's lists"
    assert four["orders"] >= 3.6 * once["orders"]
    assert four["calls"] / four["orders"] <= 1.1 * once["calls"] / once["orders"]
    assert four["calls"] <= MOST * once["calls"]
    assert four["steps"] <= MOST * once["steps"]
