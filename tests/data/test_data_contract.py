"""The data contract: each rule, by its row; and the engine's own door takes and refuses the same candles."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import msgspec
import pytest
from data_kit import T0, candle, candles
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.contract import GAPS_KEPT, RULES, CandleError, Gap, Inspection, batch_of, inspect
from engine.model.market import MINUTE_NS, Candle
from engine.runner.data import DataError, bars

OUTSIDE, OFF_GRID = "the time is outside the years 1970 to 2262", "the time is not on the grid of the interval"


def with_change(row: int, **change: Any) -> list[Candle]:
    rows = candles(5)
    rows[row] = msgspec.structs.replace(rows[row], **change)
    return rows


@pytest.mark.parametrize(
    ("row", "change", "rules"),
    [
        (2, {"open_time": T0 + MINUTE_NS}, ["the time repeats the row before"]),
        (3, {"open_time": T0}, ["the time is before the row before"]),
        (0, {"open_time": -MINUTE_NS}, [OUTSIDE]),
        (4, {"open_time": 1 << 63}, [OUTSIDE, OFF_GRID]),
        (1, {"open_time": T0 + MINUTE_NS + 1}, [OFF_GRID]),
        (1, {"open": nan}, ["open is not a finite number"]),
        (1, {"high": inf}, ["high is not a finite number", "a price is out of all bounds"]),
        (1, {"low": -inf}, ["low is not a finite number", "a price is not over 0"]),
        (1, {"close": nan}, ["close is not a finite number"]),
        (1, {"volume": nan}, ["volume is not a finite number"]),
        (1, {"low": 0.0}, ["a price is not over 0"]),
        (1, {"high": 1e15}, ["a price is out of all bounds"]),
        (1, {"high": 101.2}, ["high is under close"]),
        (1, {"high": 100.9}, ["high is under open", "high is under close"]),
        (1, {"low": 101.2}, ["low is over open"]),
        (1, {"low": 101.7}, ["low is over open", "low is over close"]),
        (1, {"volume": -0.1}, ["volume is negative"]),
        (1, {"volume": 1e15}, ["volume is out of all bounds"]),
    ],
)  # fmt: skip
def test_a_violation_names_its_row_and_its_rule(row: int, change: dict[str, Any], rules: list[str]) -> None:
    found = inspect(with_change(row, **change))
    assert [(violation.row, violation.rule) for violation in found.violations] == [(row, rule) for rule in rules]
    with pytest.raises(CandleError, match=f"row {row}: {rules[0]}"):
        found.refuse("x.csv")


def test_every_rule_has_a_case_here() -> None:
    marks = test_a_violation_names_its_row_and_its_rule.pytestmark  # type: ignore[attr-defined]
    covered = {rule for case in marks[0].args[1] for rule in case[2]} | {
        "the candle is not over yet: its end is in the future"
    }
    assert covered == {rule.words for rule in RULES}


def test_a_candle_is_over_at_its_end_and_not_before() -> None:
    rows = candles(3)
    end = rows[-1].open_time + MINUTE_NS
    assert not inspect(rows, now=end).count
    assert [violation.row for violation in inspect(rows, now=end - 1).violations] == [2]


def test_all_violations_are_counted_and_the_first_are_kept_in_the_order_of_the_rows() -> None:
    rows = [candle(n, volume=-1.0) for n in range(50)]
    rows[7].high = 1.0
    found = inspect(rows, shown=9)
    assert found.counts["volume is negative"] == 50
    assert found.count == 52
    assert [violation.row for violation in found.violations] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    with pytest.raises(CandleError, match=r"52 violations.*and 43 more"):
        found.refuse("x")


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_batches_of_any_size_tell_the_same_as_one(sizes: list[int]) -> None:
    rows = candles(sum(sizes))
    rows[-1].volume = -1.0
    rows = rows[:3] + rows[5:]
    whole, parts = inspect(rows), Inspection()
    at = 0
    for size in sizes:
        parts.take(batch_of(rows[at : at + size], at))
        at += size
    for name in ("violations", "counts", "gaps", "missing", "rows", "first", "last", "adjacent"):
        assert getattr(whole, name) == getattr(parts, name), name


def test_gaps_break_no_rule_but_are_listed() -> None:
    rows = candles(3) + candles(2, first=5) + candles(1, first=100)
    found = inspect(rows)
    assert not found.count
    assert found.gaps == [
        Gap(T0 + 3 * MINUTE_NS, T0 + 4 * MINUTE_NS, 2),
        Gap(T0 + 7 * MINUTE_NS, T0 + 99 * MINUTE_NS, 93),
    ]
    assert (found.gap_count, found.missing) == (2, 95)
    many = inspect([candle(2 * n) for n in range(GAPS_KEPT + 50)])
    assert (many.gap_count, len(many.gaps)) == (GAPS_KEPT + 49, GAPS_KEPT)


def test_candles_of_another_interval_are_not_taken_for_minutes_with_gaps() -> None:
    with pytest.raises(CandleError, match="no two candles are 60 s apart"):
        inspect([candle(5 * n) for n in range(10)]).refuse_file("five.csv")


ODD = st.sampled_from([nan, inf, -inf, -1.0, 0.0, 1e-300, 99.0, 100.0, 101.0, 1e14, 1e15, 1e308])
CHANGES = st.tuples(st.integers(0, 7), st.sampled_from(["open", "high", "low", "close", "volume"]), ODD)
TIMES = st.tuples(
    st.integers(0, 7), st.just("open_time"), st.sampled_from([T0, T0 + 1, T0 + 3 * MINUTE_NS, T0 + 99 * MINUTE_NS])
)


@settings(max_examples=400)
@given(st.integers(1, 8), st.lists(CHANGES | TIMES, max_size=4))
def test_the_store_and_the_engine_refuse_the_same_candles(count: int, changes: list[tuple[int, str, float]]) -> None:
    rows = candles(count)
    for row, name, value in changes:
        rows[row % count] = msgspec.structs.replace(rows[row % count], **{name: value})
    try:
        bars(rows)
        accepted = True
    except DataError:
        accepted = False
    assert accepted == (not inspect(rows).count), inspect(rows).violations
