"""Prices to rows and bars to columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.chart.scale import (
    ZOOMS,
    Scale,
    View,
    fit,
    grid_prices,
    needed_range,
    nice_step,
    time_marks,
    time_step,
)
from engine.model.market import MINUTE_NS, Candle


def bars(count: int, low: float = 99.0, high: float = 101.0) -> list[Candle]:
    return [Candle(i * MINUTE_NS, 100.0, high, low, 100.0, 1.0) for i in range(count)]


@pytest.mark.parametrize(
    ("rough", "step"),
    [(0.07, 0.1), (1.0, 1.0), (1.1, 2.0), (2.1, 2.5), (2.6, 5.0), (51.0, 100.0), (0.0, 1.0), (5e-324, 1.0)],
)
def test_steps_are_one_two_two_and_a_half_or_five(rough: float, step: float) -> None:
    assert nice_step(rough) == pytest.approx(step)


def test_the_top_of_the_range_is_the_first_row_and_the_bottom_the_last() -> None:
    scale = Scale(100.0, 200.0, 10)
    assert [scale.row(200.0), scale.row(195.0), scale.row(190.1), scale.row(100.1)] == [0, 0, 0, 9]
    assert scale.eighth(150.0) == 40
    assert scale.row(scale.price(7)) == 7


def test_grid_prices_are_round_and_not_finer_than_the_tick() -> None:
    assert grid_prices(Scale(62_013.0, 62_487.0, 24), 1) == [62_100.0, 62_200.0, 62_300.0, 62_400.0]
    tight = grid_prices(Scale(100.0, 100.4, 20), 1)
    assert all(round(p, 1) == pytest.approx(p) for p in tight)


def test_a_price_within_the_range_keeps_the_scale() -> None:
    old = fit(None, 100.0, 200.0, 20, 1)
    assert fit(old, 100.0, 203.0, 20, 1) is old
    assert fit(old, 108.0, 196.0, 20, 1) is old


def test_a_price_out_of_the_range_makes_a_new_scale() -> None:
    old = fit(None, 100.0, 200.0, 20, 1)
    new = fit(old, 100.0, 210.0, 20, 1)
    assert new.high > 210.0
    assert new != old


def test_a_range_shrunk_by_a_quarter_makes_a_new_scale() -> None:
    old = fit(None, 100.0, 200.0, 20, 1)
    assert fit(old, 110.0, 190.0, 20, 1) is old
    assert fit(old, 120.0, 190.0, 20, 1) != old


def test_other_rows_make_a_new_scale() -> None:
    old = fit(None, 100.0, 200.0, 20, 1)
    assert fit(old, 100.0, 200.0, 21, 1).rows == 21


def test_a_flat_market_still_has_a_range() -> None:
    scale = fit(None, 100.0, 100.0, 10, 2)
    assert scale.low < 100.0 < scale.high


@pytest.mark.parametrize(("rows", "reach"), [(20, 0.40), (12, 0.12)])
def test_a_level_is_pulled_into_view_only_if_near(rows: int, reach: float) -> None:
    near, far = 101.0 + 2 * reach * 0.99, 101.0 + 2 * reach * 1.01
    assert needed_range(bars(5), None, [near], rows) == (99.0, near)
    assert needed_range(bars(5), None, [far], rows) == (99.0, 101.0)


def test_zoom_runs_from_eight_candles_per_column_to_six_columns_per_candle() -> None:
    view = View()
    while view.zoom_by(-1):
        pass
    assert (view.merge, view.per) == (8, 1)
    while view.zoom_by(1):
        pass
    assert (view.merge, view.per) == (1, 6)
    assert len(ZOOMS) == 8


def test_following_shows_the_newest_bar_left_of_a_small_margin() -> None:
    window = View().window(bars(100), 60)
    assert window.stop == 100
    assert window.column(99) + 2 == window.edge < 60


def test_a_view_moved_back_stands_still_when_bars_arrive() -> None:
    view = View()
    history = bars(100)
    view.pan_to(history, 80, 60)
    before = view.window(history, 60)
    after = view.window(bars(120), 60)
    assert not view.following
    assert (before.first, before.edge, before.right) == (after.first, after.edge, after.right)


def test_moving_to_the_newest_bar_follows_again() -> None:
    view = View()
    view.pan_to(bars(100), 80, 60)
    view.pan_to(bars(100), 100, 60)
    assert view.following


def test_one_cannot_move_past_the_oldest_bars() -> None:
    view, history = View(), bars(100)
    view.pan_to(history, -500, 60)
    assert view.right(history) >= 7


@given(st.integers(1, 300), st.integers(0, 7), st.integers(0, 200), st.integers(1, 200))
def test_every_column_of_a_bar_leads_back_to_it(count: int, zoom: int, back: int, width: int) -> None:
    history = bars(count)
    view = View(zoom)
    view.pan_to(history, count - back, width)
    window = view.window(history, width)
    assert 0 <= window.first < window.stop <= count
    for i in range(window.first, window.stop):
        assert {window.bar(window.column(i) + d) for d in range(view.per)} == {i}


def test_time_labels_stand_at_round_times_and_know_the_day() -> None:
    start = 1439 - 30
    history = [Candle((start + i) * MINUTE_NS, 1.0, 1.0, 1.0, 1.0, 1.0) for i in range(60)]
    marks = time_marks(history, View().window(history, 200), 15)
    assert [(history[i].open_time // MINUTE_NS % 1440, new_day) for i, new_day in marks] == [
        (1410, False),
        (1425, False),
        (0, True),
        (15, False),
    ]


@pytest.mark.parametrize(("minutes", "step"), [(0.5, 10), (1.0, 15), (2.5, 30), (40.0, 480)])
def test_time_steps_leave_room_for_the_labels(minutes: float, step: int) -> None:
    assert time_step(minutes) >= minutes * 12
    assert time_step(minutes) >= step or step == 480
