"""What counts as candles, and what is wrong with those that do not: the row and the rule are named."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from backtest_kit import COINS, MINUTE_NS, T0, candle, flat, rules, walk

from engine import backtest, bars
from engine.model.market import Candle
from engine.runner.data import DataError

ROWS = [candle(n, 100.0 + n, 101.0 + n, 99.0 + n, 100.5 + n) for n in range(5)]
NAMES = ("open_time", "open", "high", "low", "close", "volume")


def columns(**changes: Any) -> dict[str, Any]:
    return {name: [getattr(row, name) for row in ROWS] for name in NAMES} | changes


@pytest.mark.parametrize("unit", [1_000_000_000, 1_000_000, 1_000, 1])
def test_times_may_be_in_seconds_to_nanoseconds(unit: int) -> None:
    assert bars(columns(open_time=[row.open_time // unit for row in ROWS])) == bars(ROWS)


def test_columns_rows_arrays_and_other_names_give_the_same_candles() -> None:
    known = bars(ROWS)
    assert bars([tuple(getattr(row, name) for name in NAMES) for row in ROWS]) == known
    named = dict(zip(("Timestamp", "Open", "HIGH", "l", "c", "Vol"), columns().values(), strict=True))
    assert bars(named) == known
    assert (
        bars({name: array("q" if name == "open_time" else "d", column) for name, column in columns().items()}) == known
    )
    assert bars(known) is known


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    start = datetime.fromtimestamp(T0 / 1e9, UTC)
    naive = [(start + timedelta(minutes=n)).replace(tzinfo=None) for n in range(5)]
    abroad = [(start + timedelta(minutes=n)).astimezone(timezone(timedelta(hours=2))) for n in range(5)]
    assert bars(columns(open_time=naive)) == bars(columns(open_time=abroad)) == bars(ROWS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"high": [101, 102, 90, 104, 105]}, "row 2: high is under open"),
        ({"low": [99, 100, 101, 103.8, 103]}, "row 3: low is over open"),
        ({"close": [100.5, float("nan"), 102.5, 103.5, 104.5]}, "row 1: close is not a finite number"),
        ({"low": [99, -1, 101, 102, 103]}, "row 1: a price is not over 0"),
        ({"volume": [1, 1, 1, 1, -1]}, "row 4: volume is negative"),
        ({"open_time": [T0 + n * MINUTE_NS for n in (0, 1, 1, 3, 4)]}, "row 2: the time is not after"),
        ({"open_time": [T0, T0 + 1, T0 + 2, T0 + 3, T0 + 4]}, "not of one minute"),
        ({"open": ["x", 1, 1, 1, 1]}, "column open: not a number"),
        ({"open": [1.0]}, "different lengths"),
    ],
)  # fmt: skip
def test_a_broken_rule_names_its_row(change: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        bars(columns(**change))


def test_a_missing_column_says_what_it_may_be_called() -> None:
    data = columns()
    del data["volume"]
    with pytest.raises(DataError, match=r"no column for volume \(one of volume, vol, v\)"):
        bars(data)
    with pytest.raises(DataError, match="no candles"):
        bars({name: [] for name in NAMES})


def test_gaps_and_bars_without_volume_are_known_by_their_rows() -> None:
    rows = [flat(0, 100.0), flat(1, 100.0, volume=0.0), flat(3, 100.0), flat(4, 100.0)]
    assert bars(rows).odd == [1, 2]
    assert bars(ROWS).odd == []


def test_the_hash_is_of_every_number() -> None:
    changed = [*ROWS[:4], Candle(ROWS[4].open_time, 104.0, 105.0, 103.0, 104.5, 10.000001)]
    assert bars(changed).digest != bars(ROWS).digest == bars(columns()).digest


def test_numpy_arrays_and_frames_are_taken_where_they_are_installed() -> None:
    numpy = pytest.importorskip("numpy")
    arrays = {name: numpy.array(column) for name, column in columns().items()}
    assert bars(arrays) == bars(ROWS)
    arrays["open_time"] = arrays["open_time"].astype("datetime64[ns]")
    assert bars(arrays) == bars(ROWS)


def test_errors_of_the_call_say_what_to_do() -> None:
    from engine.model.errors import CockpitError
    from engine.strategies.registry import StrategyError, build

    with pytest.raises((CockpitError, StrategyError), match="ma_cross"):
        backtest(ROWS, "ma_crosss", profile=rules(), instrument=COINS)
    with pytest.raises(CockpitError, match="params belong"):
        backtest(ROWS, build("ma_cross", {}), params={"fast": 3}, profile=rules(), instrument=COINS)


def test_the_five_lines_of_a_notebook_work() -> None:
    result = backtest(walk(300, 1), "ma_cross", params={"fast": 5, "slow": 20})
    assert "fills at the open of the next one" in str(result)
    assert len(result.equity) == 300
    assert result.state.session.ended.startswith("end of data")
