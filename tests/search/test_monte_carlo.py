"""Trades in another order: the same seed the same numbers, and shapes that must hold whatever the trades are."""

from __future__ import annotations

import random
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.search.montecarlo import monte_carlo, percentiles, returns

CASH = 10_000.0
profits = st.lists(st.floats(-300, 300), min_size=1, max_size=40)


@given(profits)
def test_another_order_ends_where_the_trades_ended(trades: list[float]) -> None:
    found = monte_carlo(trades, CASH, 20, 1)
    assert found.order.final == pytest.approx([found.actual_final] * 5)


@given(profits)
def test_returns_compound_to_the_profit(trades: list[float]) -> None:
    factors = [1 + r for r in returns(trades, CASH)]
    if len(factors) == len(trades):
        assert CASH * prod(factors) == pytest.approx(max(0.0, CASH + sum(trades)), abs=1e-6)


@given(profits)
def test_percentiles_rise_and_shares_are_shares(trades: list[float]) -> None:
    found = monte_carlo(trades, CASH, 20, 1)
    for paths in (found.order, found.drawn):
        assert list(paths.final) == sorted(paths.final)
        assert list(paths.fall_pct) == sorted(paths.fall_pct)
        assert 0 <= paths.ruined <= 1
        assert 0 <= paths.fall_pct[0] <= paths.fall_pct[-1] <= 100


def test_the_same_seed_gives_the_same_numbers() -> None:
    trades = [random.Random(3).gauss(1, 50) for _ in range(200)]
    assert monte_carlo(trades, CASH, 100, 7) == monte_carlo(trades, CASH, 100, 7)
    assert monte_carlo(trades, CASH, 100, 7) != monte_carlo(trades, CASH, 100, 8)


def test_drawing_again_agrees_with_an_independent_simulation() -> None:
    numpy = pytest.importorskip("numpy")
    chance = random.Random(5)
    trades = [chance.gauss(4, 120) for _ in range(250)]
    found = monte_carlo(trades, CASH, 4_000, 1)
    rng = numpy.random.default_rng(2)
    factors = 1 + numpy.array(returns(trades, CASH))
    paths = numpy.cumprod(rng.choice(factors, (4_000, 250)), axis=1)
    peaks = numpy.maximum(numpy.maximum.accumulate(paths, axis=1), 1)
    assert found.drawn.final == pytest.approx(
        list(numpy.percentile(CASH * paths[:, -1], (5, 25, 50, 75, 95))), rel=0.03
    )
    falls = (1 - (paths / peaks)).max(axis=1) * 100
    assert found.drawn.fall_pct == pytest.approx(list(numpy.percentile(falls, (5, 25, 50, 75, 95))), rel=0.05)
    shuffled = rng.permuted(numpy.tile(factors, (4_000, 1)), axis=1).cumprod(axis=1)
    peaks = numpy.maximum(numpy.maximum.accumulate(shuffled, axis=1), 1)
    falls = (1 - shuffled / peaks).max(axis=1) * 100
    assert found.order.fall_pct == pytest.approx(list(numpy.percentile(falls, (5, 25, 50, 75, 95))), rel=0.05)


def test_an_account_that_loses_everything_is_ruined_and_stays_so() -> None:
    found = monte_carlo([-6_000, -6_000, 500], CASH, 50, 1)
    assert found.trades == 2
    assert found.actual_final == 0
    assert found.actual_fall_pct == 100
    assert found.order.ruined == 1


@pytest.mark.parametrize(("trades", "runs"), [([], 10), ([1.0], 0)])
def test_nothing_to_shuffle_is_an_error(trades: list[float], runs: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        monte_carlo(trades, CASH, runs, 1)


def test_percentiles_lie_between_the_ranks() -> None:
    assert percentiles([4, 1, 3, 2], (0, 50, 100)) == (1, 2.5, 4)
    assert percentiles([7], (5, 95)) == (7, 7)
