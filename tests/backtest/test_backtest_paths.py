"""Folding quiet bars at once gives exactly what stepping every bar through the trader gives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from backtest_kit import COINS, MINUTE_NS, T0, rules, walk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import FillModel, backtest
from engine.runner.backtest import Result
from engine.runner.catchup import kept

STRATEGIES: dict[str, dict[str, Any]] = {
    "ma_cross": {"stop_atr": 3.0},
    "ribbon": {"min_atr_pct": 0.0},
    "sweep": {"trend": "any", "min_rr": 0.2, "cooldown_bars": 2},
}


def both(seed: int, name: str, model: FillModel, count: int = 1_500, **more: Any) -> tuple[Result, Result]:
    profile = rules(risk__min_reward_risk=0.1, trading__naked_grace_s=180.0, trading__stale_position_bars=20)
    data = walk(count, seed, odd=True)
    more |= {"params": STRATEGIES[name], "profile": profile, "fill": model, "instrument": COINS, "seed": seed}
    return backtest(data, name, **more), backtest(data, name, fidelity="realistic", **more)


def same(fast: Result, full: Result) -> None:
    assert [msgspec.structs.asdict(o) for o in fast.orders] == [msgspec.structs.asdict(o) for o in full.orders]
    assert fast.fills == full.fills
    assert fast.trades == full.trades
    assert fast.refusals == full.refusals
    assert fast.equity == full.equity
    assert fast.pnl == full.pnl
    for name in set(full.state.__struct_fields__) - {"echoes"}:  # counts messages that told nothing new
        assert getattr(fast.state, name) == getattr(full.state, name), name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(sorted(STRATEGIES)),
    market=st.sampled_from(["next_open", "same_close", "next_close"]),
    intrabar=st.sampled_from(["conservative", "optimistic", "random"]),
    slippage=st.sampled_from(["fixed_bps", "random", "volume_scaled"]),
    latency=st.sampled_from([0, 1, 2]),
    funded=st.booleans(),
)
def test_both_ways_give_the_same_decisions_fills_and_state(
    seed: int, name: str, market: Any, intrabar: Any, slippage: Any, latency: int, funded: bool
) -> None:
    model = FillModel(
        market=market, intrabar=intrabar, slippage=slippage, slippage_bps=1.0, spread_bps=1.0, latency_bars=latency
    )
    table = [(T0 + n * 480 * MINUTE_NS, 0.0001 * (n % 3 - 1)) for n in range(8)] if funded else []
    fast, full = both(seed, name, model, funding=table)
    same(fast, full)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_fast_way_trades_and_is_quiet(name: str) -> None:
    fast, full = both(3, name, FillModel())
    same(fast, full)
    assert len(fast.trades) > 1
    assert fast.quiet > 0
    assert full.quiet == 0
    assert fast.steps < full.steps


@given(st.integers(0, 50), st.integers(0, 200))
def test_a_list_that_forgets_is_as_long_as_if_it_had_grown_row_by_row(length: int, added: int) -> None:
    most = 20
    rows = list(range(min(length, most + most // 4)))
    expected = len(rows)
    for _ in range(added):
        expected += 1
        if expected > most + most // 4:
            expected = most
    assert kept(len(rows), added, most) == expected
