"""Every figure against an independent library, or where that has another definition against a plain second computation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isfinite, prod, sqrt
from typing import Any

import empyrical
import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_kit import T0, D, crossed, empty, of_days, trade

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle
from engine.report import ratios
from engine.report.metrics import Metrics, measure, rows
from engine.report.series import DAY_NS

YEAR: dict[str, Any] = {"annualization": 365}
CLOSE: dict[str, Any] = {"rel": 1e-9, "abs": 1e-9}
DAILY = st.lists(st.floats(-0.2, 0.25).map(lambda x: round(x, 6)), min_size=2, max_size=60)


def same(ours: float | None, theirs: float) -> bool:
    """Equal to nine digits; what the library calls no number or infinite is None."""
    if ours is None:
        return not isfinite(theirs) or abs(theirs) > 1e12
    return bool(ours == pytest.approx(theirs, **CLOSE))


def curve(daily: Sequence[float], start: float = 10_000.0) -> list[float]:
    return [start * prod(1 + r for r in daily[: n + 1]) for n in range(len(daily))]


@settings(max_examples=60, deadline=None)
@given(DAILY)
@pytest.mark.filterwarnings("ignore")
def test_ratios_of_any_curve_are_the_librarys(daily: list[float]) -> None:
    values = curve(daily)
    found = measure(*of_days(values, 10_000.0))
    series = pd.Series(ratios.returns(values, 10_000.0))
    assert same(found.volatility, empyrical.annual_volatility(series, **YEAR))
    assert same(found.cagr, empyrical.annual_return(series, **YEAR))
    assert same(found.sharpe, empyrical.sharpe_ratio(series, **YEAR))
    assert same(found.sortino, empyrical.sortino_ratio(series, **YEAR))
    assert same(found.calmar, empyrical.calmar_ratio(series, **YEAR))
    assert found.max_drawdown == pytest.approx(-empyrical.max_drawdown(series), **CLOSE)
    assert found.days == len(daily)


@pytest.mark.filterwarnings("ignore")
def test_ratios_of_a_real_run_are_the_librarys() -> None:
    result, candles = crossed()
    found = measure(result, candles)
    times = pd.to_datetime([c.open_time for c in candles], utc=True)
    by_bar = pd.Series(list(result.equity), index=times)
    ends = by_bar.resample("D").last().ffill()
    daily = ends / ends.shift(1, fill_value=float(result.cash)) - 1
    bars = by_bar / by_bar.shift(1, fill_value=float(result.cash)) - 1
    fall = empyrical.max_drawdown(bars)
    assert len(daily) == found.days > 7
    assert found.volatility == pytest.approx(empyrical.annual_volatility(daily, **YEAR), **CLOSE)
    assert found.cagr == pytest.approx(empyrical.annual_return(daily, **YEAR), **CLOSE)
    assert found.sharpe == pytest.approx(empyrical.sharpe_ratio(daily, **YEAR), **CLOSE)
    assert found.sortino == pytest.approx(empyrical.sortino_ratio(daily, **YEAR), **CLOSE)
    assert found.max_drawdown == pytest.approx(-fall, **CLOSE)
    assert found.calmar == pytest.approx(empyrical.annual_return(daily, **YEAR) / -fall, **CLOSE)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(50, 150), min_size=1, max_size=40))
def test_the_drawdown_is_that_of_a_search_over_all_pairs(values: list[int]) -> None:
    """Its depth, its money, its rows, and the longest time under water."""
    found = ratios.drawdown([float(v) for v in values], 100.0)
    whole = [100, *values]
    pairs = [(a, b) for a in range(len(whole)) for b in range(a, len(whole))]
    assert found.money == max(whole[a] - whole[b] for a, b in pairs)
    assert found.fraction == max((whole[a] - whole[b]) / whole[a] for a, b in pairs)
    if found.fraction:
        peak, trough = found.peak + 1, found.trough + 1
        assert (whole[peak] - whole[trough]) / whole[peak] == found.fraction
        after = [n for n in range(trough, len(whole)) if whole[n] >= whole[peak]]
        assert found.recovered == (after[0] - 1 if after else None)
    under = 0
    for high in range(len(whole)):
        if whole[high] == max(whole[: high + 1]) and high + 1 < len(whole) and whole[high + 1] < whole[high]:
            back = [n for n in range(high + 1, len(whole)) if whole[n] >= whole[high]]
            under = max(under, (back[0] if back else len(whole) - 1) - high)
    first, last = found.longest or (0, 0)
    assert (len(values) - 1 if last is None else last) - first == under


def test_the_duration_of_a_drawdown_is_from_its_high_to_the_recovery() -> None:
    found = measure(*of_days([110.0, 99.0, 104.5, 110.0, 120.0, 119.0, 118.0], 100.0))
    high = T0 + DAY_NS
    assert (found.drawdown_t, found.trough_t, found.recovered_t) == (high, high + DAY_NS, high + 3 * DAY_NS)
    assert found.max_drawdown == pytest.approx(0.1)
    assert found.drawdown_ns == found.longest_drawdown_ns == 3 * DAY_NS
    assert found.longest_recovered


def test_a_drawdown_that_never_recovers_lasts_to_the_end_of_the_data() -> None:
    found = measure(*of_days([110.0, 99.0, 104.5, 104.0], 100.0))
    assert found.recovered_t is None
    assert not found.longest_recovered
    assert found.drawdown_ns == 3 * DAY_NS


def test_a_fall_from_the_cash_begins_with_the_first_bar() -> None:
    result, candles = of_days([90.0, 95.0], 100.0)
    assert measure(result, candles).drawdown_t == candles[0].open_time


def test_a_day_without_bars_keeps_the_equity_of_the_day_before() -> None:
    result, candles = of_days([110.0, 121.0], 100.0)
    candles[1] = Candle(T0 + 4 * DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    daily = [0.1, 0.0, 0.0, 0.0, 0.1]
    found = measure(result, candles)
    assert found.days == 5
    assert found.volatility == pytest.approx(statistics.stdev(daily) * sqrt(365))


def test_figures_of_trades_are_those_of_a_plain_count() -> None:
    result, candles = crossed(stop=3.0)
    found, pnls = measure(result, candles), [float(t.pnl) for t in result.trades]
    risks = [t.r for t in result.trades if t.r is not None]
    assert found.trades == len(pnls) == len(risks) > 100
    assert found.wins == sum(p > 0 for p in pnls)
    assert found.losses == sum(p < 0 for p in pnls)
    assert found.win_rate == found.wins / found.trades
    assert found.average_win == pytest.approx(statistics.mean(p for p in pnls if p > 0))
    assert found.average_loss == pytest.approx(statistics.mean(p for p in pnls if p < 0))
    assert found.profit_factor == pytest.approx(sum(p for p in pnls if p > 0) / sum(-p for p in pnls if p < 0))
    assert found.expectancy == pytest.approx(statistics.mean(pnls))
    assert found.expectancy_r == pytest.approx(statistics.mean(risks))
    assert found.sqn == pytest.approx(sqrt(len(risks)) * statistics.mean(risks) / statistics.stdev(risks))
    assert found.sqn_of == "R"
    assert found.net_profit == result.pnl
    assert found.turnover == sum(f.price * f.qty for f in result.fills)
    words = "".join("w" if p > 0 else "l" if p < 0 else "0" for p in pnls)
    assert "w" * found.best_streak in words
    assert "w" * (found.best_streak + 1) not in words
    assert "l" * found.worst_streak in words
    assert "l" * (found.worst_streak + 1) not in words


def test_exposure_counts_the_bars_in_which_a_position_was_held() -> None:
    result, candles = crossed(stop=3.0)
    found, qty, fills, held = measure(result, candles), D(0), list(result.fills), 0
    for bar in candles:
        inside = False
        while fills and fills[0].t <= bar.open_time:
            fill = fills.pop(0)
            qty += fill.qty if fill.side == "BUY" else -fill.qty
        inside = bool(qty)
        while fills and fills[0].t < bar.open_time + MINUTE_NS:
            fill = fills.pop(0)
            qty += fill.qty if fill.side == "BUY" else -fill.qty
            inside = inside or bool(qty)
        held += inside
    assert found.exposure == held / len(candles)
    assert found.exposure == pytest.approx(found.exposure_long + found.exposure_short)


def test_a_break_even_trade_is_neither_won_nor_lost_and_ends_a_streak() -> None:
    found = with_trades("1", "1", "0", "1", "-2")
    assert (found.wins, found.losses, found.best_streak, found.worst_streak) == (3, 1, 2, 1)
    assert found.win_rate == 0.6
    assert found.profit_factor == 1.5


def with_trades(*pnls: str, r: float | None = None) -> Metrics:
    result, candles = empty()
    return measure(replace(result, trades=[trade(pnl, r=r) for pnl in pnls]), candles)


UNDEFINED: dict[str, tuple[Callable[[], Metrics], tuple[str, ...]]] = {
    "no trades, constant equity": (
        lambda: measure(*empty()),
        ("sharpe", "sortino", "calmar", "profit_factor", "expectancy", "expectancy_r", "win_rate", "sqn", "average_win"),
    ),
    "no losses": (lambda: with_trades("1", "2"), ("profit_factor", "average_loss")),
    "trades without an R": (lambda: with_trades("1", "-2"), ("expectancy_r",)),
    "one trade": (lambda: with_trades("1", r=1.0), ("sqn",)),
    "equal trades": (lambda: with_trades("1", "1", r=0.1), ("sqn",)),
    "a rising curve": (lambda: measure(*of_days([101.0, 103.0, 104.0], 100.0)), ("sortino", "calmar")),
    "equal returns": (lambda: measure(*of_days(curve([0.01] * 9), 10_000.0)), ("sharpe",)),
    "one day": (lambda: measure(*of_days([101.0], 100.0)), ("sharpe", "sortino", "volatility")),
    "a gain beyond all floats": (lambda: measure(*of_days([1e9], 1.0)), ("cagr", "calmar")),
    "less than nothing": (lambda: measure(*of_days([50.0, -10.0, -5.0], 100.0)), ("cagr", "sharpe", "sortino", "calmar")),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDEFINED)
def test_what_is_undefined_is_none_and_never_infinite(case: str) -> None:
    make, names = UNDEFINED[case]
    found = make()
    assert [getattr(found, name) for name in names] == [None] * len(names)
    for value in msgspec.structs.astuple(found):
        assert not isinstance(value, float) or abs(value) < inf
    assert all(label and value for label, value in rows(found))


def test_a_constant_curve_has_no_volatility_and_no_drawdown() -> None:
    found = measure(*empty())
    assert (found.volatility, found.max_drawdown, found.max_drawdown_money, found.drawdown_ns) == (None, 0.0, 0.0, 0)
    assert measure(*of_days([100.0] * 5, 100.0)).volatility == 0.0


def test_every_field_is_documented() -> None:
    assert Metrics.__doc__ is not None
    assert [name for name in Metrics.__struct_fields__ if name not in Metrics.__doc__] == []


def test_rows_write_every_figure_for_a_person() -> None:
    words = dict(rows(measure(*crossed(stop=3.0))))
    assert words["Net profit"].startswith("-")
    assert words["Net profit"].endswith(" USDT")
    assert "not recovered" in words["Max drawdown"]
    assert dict(rows(measure(*empty())))["Sharpe"] == "–"


def test_other_candles_than_the_runs_are_refused() -> None:
    result, candles = empty()
    for others in (candles[:-1], candles[1:], [*candles[1:], candles[-1]]):
        with pytest.raises(CockpitError, match="not the candles of the run"):
            measure(result, others)
