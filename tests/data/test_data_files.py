"""Candles by the names people have for them: files, recordings, series; in and out of the store, all or nothing."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from data_kit import T0, candle, candles, write_csv
from pyarrow import parquet as pq

from engine.data.contract import CandleError
from engine.data.exporting import export_series
from engine.data.importing import import_file
from engine.data.load import Loaded, candles_from, told_by
from engine.data.moments import minute
from engine.data.resample import resample
from engine.data.store import Store
from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle
from engine.ops.paths import Home
from engine.runner.data import bars

NOW = T0 + 400 * 1440 * MINUTE_NS
RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
ROWS = candles(300)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home" / "sessions").mkdir(parents=True)
    return Home(tmp_path / "home")


def taken(home: Home, path: Path, *, symbol: str = "", **more: bool) -> list[Candle]:
    """What is in the store after an import."""
    store = Store(home.data)
    (result,) = import_file(store, path, venue="", symbol=symbol, now=NOW, **more)
    return store.read(result.venue, result.symbol)


# --- files -----------------------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[Candle], str]] = {
    "seconds": lambda c: f"{c.open_time // 10**9}",
    "fractions of a second": lambda c: f"{c.open_time // 10**9}.0",
    "milliseconds": lambda c: f"{c.open_time // 10**6}",
    "microseconds": lambda c: f"{c.open_time // 10**3}",
    "nanoseconds": lambda c: f"{c.open_time}",
    "iso": lambda c: f"{minute(c.open_time)}:00Z",
    "with an offset": lambda c: f"{minute(c.open_time + 120 * MINUTE_NS).replace(' ', 'T')}:00+02:00",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_times_are_read_in_every_usual_spelling(home: Home, tmp_path: Path, spelling: str) -> None:
    told = SPELLINGS[spelling]
    lines = ["Volume,Close,Low,High,Open,Timestamp,ignored"]
    lines += [f"{c.volume},{c.close},{c.low},{c.high},{c.open},{told(c)},x" for c in ROWS]
    path = tmp_path / "btcusdt-1m.csv"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n\r\n", encoding="utf-8")
    assert candles_from(str(path), home) == Loaded(ROWS, str(path), "BTCUSDT")
    assert taken(home, path) == ROWS


def test_a_gzipped_file_and_one_without_a_last_line_break_are_read(home: Home, tmp_path: Path) -> None:
    text = write_csv(tmp_path / "x.csv", ROWS).read_text().rstrip()
    path = tmp_path / "ethusdt.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert candles_from(str(path), home).candles == ROWS
    assert taken(home, path) == ROWS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no column for time"),
        ("open_time,open,high,low,close\n", "there is no column for volume"),
        ("open_time,open,high,low,close,volume\n", "there are no candles in it"),
        ("{h}\n{0}\n1704067260000,1,2\n", "row 3 has too few columns"),
        ("{h}\n{0}\n\n1704067260000,x,2,1,1,1\n", "row 4: open is 'x', not a number"),
        ("{h}\n{0}\n1704067260000,1_0,2,1,1,1\n", "row 3: open is '1_0', not a number"),
        ("{h}\n{0}\n1704067260000,\x1b[2J,2,1,1,1\n", r"row 3: open is '\x1b[2J', not a number"),
        ("{h}\n{0}\n2024-01-01 00:01:00,1,2,1,1,1\n", "row 3: the time '2024-01-01 00:01:00' has no zone"),
        ("{h}\n{0}\nnoon,1,2,1,1,1\n", "row 3: the time 'noon' is not a time"),
        ("{h}\n{0}\n99999999999999999999,1,2,1,1,1\n", "row 3: the time '99999999999999999999' is not a time"),
        ("{h}\n{0}\n1704067260000,1,2,nan,1,1\n", "row 3: low is not a finite number"),
        ("{h}\n{0}\n1704067260000,1,0.5,0.2,1,1\n", "row 3: high is under open (0.5, 1.0)"),
        ("{h}\n{0}\n\"a\nb\",1,2,1,1,1\n", "has a line break in a cell"),
        ("{h}\n{0}\n" + "9" * 3_000_000, "a line is longer than 65,536 characters"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line_that_names_the_row_and_nothing_is_stored(
    home: Home, tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "btcusdt.csv"
    header = "open_time,open,high,low,close,volume"
    path.write_text(text.replace("{h}", header).replace("{0}", "1704067200000,100,101,99,100.5,1"))
    for act in (lambda: candles_from(str(path), home), lambda: taken(home, path)):
        with pytest.raises(CandleError) as caught:
            act()
        assert says in caught.value.what
        assert str(path) == caught.value.where
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600
    assert not home.data.exists()


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"open_time,open\xff\n"])
def test_what_is_no_text_is_told(home: Home, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "btcusdt.csv").write_bytes(raw)
    with pytest.raises(CandleError, match="is not UTF-8"):
        taken(home, tmp_path / "btcusdt.csv")


@pytest.mark.parametrize("cut", [0, 5, 40, -9])
def test_a_torn_gzip_is_told(home: Home, tmp_path: Path, cut: int) -> None:
    packed = gzip.compress(write_csv(tmp_path / "x.csv", ROWS).read_bytes())
    (tmp_path / "btcusdt.csv.gz").write_bytes(packed[:cut])
    with pytest.raises(CandleError):
        taken(home, tmp_path / "btcusdt.csv.gz")


def test_times_without_a_zone_are_utc_if_one_says_so(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "btcusdt.csv"
    lines = [f"{minute(c.open_time)},{c.open},{c.high},{c.low},{c.close},{c.volume}" for c in ROWS]
    path.write_text("\n".join(["date,o,h,l,c,v", *lines]))
    with pytest.raises(CandleError, match="--utc"):
        taken(home, path)
    assert taken(home, path, naive_is_utc=True) == ROWS


def frame(kind: pa.DataType, rows: list[Candle] = ROWS) -> pa.Table:
    scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit] if pa.types.is_timestamp(kind) else 10**6
    times = pa.array([c.open_time // scale for c in rows], pa.int64()).cast(kind)
    names = ("open", "high", "low", "close", "volume")
    return pa.table({"timestamp": times} | {name: [getattr(c, name) for c in rows] for name in names})


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ms", "UTC"), pa.timestamp("ns", "Europe/Berlin"), pa.timestamp("s", "UTC"), pa.int64()]
)
def test_parquet_of_others_is_read(home: Home, tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "solusdt_1m.parquet"
    pq.write_table(frame(kind), path, row_group_size=100)
    assert candles_from(str(path), home) == Loaded(ROWS, str(path), "SOLUSDT")
    assert taken(home, path) == ROWS


def test_bad_parquet_is_told(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "btcusdt.parquet"
    good = frame(pa.int64())
    holes = pa.array([None if n == 7 else 1.0 for n in range(300)])
    cases: list[tuple[pa.Table | bytes, str]] = [
        (b"PAR1 nonsense", "cannot be read as Parquet"),
        (b"", "cannot be read as Parquet"),
        (frame(pa.timestamp("ms")), "its times have no zone"),
        (good.drop_columns(["low"]), "there is no column for low"),
        (good.set_column(3, "low", holes), "row 7: low is missing"),
        (good.set_column(0, "timestamp", pa.array(["x"] * 300)), "its times are of the type string"),
        (good.slice(5).set_column(5, "volume", pa.array([-1.0] * 295)), "295 violations"),
    ]
    for content, says in cases:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content, path)
        with pytest.raises(CandleError, match=says):
            taken(home, path)
        with pytest.raises(CandleError, match=says):
            candles_from(str(path), home)
    assert not home.data.exists()


def test_random_bytes_are_an_error_and_never_a_crash(home: Home, tmp_path: Path) -> None:
    chance = random.Random(4)
    good = write_csv(tmp_path / "x.csv", ROWS).read_bytes()
    pq.write_table(frame(pa.int64()), tmp_path / "x.parquet")
    whole = {".csv": good, ".csv.gz": gzip.compress(good), ".parquet": (tmp_path / "x.parquet").read_bytes()}
    for _ in range(60):
        for suffix, data in whole.items():
            bad = bytearray(data)
            for _ in range(chance.randrange(1, 30)):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            path = tmp_path / f"btcusdt{suffix}"
            path.write_bytes(bad)
            with suppress(CockpitError):
                bars(candles_from(str(path), home).candles)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("btcusdt-1m-2023.csv.gz", "BTCUSDT"), ("1000PEPEUSDT.csv", "1000PEPEUSDT"), ("mine.csv", ""), ("usdt.csv", "")],
)  # fmt: skip
def test_the_name_of_a_file_may_tell_its_symbol(name: str, symbol: str) -> None:
    assert told_by(Path(name)) == ("", symbol)


# --- import ----------------------------------------------------------------------------------------------------


def test_an_import_over_several_months_is_all_or_nothing(home: Home, tmp_path: Path) -> None:
    rows = candles(3 * 1440, first=30 * 1440)
    store = Store(home.data)
    store.write("file", "BTCUSDT", [candle(32 * 1440, 500.0)], "before")
    path = write_csv(tmp_path / "btcusdt.csv", rows)
    with pytest.raises(
        CandleError, match=r"1 minutes are in the store already with other values, the first at 2024-02-02"
    ):
        taken(home, path)
    assert [row.rows for row in store.listed()] == [1]
    (result,) = import_file(store, path, venue="", symbol="", now=NOW, replace=True)
    assert (result.written.added, result.written.replaced, result.written.months) == (4319, 1, ["2024-01", "2024-02"])
    assert store.read("file", "BTCUSDT") == rows
    (again,) = import_file(store, path, venue="", symbol="", now=NOW)
    assert (again.written.added, again.written.unchanged) == (0, 4320)


def test_candles_that_are_not_over_are_not_imported(home: Home, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "btcusdt.csv", ROWS)
    with pytest.raises(CandleError, match="row 301: the candle is not over yet"):
        import_file(Store(home.data), path, venue="", symbol="", now=ROWS[-1].open_time)
    assert not home.data.exists()


def test_a_file_that_tells_no_symbol_wants_to_be_told(home: Home, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "mine.csv", ROWS)
    with pytest.raises(CandleError, match="--symbol"):
        taken(home, path)
    assert taken(home, path, symbol="BTCUSDT") == ROWS


# --- recordings ------------------------------------------------------------------------------------------------


def test_a_session_s_recording_is_imported_and_can_be_backtested(home: Home) -> None:
    loaded = candles_from(str(RECORDED), home)
    assert loaded.symbol == "BTCUSDT"
    assert bars(loaded.candles).candles == loaded.candles
    store = Store(home.data)
    (result,) = import_file(store, RECORDED, venue="", symbol="", now=0)
    assert result.venue == "simulated", "the candles of a demo are not the venue's"
    assert store.read(result.venue, "BTCUSDT") == loaded.candles
    assert candles_from("btcusdt", home).candles == loaded.candles
    assert store.check(result.venue, "BTCUSDT") == []


def test_a_recording_is_found_by_its_name_in_the_home(home: Home) -> None:
    (home.sessions / "mine.cockpit").write_bytes(RECORDED.read_bytes())
    assert candles_from("mine.cockpit", home).candles == candles_from(str(RECORDED), home).candles


def test_what_is_no_recording_is_told(home: Home, tmp_path: Path) -> None:
    (tmp_path / "x.cockpit").write_bytes(b"SQLite format 3\0 and no more")
    with pytest.raises(CockpitError):
        candles_from(str(tmp_path / "x.cockpit"), home)
    with pytest.raises(CockpitError):
        taken(home, tmp_path / "x.cockpit")


# --- series ----------------------------------------------------------------------------------------------------


def test_a_symbol_is_looked_for_in_the_store(home: Home) -> None:
    store = Store(home.data)
    store.write("bitunix", "BTCUSDT", ROWS, "test")
    for what in ("BTCUSDT", "btcusdt", "bitunix/BTCUSDT", "Bitunix/btcusdt"):
        assert candles_from(what, home) == Loaded(ROWS, "bitunix/BTCUSDT of the store", "BTCUSDT")
    part = candles_from("BTCUSDT", home, ROWS[10].open_time, ROWS[20].open_time)
    assert part.candles == ROWS[10:20]
    store.write("other", "BTCUSDT", ROWS, "test")
    with pytest.raises(CandleError, match=r"2 venues have BTCUSDT.*bitunix/BTCUSDT or other/BTCUSDT"):
        candles_from("BTCUSDT", home)


@pytest.mark.parametrize(
    "what", ["BTCUSDT", "v/BTCUSDT", "../x", "a/b/c", "no.csv", "/no/such.parquet", "x.cockpit", "", "\x1b[2J"]
)
def test_what_is_nowhere_is_told_with_what_there_is(home: Home, what: str) -> None:
    with pytest.raises(CandleError, match="the store is empty"):
        candles_from(what, home)
    Store(home.data).write("bitunix", "ETHUSDT", ROWS, "test")
    with pytest.raises(CandleError, match="the store has bitunix/ETHUSDT") as caught:
        candles_from(what, home)
    assert str(caught.value).isprintable()


def test_a_range_without_candles_is_told_with_the_range_there_is(home: Home, tmp_path: Path) -> None:
    Store(home.data).write("bitunix", "ETHUSDT", ROWS, "test")
    with pytest.raises(CandleError, match="the store has 2024-01-01 00:00 to 2024-01-01 04:59"):
        candles_from("ETHUSDT", home, T0 + 1440 * MINUTE_NS)
    path = write_csv(tmp_path / "x.csv", ROWS)
    assert candles_from(str(path), home, ROWS[3].open_time, ROWS[5].open_time).candles == ROWS[3:5]
    with pytest.raises(CandleError, match="there are no candles from 2024-01-02 00:00"):
        candles_from(str(path), home, T0 + 1440 * MINUTE_NS)


# --- export ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_reads_as_what_was_stored(home: Home, tmp_path: Path, form: str) -> None:
    store = Store(home.data)
    rows = [candle(n, 0.1 + n / 3, volume=n / 7) for n in range(31 * 1440 - 200, 31 * 1440 + 200)]
    store.write("bitunix", "BTCUSDT", rows, "test")
    path = tmp_path / f"btcusdt.{form}"
    export_series(store, "bitunix", "BTCUSDT", path, form=form)
    assert candles_from(str(path), home) == Loaded(rows, str(path), "BTCUSDT")
    part = export_series(
        store, "bitunix", "BTCUSDT", path, form=form, from_t=rows[5].open_time, to_t=rows[390].open_time
    )
    assert part.rows == 385
    assert candles_from(str(path), home).candles == rows[5:390]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_export_of_another_interval_is_the_resampling_across_months(home: Home, tmp_path: Path) -> None:
    store, rows = Store(home.data), candles(6 * 1440, first=28 * 1440 + 100)
    store.write("bitunix", "BTCUSDT", rows, "test")
    for interval in ("5m", "7m", "4h", "1d", "1w"):
        out = StringIO()
        result = export_series(store, "bitunix", "BTCUSDT", out, interval=interval)
        wanted = resample(rows, interval)
        assert (result.rows, result.dropped) == (len(wanted.candles), len(wanted.incomplete))
        lines = out.getvalue().splitlines()
        assert len(lines) == 1 + result.rows
        if result.rows:
            first = wanted.candles[0]
            assert lines[1].split(",")[0] == f"{minute(first.open_time).replace(' ', 'T')}:00Z"
            assert [float(cell) for cell in lines[1].split(",")[1:]] == [
                first.open, first.high, first.low, first.close, first.volume,
            ]  # fmt: skip


def test_an_export_tells_where_it_is_from(home: Home, tmp_path: Path) -> None:
    Store(home.data).write("bitunix", "BTCUSDT", ROWS, "test")
    path = tmp_path / "x.parquet"
    export_series(Store(home.data), "bitunix", "BTCUSDT", path, form="parquet")
    assert told_by(path) == ("bitunix", "BTCUSDT")


def test_an_export_of_nothing_leaves_the_old_file(home: Home, tmp_path: Path) -> None:
    Store(home.data).write("bitunix", "BTCUSDT", ROWS, "test")
    path = tmp_path / "x.csv"
    path.write_text("old")
    for bad in ({"from_t": NOW}, {"interval": "5s"}, {"form": "xlsx"}):
        with pytest.raises(CandleError):
            export_series(Store(home.data), "bitunix", "BTCUSDT", path, **bad)  # type: ignore[arg-type]
    assert path.read_text() == "old"
