"""The candle store: what is written is read, month by month, by several at once, and nothing leaves its folder."""

from __future__ import annotations

import calendar
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from data_kit import T0, candle, candles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.contract import CandleError, Gap
from engine.data.moments import minute, moment, month_bounds, month_of
from engine.data.months import monthly
from engine.data.store import Store, Written, names
from engine.model.market import MINUTE_NS, Candle

DAY = 1440


def test_what_is_written_is_read_to_the_last_digit(tmp_path: Path) -> None:
    rows = [candle(n, 0.1 + n / 3, volume=n * 1e-9) for n in range(1, 500)]
    rows = [msgspec.structs.replace(row, low=0.05) for row in rows]
    assert Store(tmp_path).write("bitunix", "BTCUSDT", rows, "test") == Written(499, 0, 0, ["2024-01"], [])
    assert Store(tmp_path).read("bitunix", "BTCUSDT") == rows
    assert Store(tmp_path).check("bitunix", "BTCUSDT") == []


def test_a_range_includes_its_begin_and_not_its_end(tmp_path: Path) -> None:
    store, rows = Store(tmp_path), candles(100)
    store.write("v", "S", rows, "test")
    assert store.read("v", "S", rows[10].open_time, rows[20].open_time) == rows[10:20]
    assert store.read("v", "S", rows[10].open_time + 1) == rows[11:]
    assert store.read("v", "S", to_t=rows[0].open_time) == []


def test_months_begin_at_midnight_utc(tmp_path: Path) -> None:
    store, rows = (
        Store(tmp_path),
        candles(5, first=31 * DAY - 2) + candles(5, first=60 * DAY - 2) + candles(4, first=366 * DAY - 2),
    )
    store.write("v", "S", rows, "test")
    place = tmp_path / "v" / "S"
    assert sorted(path.name for path in place.glob("*.parquet")) == [
        "2024-01.parquet", "2024-02.parquet", "2024-03.parquet", "2024-12.parquet", "2025-01.parquet",
    ]  # fmt: skip
    feb = store.read("v", "S", *month_bounds("2024-02"))
    assert [minute(row.open_time) for row in feb] == [
        "2024-02-01 00:00", "2024-02-01 00:01", "2024-02-01 00:02", "2024-02-29 23:58", "2024-02-29 23:59",
    ]  # fmt: skip
    assert store.read("v", "S") == rows
    listed = store.listed()[0]
    assert (listed.rows, listed.months, listed.gaps) == (14, 5, 2)
    assert [gap.bars for gap in store.gaps("v", "S")] == [29 * DAY - 5, 306 * DAY - 5]
    assert listed.missing == 335 * DAY - 10


@given(st.integers(0, (1 << 63) - 1))
def test_every_instant_is_in_its_month(t: int) -> None:
    begin, end = month_bounds(month_of(t))
    assert begin <= t < end
    year, number = map(int, month_of(t).split("-"))
    assert end - begin == calendar.monthrange(year, number)[1] * DAY * MINUTE_NS


@given(st.lists(st.integers(0, 100 * DAY), max_size=30, unique=True).map(sorted), st.integers(1, 7))
def test_parts_of_any_size_make_the_same_months(minutes: list[int], size: int) -> None:
    rows = [candle(n) for n in minutes]
    whole = list(monthly([rows]))
    assert list(monthly(rows[n : n + size] for n in range(0, len(rows), size))) == whole
    assert [row for _, part in whole for row in part] == rows
    assert all(month_of(row.open_time) == month for month, part in whole for row in part)


def test_a_second_write_is_merged_with_the_first(tmp_path: Path) -> None:
    store, rows = Store(tmp_path), candles(100)
    store.write("v", "S", rows[40:60], "b.csv")
    assert store.write("v", "S", rows[:50], "a.csv") == Written(40, 0, 10, ["2024-01"], [])
    assert store.write("v", "S", rows[60:], "b.csv") == Written(40, 0, 0, ["2024-01"], [])
    assert store.write("v", "S", rows, "again") == Written(0, 0, 100, [], [])
    assert store.read("v", "S") == rows
    assert '"source": "b.csv; a.csv"' in (tmp_path / "v" / "S" / "manifest.json").read_text()


def test_the_same_minute_with_other_values_is_an_error_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    store, rows = Store(tmp_path), candles(50)
    store.write("v", "S", rows, "a")
    other = [*rows[10:20], candle(20, 200.0), candle(21, 200.0), *candles(5, first=60)]
    with pytest.raises(CandleError, match=r"2 of 17 minutes .* other values, the first at 2024-01-01 00:20"):
        store.write("v", "S", other, "b")
    assert store.read("v", "S") == rows
    assert store.compare("v", "S", other) == [candle(20).open_time, candle(21).open_time]
    assert store.write("v", "S", other, "b", replace=True) == Written(5, 2, 10, ["2024-01"], [])
    assert store.read("v", "S", candle(20).open_time, candle(22).open_time) == other[10:12]


@pytest.mark.parametrize("rows", [[], [candle(1), candle(0)], [candle(0), candle(0)], [candle(0, volume=-1.0)]])
def test_what_breaks_the_contract_is_not_written(tmp_path: Path, rows: list[Candle]) -> None:
    with pytest.raises(CandleError):
        Store(tmp_path).write("v", "S", rows, "test")
    assert list(tmp_path.iterdir()) == []


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    rows = candles(240, first=31 * DAY - 120)

    def write(n: int) -> None:
        Store(tmp_path).write("v", "S", rows[n::6], f"part {n}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert Store(tmp_path).read("v", "S") == rows
    assert Store(tmp_path).check("v", "S") == []


def test_a_reader_sees_whole_months_while_another_writes(tmp_path: Path) -> None:
    rows = candles(60)
    Store(tmp_path).write("v", "S", rows[:10], "first")

    def write() -> None:
        for n in range(10, 60, 2):
            Store(tmp_path).write("v", "S", rows[n : n + 2], "more")

    with ThreadPoolExecutor(1) as pool:
        done, seen = pool.submit(write), 0
        while not done.done():
            found = Store(tmp_path).read("v", "S")
            assert found == rows[: len(found)]
            assert len(found) >= seen
            seen = len(found)
        done.result()
    assert Store(tmp_path).read("v", "S") == rows


HOSTILE = ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "~", ".hidden", "a..b", "x\x00", "x\n", "x\x1b[2J", "-x", "x-", "a:b",
           "CON", "nul.txt", "x" * 65, "bítcoin", "a b", "*", "%2e%2e"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_shown_harmlessly(tmp_path: Path, name: str) -> None:
    for venue, symbol in ((name, "BTCUSDT"), ("v", name)):
        for act in (
            lambda v=venue, s=symbol: Store(tmp_path).write(v, s, candles(3), "test"),
            lambda v=venue, s=symbol: Store(tmp_path).read(v, s),
            lambda v=venue, s=symbol: Store(tmp_path).check(v, s),
        ):
            with pytest.raises(CandleError, match="is no name of a") as caught:
                act()
            assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(venue=st.text(max_size=12), symbol=st.text(max_size=12))
def test_no_name_at_all_leaves_the_folder(tmp_path: Path, venue: str, symbol: str) -> None:
    try:
        place = tmp_path.joinpath(*names(venue, symbol)).resolve()
    except CandleError:
        return
    assert place.parent.parent == tmp_path.resolve()


def test_a_link_that_leads_out_of_the_store_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "data", tmp_path / "outside"
    (inside / "v").mkdir(parents=True)
    outside.mkdir()
    (inside / "v" / "S").symlink_to(outside)
    with pytest.raises(CandleError, match="a link out of the store"):
        Store(inside).write("v", "S", candles(3), "test")
    assert list(outside.iterdir()) == []
    assert Store(inside).listed() == []


def test_small_and_capital_letters_are_one_series(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("BitUnix", "btcusdt", candles(3), "a")
    store.write("bitunix", "BTCUSDT", candles(3, first=3), "a")
    assert [(row.venue, row.symbol, row.rows) for row in store.listed()] == [("bitunix", "BTCUSDT", 6)]


def test_a_series_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(CandleError, match="the store is empty"):
        store.read("v", "S")
    store.write("v", "S", candles(3), "a")
    with pytest.raises(CandleError, match="there is v/S"):
        store.read("v", "ETHUSDT")


def test_check_names_candles_of_the_future_and_gaps_are_no_problem(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("v", "S", candles(3) + candles(3, first=10), "a")
    assert store.check("v", "S", T0 + 13 * MINUTE_NS) == []
    assert store.gaps("v", "S") == [Gap(T0 + 3 * MINUTE_NS, T0 + 9 * MINUTE_NS, 7)]
    assert [str(p) for p in store.check("v", "S", T0 + 12 * MINUTE_NS)] == [
        f"2024-01: row 5: the candle is not over yet: its end is in the future ({T0 + 12 * MINUTE_NS})"
    ]


NOW = moment("2024-05-01T12:00", 0)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2024-01-01", T0), ("2024-01-01T12:30", T0 + 750 * MINUTE_NS), ("2024-01-01 00:01:00Z", T0 + MINUTE_NS),
        ("2024-01-01T02:00+02:00", T0), ("-30d", NOW - 30 * DAY * MINUTE_NS), ("-90m", NOW - 90 * MINUTE_NS),
        ("-2w", NOW - 14 * DAY * MINUTE_NS), ("-999999d", 0),
    ],
)  # fmt: skip
def test_moments_are_dates_times_and_spans_before_now(text: str, means: int) -> None:
    assert moment(text, NOW) == means


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "2024-01-01T25:00", "30d", "-30y", "1969-12-31", "2300-01-01", "-٣d"]
)
def test_other_words_are_no_moments(text: str) -> None:
    with pytest.raises(CandleError, match="is no moment"):
        moment(text, NOW)
