"""The comparison job on a shorter walk: profit equals an independent calculation in whole cents, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from backtest_kit import COINS, rules, walk

from engine import FillModel, backtest, bars
from engine.model.market import Candle
from engine.runner.backtest import Result

BARS, FAST, SLOW = 20_000, 10, 30


def expected(candles: list[Candle], rule: str) -> tuple[Decimal, int]:
    """Profit and flips of an SMA cross that is always in the market with 0.01 at 5 bps, in integers."""
    opens, closes = ([round(getattr(c, name) * 100) for c in candles] for name in ("open", "close"))
    side = flips = cash = fees = 0
    fast, slow = sum(closes[SLOW - FAST : SLOW]), sum(closes[:SLOW])
    for i in range(SLOW, len(candles)):
        fast += closes[i] - closes[i - FAST]
        slow += closes[i] - closes[i - SLOW]
        gap = fast * SLOW - slow * FAST
        want = (gap > 0) - (gap < 0) or side
        if want == side:
            continue
        if rule != "same_close" and i + 1 == len(candles):
            break
        price = {"next_open": opens[min(i + 1, len(opens) - 1)], "same_close": closes[i]}.get(
            rule, closes[min(i + 1, len(closes) - 1)]
        )
        cash -= (want - side) * price
        fees += abs(want - side) * price
        side, flips = want, flips + 1
    worth = cash + side * closes[-1]
    return Decimal(worth) / 10_000 - Decimal(fees) * 5 / 10_000 / 10_000, flips


def job(data: Any, rule: Any, **more: Any) -> Result:
    params = {"fast": FAST, "slow": SLOW, "quantity": "0.01", "stop_atr": 0.0}
    return backtest(
        data, "ma_cross", params=params, profile=rules(), fill=FillModel(market=rule), cash=1_000_000, instrument=COINS, **more
    )  # fmt: skip


@pytest.mark.parametrize("rule", ["next_open", "same_close", "next_close"])
def test_profit_and_flips_equal_the_reference_of_the_fill_rule(rule: str) -> None:
    data = walk(BARS, 7)
    pnl, flips = expected(data, rule)
    result = job(data, rule)
    assert result.pnl == pnl
    assert flips <= result.entries <= flips + 1
    assert sum(1 for fill in result.fills if fill.client_id) == 2 * flips - 1
    assert not result.rejections


def test_the_result_names_its_rule_and_everything_that_reproduces_it(tmp_path: Any) -> None:
    data = walk(500, 1)
    first, again = job(data, "next_open"), job(data, "next_open", journal=tmp_path / "a.cockpit")
    assert "open of the next one" in first.rule
    assert first.assumptions[0] == first.rule
    for name in ("run_id", "config_hash", "data_hash", "seed", "versions", "pnl", "counts"):
        assert getattr(first, name) == getattr(again, name)
    assert job(walk(500, 2), "next_open").data_hash != first.data_hash
    assert job(data, "same_close").config_hash != first.config_hash
    assert job(data, "next_open", seed=1).run_id != first.run_id


def test_no_decision_looks_ahead() -> None:
    """The future is another one: what was decided before it is the same."""
    data, turn = walk(1_200, 5), 800
    other = data[:turn] + [
        Candle(c.open_time, c.open * 2, c.high * 2, c.low * 2, c.close * 2, c.volume) for c in data[turn:]
    ]
    for name, params in (("ma_cross", {}), ("ribbon", {}), ("sweep", {"trend": "any", "min_rr": 0.1})):
        runs = [backtest(x, name, params=params, profile=rules(), instrument=COINS) for x in (data, other)]
        known = data[turn].open_time
        before = [[(o.client_id, o.side, o.qty, o.created_t) for o in r.orders if o.created_t < known] for r in runs]
        assert before[0]
        assert before[0] == before[1]
        assert runs[0].equity[: turn - 1] == runs[1].equity[: turn - 1]


def test_work_grows_with_the_bars_and_not_faster() -> None:
    """Counted, not timed: four times the bars take at most 4.4 times the steps, and no step looks at what is long past."""
    import sys

    def work(count: int) -> tuple[int, int]:
        calls = 0

        def count_calls(frame: Any, event: str, arg: Any) -> None:
            nonlocal calls
            calls += 1

        data = bars(walk(count, 11))
        sys.setprofile(count_calls)
        try:
            result = job(data, "next_open")
        finally:
            sys.setprofile(None)
        return calls, result.steps

    (calls, steps), (more_calls, more_steps) = work(6_000), work(24_000)
    assert more_calls <= 4.4 * calls
    assert more_steps <= 4.4 * steps
