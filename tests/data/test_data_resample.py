"""Minutes made into other intervals: the same as the definition says, in UTC."""

from __future__ import annotations

from math import fsum

import pytest
from data_kit import T0, candle, candles
from hypothesis import given
from hypothesis import strategies as st

from engine.data.contract import CandleError
from engine.data.moments import minute
from engine.data.resample import interval_ns, resample
from engine.model.market import MINUTE_NS, Candle


def naive(rows: list[Candle], minutes: int) -> tuple[list[Candle], list[int]]:
    """All buckets, and the incomplete ones, by asking of every minute of time which candle it has."""
    known = {row.open_time // MINUTE_NS: row for row in rows}
    made, incomplete = [], []
    for number in range(min(known) // minutes, max(known) // minutes + 1):
        inside = [known[m] for m in range(number * minutes, (number + 1) * minutes) if m in known]
        if not inside:
            continue
        t = number * minutes * MINUTE_NS
        high, low = max(row.high for row in inside), min(row.low for row in inside)
        made.append(Candle(t, inside[0].open, high, low, inside[-1].close, fsum(row.volume for row in inside)))
        if len(inside) < minutes:
            incomplete.append(t)
    return made, incomplete


@given(
    st.lists(st.integers(0, 600), min_size=1, max_size=200, unique=True).map(sorted),
    st.integers(1, 240),
    st.floats(1.0, 1e5),
)
def test_any_number_of_minutes_is_what_the_definition_says(minutes: list[int], length: int, price: float) -> None:
    rows = [candle(n, price + n % 11, volume=n / 7) for n in minutes]
    every, incomplete = naive(rows, length)
    kept = resample(rows, f"{length}m", keep_incomplete=True)
    assert (kept.candles, kept.incomplete) == (every, incomplete)
    assert resample(rows, f"{length}m").candles == [bucket for bucket in every if bucket.open_time not in incomplete]


@pytest.mark.parametrize(
    ("interval", "opens"),
    [
        ("15m", "2024-01-01 00:15"), ("1h", "2024-01-01 01:00"), ("4h", "2024-01-01 04:00"), ("1d", "2024-01-02 00:00"),
        ("1w", "2024-01-08 00:00"),
    ],
)  # fmt: skip
def test_buckets_begin_at_round_times_in_utc_and_weeks_on_monday(interval: str, opens: str) -> None:
    rows = candles(8 * 24 * 60)
    assert minute(resample(rows, interval, keep_incomplete=True).candles[1].open_time) == opens


def test_a_day_with_a_missing_minute_is_incomplete() -> None:
    rows = candles(3 * 1440)
    del rows[1440 + 700]
    found = resample(rows, "1d")
    assert [row.open_time for row in found.candles] == [T0, T0 + 2 * 1440 * MINUTE_NS]
    assert found.incomplete == [T0 + 1440 * MINUTE_NS]


@pytest.mark.parametrize("text", ["", "m", "0m", "5", "5s", "-5m", "1.5h", "9999999m", "60w", "5M", "٥m", "5m\n"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(CandleError, match="is no interval"):
        interval_ns(text)
