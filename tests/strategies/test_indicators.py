"""Each indicator against its definition, computed naively over the whole history."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.market import Candle
from engine.strategies.indicators import (
    ATR,
    CVD,
    EMA,
    REBASE,
    SMA,
    VWAP,
    EqualLevel,
    Extremes,
    SMACross,
    Trend,
    mean_true_range,
    true_range,
    volatility_regime,
)

CENTS = st.integers(1_000, 3_000).map(lambda cents: cents / 100)
VOLUMES = st.integers(0, 10**9).map(lambda millionths: millionths / 1e6)


@st.composite
def candles(draw: st.DrawFn, least: int = 1, most: int = 90) -> list[Candle]:
    made = []
    for i in range(draw(st.integers(least, most))):
        prices = [draw(CENTS) for _ in range(4)]
        made.append(Candle(i, prices[0], max(prices), min(prices), prices[1], draw(VOLUMES)))
    return made


def flat(close: float, volume: float = 1.0) -> Candle:
    return Candle(0, close, close, close, close, volume)


@given(st.lists(CENTS, min_size=1, max_size=60), st.integers(1, 20))
def test_sma_is_the_mean_of_the_last_n(values: list[float], n: int) -> None:
    sma = SMA(n)
    for i, value in enumerate(values, 1):
        sma.push(value)
        assert sma.ready == (i >= n)
        if sma.ready:
            assert sma.value == pytest.approx(math.fsum(values[i - n : i]) / n, rel=1e-13)
        else:
            assert math.isnan(sma.value)


def test_sma_does_not_drift_in_a_year_of_minutes() -> None:
    chance, sma, values = random.Random(1), SMA(30), []
    price = 42_000.0
    for i in range(525_600):
        price = round(price * (1 + chance.gauss(0, 0.0008)), 2)
        sma.push(price)
        if i >= 525_600 - REBASE:
            values.append(price)
            if len(values) >= 30:
                assert sma.total == pytest.approx(math.fsum(values[-30:]), rel=5e-14)


@given(st.lists(st.integers(100, 110), min_size=1, max_size=80), st.integers(1, 9), st.integers(1, 9))
def test_the_cross_is_exact_and_a_tie_keeps_the_side(tenths: list[int], fast: int, more: int) -> None:
    slow = fast + more
    cross, side = SMACross(fast, slow), None
    for i, value in enumerate(tenths, 1):
        cross.push(value / 10)
        if i > slow:
            gap = Fraction(sum(tenths[i - fast : i]), fast) - Fraction(sum(tenths[i - slow : i]), slow)
            side = True if gap > 0 else False if gap < 0 else side
        assert cross.long is side


@pytest.mark.parametrize("seed", range(30))
def test_a_tie_of_different_closes_keeps_the_side(seed: int) -> None:
    chance = random.Random(seed)
    newest = [chance.randint(4_190_000, 4_210_000) for _ in range(10)]
    older = [chance.randint(4_190_000, 4_210_000) for _ in range(19)]
    older.append(2 * sum(newest) - sum(older))  # so the mean of all 30 is that of the newest 10, to the cent
    below = seed % 2 == 0
    cross = SMACross(10, 30)
    for cents in [4_200_000] * 31 + [3_000_000 if below else 6_000_000] + older + newest[:-1]:
        cross.push(cents / 100)
    side = cross.long
    cross.push(newest[-1] / 100)
    assert cross.long is side
    assert cross.fast == pytest.approx(cross.slow, rel=1e-12)


def test_the_cross_sees_one_cent_in_a_long_window_of_large_prices() -> None:
    cross = SMACross(300, 900)
    for _ in range(901):
        cross.push(123_456.78)
    assert cross.long is None
    cross.push(123_456.79)
    assert cross.long is True


@given(st.lists(CENTS, min_size=1, max_size=60), st.integers(1, 20))
def test_ema_starts_from_the_mean_of_the_first_n(values: list[float], n: int) -> None:
    ema = EMA(n)
    for value in values:
        ema.push(value)
    if len(values) < n:
        assert not ema.ready
        return
    expected = sum(values[:n]) / n
    for value in values[n:]:
        expected = expected * (1 - 2 / (n + 1)) + value * 2 / (n + 1)
    assert ema.value == pytest.approx(expected, rel=1e-12)


@given(candles())
def test_atr_is_the_simple_mean_of_14_true_ranges(series: list[Candle]) -> None:
    atr, ranges = ATR(), []
    for i, candle in enumerate(series):
        atr.push(candle)
        before = series[i - 1].close if i else None
        spread = [candle.high - candle.low]
        if before is not None:
            spread += [abs(candle.high - before), abs(candle.low - before)]
        ranges.append(max(spread))
        assert true_range(candle, before) == pytest.approx(ranges[-1])
    assert atr.ready == (len(series) >= 14)
    if atr.ready:
        assert atr.value == pytest.approx(sum(ranges[-14:]) / 14)
    if len(series) > 14:
        assert mean_true_range(series[-15:]) == pytest.approx(atr.value)


@given(candles(most=120), st.sampled_from([1, 3, 10, 40]))
def test_extremes_are_those_of_the_last_n_candles(series: list[Candle], n: int) -> None:
    extremes = Extremes(n)
    for i, candle in enumerate(series, 1):
        extremes.push(candle)
        window = series[max(0, i - n) : i]
        assert (extremes.high, extremes.low) == (max(c.high for c in window), min(c.low for c in window))
        assert extremes.ready == (i >= n)


@given(st.lists(st.integers(9_985, 10_015).map(float), min_size=1, max_size=30))
def test_an_equal_level_is_the_mean_of_the_cluster_around_the_last(values: list[float]) -> None:
    equal = EqualLevel()
    for value in values:
        equal.push(value)
    last, before = values[-1], values[-12:-1]
    near = [value for value in before if abs(value - last) <= 0.0008 * last]
    if len(values) < 12 or not near:
        assert equal.level is None
    else:
        assert equal.level == pytest.approx((sum(near) + last) / (len(near) + 1))


@given(candles())
def test_cvd_and_its_divergences(series: list[Candle]) -> None:
    cvd, sums = CVD(), [0.0]
    for candle in series:
        cvd.push(candle)
        spread = candle.high - candle.low
        share = ((candle.close - candle.low) - (candle.high - candle.close)) / spread if spread else 0.0
        sums.append(sums[-1] + candle.volume * share)
    assert cvd.value == pytest.approx(sums[-1], abs=1e-6)
    assert cvd.ready == (len(series) >= 20)
    if cvd.ready:
        *four, last = series[-5:]
        *cvds, now = sums[-5:]
        assert cvd.bullish == (last.low < min(c.low for c in four) and now > min(cvds))
        assert cvd.bearish == (last.high > max(c.high for c in four) and now < max(cvds))


def test_there_is_no_divergence_before_20_candles() -> None:
    cvd = CVD()
    for i in range(19):
        cvd.push(Candle(i, 10, 11 - i / 10, 9 - i / 10, 10.9 - i / 10, 1))
    assert not cvd.bullish
    cvd.push(Candle(19, 8, 9, 7, 8.9, 1))
    assert cvd.bullish
    assert not cvd.bearish


@given(candles(least=55))
def test_vwap_weighs_typical_prices_by_volume(series: list[Candle]) -> None:
    vwap = VWAP()
    for candle in series:
        vwap.push(candle)
    last = series[-60:]
    volume = sum(c.volume for c in last)
    if len(series) < 60 or not volume:
        assert math.isnan(vwap.value)
    else:
        money = sum((c.high + c.low + c.close) / 3 * c.volume for c in last)
        assert vwap.value == pytest.approx(money / volume)


def test_vwap_forgets_a_giant_candle_and_knows_that_nothing_was_traded() -> None:
    vwap = VWAP()
    vwap.push(flat(900.0, 1e12))
    for _ in range(60):
        vwap.push(flat(100.0, 1e-9))
    assert vwap.value == pytest.approx(100.0, rel=1e-12)
    for _ in range(60):
        vwap.push(flat(100.0, 0.0))
    assert math.isnan(vwap.value)


@pytest.mark.parametrize(
    ("slope", "last", "name"),
    [(1.0, None, "UP"), (-1.0, None, "DOWN"), (0.0, None, "CHOP"), (1.0, 100.0, "CHOP"), (-1.0, 300.0, "CHOP")],
)
def test_the_trend_needs_both_averages_and_the_close(slope: float, last: float | None, name: str) -> None:
    trend = Trend()
    for i in range(60):
        trend.push(200 + slope * i)
        assert trend.ready == (i >= 49)
    if last is not None:
        trend.push(last)
    assert trend.name == name


@pytest.mark.parametrize(("atr", "regime"), [(1.99, "low"), (2.0, "normal"), (6.0, "normal"), (6.01, "high")])
def test_volatility_regimes_at_their_boundaries(atr: float, regime: str) -> None:
    assert volatility_regime(atr, 1000.0) == regime
