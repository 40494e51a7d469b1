"""Minutes become coarser bars on the UTC grid, and reading on costs only what is new."""

from __future__ import annotations

import random
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.chart.aggregate import Ema, Feed, Series
from engine.model.market import MINUTE_NS, Candle


def minutes(count: int, start: int = 0, seed: int = 1) -> list[Candle]:
    chance, price, bars = random.Random(seed), 100.0, []
    for i in range(start, start + count):
        close = price + chance.uniform(-2, 2)
        high, low = max(price, close) + 0.5, min(price, close) - 0.5
        bars.append(Candle(i * MINUTE_NS, price, high, low, close, chance.uniform(1, 9)))
        price = close
    return bars


def afresh(bars: list[Candle], timeframe: int) -> Series:
    series = Series(timeframe, (20, 50))
    series.update(bars)
    return series


def assert_same(series: Series, bars: list[Candle], timeframe: int) -> None:
    other = afresh(bars, timeframe)
    assert series.bars == other.bars
    for mine, theirs in zip(series.emas, other.emas, strict=True):
        assert mine.values == pytest.approx(theirs.values)


def test_five_minutes_make_one_bar_on_the_utc_grid() -> None:
    bars = minutes(12, start=3)
    five = afresh(bars, 5).bars
    assert [b.open_time // MINUTE_NS for b in five] == [0, 5, 10]
    inside = bars[2:7]
    assert five[1] == Candle(
        5 * MINUTE_NS,
        inside[0].open,
        max(b.high for b in inside),
        min(b.low for b in inside),
        inside[-1].close,
        sum(b.volume for b in inside),
    )


@pytest.mark.parametrize("timeframe", [1, 5, 15, 60])
def test_reading_tick_by_tick_gives_what_reading_at_once_gives(timeframe: int) -> None:
    final, seen, series = minutes(200), [], Series(timeframe, (20, 50))
    for bar in final:
        seen.append(Candle(bar.open_time, bar.open, bar.open, bar.open, bar.open, 0.0))
        series.update(seen)
        seen[-1] = bar
        series.update(seen)
    assert_same(series, final, timeframe)


def test_a_live_bar_may_be_amended_in_place() -> None:
    bars = minutes(33)
    series = afresh(bars, 5)
    bars[-1].close += 7
    bars[-1].high += 9
    series.update(bars)
    assert_same(series, bars, 5)


def test_a_sliding_window_keeps_the_bars_that_slid_out() -> None:
    bars = minutes(300)
    series = Series(5, (20, 50))
    for end in range(100, 301):
        series.update(bars[end - 100 : end])
    assert_same(series, bars, 5)


def test_another_history_is_read_anew() -> None:
    series = afresh(minutes(100), 5)
    other = minutes(100, seed=2)
    series.update(other)
    assert_same(series, other, 5)


def test_a_filled_gap_is_read_anew() -> None:
    bars = minutes(100)
    series = afresh(bars[:40] + bars[50:], 5)
    series.update(bars)
    assert_same(series, bars, 5)


def test_a_step_back_in_time_is_read_anew() -> None:
    bars = minutes(100)
    series = afresh(bars, 5)
    series.update(bars[:57])
    assert_same(series, bars[:57], 5)


def test_a_live_tick_reads_one_minute_and_not_the_day() -> None:
    class Counting(list[Candle]):
        reads = 0

        def __getitem__(self, key: Any) -> Any:
            self.reads += 1
            return super().__getitem__(key)

    bars = Counting(minutes(1440))
    series = afresh(bars, 5)
    bars.reads = 0
    series.update(bars)
    assert bars.reads < 40


def test_the_average_begins_as_the_mean_of_the_first_closes() -> None:
    bars = minutes(30)
    ema = Ema(20)
    ema.follow(bars, 0)
    assert ema.at(18) is None
    seed = sum(b.close for b in bars[:20]) / 20
    assert ema.at(19) == pytest.approx(seed)
    assert ema.at(20) == pytest.approx(seed + 2 / 21 * (bars[20].close - seed))
    assert ema.at(30) is None


def test_averages_are_of_the_timeframe_also_where_bars_are_merged() -> None:
    bars = minutes(400)
    shown = Feed().read(bars, 5, 4)
    five = afresh(bars, 5)
    assert [b.open_time // MINUTE_NS for b in shown.bars[:3]] == [0, 20, 40]
    assert shown.average(0, 9) == five.emas[0].at(39)


@pytest.mark.parametrize("bad", [nan, inf, -inf, 1e300])
def test_a_broken_bar_is_left_out(bad: float) -> None:
    bars = minutes(10)
    bars[4] = Candle(bars[4].open_time, 1.0, bad, 1.0, 1.0, 1.0)
    series = afresh(bars, 1)
    assert [b.open_time // MINUTE_NS for b in series.bars] == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_high_and_low_enclose_open_and_close_whatever_the_feed_says() -> None:
    series = afresh([Candle(0, 5.0, 1.0, 9.0, 7.0, -3.0)], 1)
    assert series.bars == [Candle(0, 5.0, 7.0, 5.0, 7.0, 0.0)]


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=60, unique=True).map(sorted),
    st.sampled_from([1, 5, 15, 60]),
    st.data(),
)
def test_any_split_of_the_reading_gives_the_same_bars(opens: list[int], timeframe: int, data: st.DataObject) -> None:
    bars = [Candle(i * MINUTE_NS, 10.0 + i % 7, 20.0, 5.0, 10.0 + i % 5, 1.0) for i in opens]
    series = Series(timeframe, (3,))
    end = 0
    while end < len(bars):
        end = data.draw(st.integers(end + 1, len(bars)))
        series.update(bars[:end])
    whole = Series(timeframe, (3,))
    whole.update(bars)
    assert series.bars == whole.bars
    assert series.emas[0].values == pytest.approx(whole.emas[0].values)
    assert series.ends == whole.ends
