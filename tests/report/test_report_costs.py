"""The four parts of the costs: what each of them is, and that they sum up to what the run would have made without friction."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from report_kit import COINS, T0, D, candle, flat, rules, scripted, walk

from engine import FillModel, backtest
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import ZERO, Intent
from engine.report.costs import Costs, references, split
from engine.runner.backtest import Result

FREE_OF_FEES = msgspec.structs.replace(COINS, maker_fee=ZERO, taker_fee=ZERO)
OUT = Intent(side="SELL", qty=D("0.1"), role="exit", why="out")


def buy(**more: Any) -> Intent:
    return Intent(side="BUY", qty=D("0.1"), why="test", **more)


def crossed(
    rows: list[Candle], *, fill: FillModel, instrument: Any = COINS, funding: Any = (), on_quit: str = "leave"
) -> Result:
    params = {"fast": 10, "slow": 30, "quantity": "0.01", "stop_atr": 0.0}
    return backtest(
        rows, "ma_cross", params=params, profile=rules(trading__on_quit=on_quit), fill=fill, cash=100_000,
        instrument=instrument, funding=funding,
    )  # fmt: skip


@pytest.mark.parametrize("rule", ["next_open", "same_close", "next_close"])
@pytest.mark.parametrize("slippage", ["fixed_bps", "random", "volume_scaled"])
def test_the_parts_sum_up_to_what_a_run_without_friction_made_more(rule: Any, slippage: Any) -> None:
    rows = walk(3_000, 5)
    funding = [(T0 + hour * 60 * MINUTE_NS, 0.0003) for hour in range(8, 40, 8)]
    model = FillModel(market=rule, slippage=slippage, slippage_bps=1.5, spread_bps=0.7, latency_bars=0)
    paid = crossed(rows, fill=model, funding=funding, on_quit="close")
    free = crossed(rows, fill=FillModel(market=rule), instrument=FREE_OF_FEES, on_quit="close")
    costs = split(paid, rows)
    assert len(paid.fills) == len(free.fills) > 100
    assert costs.total == free.pnl - paid.pnl
    assert costs.fee == paid.fees
    assert costs.funding == -paid.funding != 0
    assert min(costs.fee, costs.spread, costs.slippage) > 0
    assert costs.estimated == 0


def test_half_the_models_spread_is_spread_and_the_rest_is_slippage() -> None:
    rows = [flat(n, 1000.0) for n in range(6)]
    result = scripted(rows, {0: [buy()], 2: [OUT]}, {"spread_bps": 20.0, "slippage_bps": 5.0})
    assert split(result, rows) == Costs(fee=result.fees, spread=D("0.2"), slippage=D("0.1"), funding=ZERO)


def test_rounding_to_the_tick_counts_as_slippage() -> None:
    rows = [flat(n, 1000.005) for n in range(6)]
    result = scripted(rows, {0: [buy()]}, {})
    assert split(result, rows) == Costs(fee=result.fees, slippage=D("0.0005"))


def test_a_resting_limit_costs_a_fee_only() -> None:
    rows = [flat(0, 1000.0), candle(1, 1000, 1001, 990, 999), flat(2, 999.0)]
    result = scripted(rows, {0: [buy(kind="LIMIT", price=995.0)]}, {"spread_bps": 20.0, "slippage_bps": 5.0})
    assert [fill.maker for fill in result.fills] == [True]
    assert split(result, rows) == Costs(fee=result.fees)


FRICTION: dict[str, Any] = {"spread_bps": 10.0, "slippage_bps": 5.0}
RELEASED: dict[str, tuple[Candle, float]] = {
    "a stop inside the bar": (candle(2, 1000, 1001, 985, 999), 990.0),
    "a gap beyond the stop": (candle(2, 980, 981, 975, 978), 980.0),
    "a target inside the bar": (candle(2, 1000, 1030, 999, 1025), 1020.0),
    "a gap beyond the target": (candle(2, 1025, 1031, 1024, 1025), 1025.0),
}


@pytest.mark.parametrize("case", RELEASED)
@pytest.mark.parametrize("slippage", ["fixed_bps", "random", "volume_scaled"])
def test_a_released_order_is_held_against_its_level_or_the_open_beyond_it(case: str, slippage: str) -> None:
    bar, base = RELEASED[case]
    rows = [flat(0, 1000.0), flat(1, 1000.0), bar, flat(3, 990.0)]
    result = scripted(rows, {0: [buy(stop=990.0, target=1020.0)]}, {**FRICTION, "slippage": slippage})
    (_, first, _), (fill, level, known) = references(result, rows)
    assert (first, level, known) == (D(1000), D(repr(base)), True)
    assert fill.client_id == ""
    lost = (D(1000) - fill.price) * fill.qty + (result.fills[0].price - D(1000)) * fill.qty
    assert lost == (D(1000) - level) * fill.qty + split(result, rows).spread + split(result, rows).slippage


def test_a_liquidation_is_held_against_its_level_to_a_tick() -> None:
    rows = [flat(0, 1000.0), flat(1, 1000.0), candle(2, 1000, 1000, 880, 900), flat(3, 900.0)]
    plan = {0: [Intent(side="BUY", qty=D(5), why="all in")]}
    result = scripted(rows, plan, FRICTION, cash="500", flags={"trading__leverage": 20})
    (entry, _, _), (bust, level, known) = references(result, rows)
    owed = entry.price * entry.qty + entry.fee - 500
    assert bust.client_id == ""
    assert known
    assert abs(level - owed / 5 / D("0.995")) <= COINS.tick


def test_a_trailed_stop_under_random_slippage_is_estimated_and_said_to_be() -> None:
    from engine.ops.config import load

    rows = walk(6_000, 3)
    flags = {"risk.order_spacing_s": 0.0, "risk.cooldown_s": 0.0, "risk.orders_per_minute": 10_000}
    profile = load("backtest", flags=flags).profile
    params = {"fast": 10, "slow": 30, "quantity": "0.01", "stop_atr": 2.0}
    costs = {}
    for slippage in ("fixed_bps", "random"):
        model = FillModel(slippage=slippage, slippage_bps=2.0, spread_bps=1.0)
        result = backtest(rows, "ma_cross", params=params, profile=profile, fill=model, cash=100_000, instrument=COINS)
        trailed = sum(trade.exit_why == "trailing stop" for trade in result.trades)
        costs[slippage] = split(result, rows)
        assert trailed > 10
        assert costs[slippage].estimated == 0 if slippage == "fixed_bps" else 0 < costs[slippage].estimated <= trailed
    assert abs(costs["random"].slippage / costs["fixed_bps"].slippage - 1) < Decimal("0.1")


def test_received_funding_is_a_cost_below_zero() -> None:
    rows = [flat(n, 1000.0) for n in range(12)]
    result = scripted(rows, {0: [buy()]}, {}, funding=[(T0 + 5 * MINUTE_NS, -0.001)])
    assert split(result, rows).funding == D("-0.1")
