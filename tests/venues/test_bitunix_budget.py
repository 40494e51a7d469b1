"""How many requests may leave, and what the venue's answers tell about its clock."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.bitunix.budget import Budget, Throttled, Window
from engine.venues.bitunix.clock import VenueClock

# --- the budget -----------------------------------------------------------------------------------------------------


class Timer:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0.0, 0.4), st.sampled_from(["read", "normal", "reserve"])), max_size=80))
def test_no_second_ever_holds_more_than_the_limit(calls: list[tuple[float, Any]]) -> None:
    timer = Timer()
    window = Window(8, 2, timer)
    sent: list[tuple[float, str]] = []
    for pause, lane in calls:
        timer.now += pause
        if window.wait(lane) == 0.0:
            window.take()
            sent.append((timer.now, lane))
    for at, _ in sent:
        second = [lane for other, lane in sent if at <= other < at + 1.0]
        assert len(second) <= 8
        assert second.count("read") <= 4


def test_cancels_have_room_when_reads_and_orders_have_none() -> None:
    timer = Timer()
    budget = Budget(8, 2, timer)
    spent = []
    for lane in ("read", "normal", "reserve"):
        count = 0
        while budget.wait(("account",), lane) == 0.0:
            budget._windows["account"].take()
            count += 1
        spent.append(count)
    assert spent == [4, 2, 2]


async def test_an_order_without_room_is_refused_and_not_queued() -> None:
    budget = Budget(2, 1, asyncio.get_running_loop().time)
    await budget.acquire(("account",), "normal", 0.25)
    began = time.monotonic()
    with pytest.raises(Throttled):
        await budget.acquire(("account",), "normal", 0.25)
    assert time.monotonic() - began < 0.1


def test_the_pause_after_complaints_doubles_and_spares_the_reserve() -> None:
    timer = Timer()
    budget = Budget(8, 2, timer)
    budget.complained(None)
    budget.complained(None)
    assert (budget.wait(("account",), "normal"), budget.wait(("account",), "reserve")) == (2.0, 0.0)
    budget.complained(7.0)
    assert budget.wait(("account",), "reserve") == 7.0


# --- the clock ------------------------------------------------------------------------------------------------------

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
T0 = 1_767_225_600_000_000_000
MS = 1_000_000


def test_one_answer_bounds_the_offset_within_a_second() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0 - 2000 * MS, T0 - 1990 * MS)
    assert 1990 <= clock.offset_ms <= 3000
    assert clock.uncertainty_ms == pytest.approx(505)


def test_several_answers_narrow_it() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0 + 100 * MS, T0 + 101 * MS)
    clock.answered(DATE, T0 + 950 * MS, T0 + 951 * MS)
    assert clock.uncertainty_ms < 100


def test_contradictory_answers_mean_that_a_clock_was_set() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0, T0 + MS)
    clock.answered(DATE, T0 - 3_600_000 * MS, T0 - 3_600_000 * MS + MS)
    assert clock.offset_ms == pytest.approx(3_600_500, abs=2)


@given(st.text(max_size=40))
def test_a_date_that_cannot_be_read_says_nothing(date: str) -> None:
    clock = VenueClock()
    clock.answered(date, T0, T0)
    assert not clock.known or abs(clock.offset_ms) < 1e18


def test_a_clock_set_during_a_request_says_nothing() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0, T0 - 3_600_000 * MS)
    assert not clock.known


def test_a_market_that_lives_in_another_year_does_not_move_the_clock() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0, T0 + MS)
    before = clock.offset_ms
    clock.pushed(T0 - 10**17, T0)
    assert clock.offset_ms == before
    assert clock.market_ns(T0 + 5) == T0 - 10**17 + 5


def test_a_market_that_runs_faster_and_passes_the_clock_does_not_move_it() -> None:
    clock = VenueClock()
    clock.answered(DATE, T0, T0 + MS)
    before = clock.offset_ms
    for ahead_ms in range(-2000, 2000, 100):
        clock.pushed(T0 + ahead_ms * MS, T0)
    assert clock.offset_ms == before
