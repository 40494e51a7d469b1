"""Candle files: read strictly, and played so that every candle can be rebuilt from its trades."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.market import MINUTE_NS, Candle
from engine.sim.candle_file import CandleFileError, CandleMarket, load_candles
from engine.sim.source import Print

HEADER = "open_time,open,high,low,close,volume\n"
T0 = 1_677_628_800  # 2023-03-01T00:00:00Z
MINUTE = 60_000


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "candles.csv"
    file.write_text(text)
    return file


def candle(minute: int, o: float, h: float, low: float, c: float, *, v: float = 1.0) -> Candle:
    return Candle((T0 + 60 * minute) * 10**9, o, h, low, c, v)


def flat(count: int, price: float = 100.0) -> list[Candle]:
    return [candle(k, price, price + 1, price - 1, price) for k in range(count)]


def rebuilt(prints: list[Print]) -> dict[int, Candle]:
    """Candles of the trades by open time."""
    candles: dict[int, Candle] = {}
    for p in prints:
        t = p.t_ms // MINUTE * MINUTE_NS
        c = candles.setdefault(t, Candle(t, p.price, p.price, p.price, p.price, 0.0))
        c.high, c.low, c.close = max(c.high, p.price), min(c.low, p.price), p.price
        c.volume += p.qty
    return candles


# ── reading ──


@pytest.mark.parametrize(
    "time",
    [
        "2023-03-01 00:00:00+00:00",
        "2023-03-01T00:00:00Z",
        "2023-03-01T01:00:00+01:00",
        "1677628800",
        "1677628800.0",
        "1677628800000",
        "1677628800000000",
        "1677628800000000000",
    ],
)
def test_times_are_iso_with_an_offset_or_an_epoch_in_any_unit(tmp_path: Path, time: str) -> None:
    assert load_candles(write(tmp_path, f"{HEADER}{time},1,3,0.5,2,7\n")) == [Candle(T0 * 10**9, 1, 3, 0.5, 2, 7)]


@pytest.mark.parametrize("name", ["open_time", "Timestamp", "TIME", "Date"])
def test_columns_are_found_by_name_in_any_case_and_order(tmp_path: Path, name: str) -> None:
    text = f"Volume,Close,{name},extra,LOW,High,Open\n7,2,{T0},x,0.5,3,1\n"
    assert load_candles(write(tmp_path, text)) == [Candle(T0 * 10**9, 1, 3, 0.5, 2, 7)]


def test_a_gzipped_file_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv.gz"
    file.write_bytes(gzip.compress(f"{HEADER}{T0},1,3,0.5,2,7\n".encode()))
    assert len(load_candles(file)) == 1


GOOD = f"{T0},10,11,9,10,1\n"


@pytest.mark.parametrize(
    ("text", "where", "rule"),
    [
        ("", "row 1", "no column open_time, open, high, low, close, volume"),
        ("open_time,open,high,close\n", "row 1", "no column low, volume"),
        (HEADER, "candles.csv", "no candles"),
        (f"{HEADER}{GOOD}{T0 + 60},10,11\n", "row 3", "has 3 of 6 columns"),
        (f"{HEADER}{GOOD}{T0 + 60},10,11,9,ten,1\n", "row 3", "close is 'ten', not a number"),
        (f"{HEADER}{T0},10,inf,9,10,1\n", "row 2", "high is 'inf', no number of a market"),
        (f"{HEADER}{T0},nan,11,9,10,1\n", "row 2", "open is 'nan', no number of a market"),
        (f"{HEADER}{T0},10,1e300,9,10,1\n", "row 2", "high is '1e300', no number of a market"),
        (f"{HEADER}{T0},10,11,0,10,1\n", "row 2", "not above 0"),
        (f"{HEADER}{T0},10,9.5,9,10,1\n", "row 2", "high 9.5 is below"),
        (f"{HEADER}{T0},10,11,10.5,11,1\n", "row 2", "low 10.5 is above"),
        (f"{HEADER}{T0},10,11,9,10,-1\n", "row 2", "negative"),
        (f"{HEADER}{GOOD}{GOOD}", "row 3", "repeats"),
        (f"{HEADER}{GOOD}{T0 - 60},10,11,9,10,1\n", "row 3", "before the row above"),
        (f"{HEADER}yesterday,10,11,9,10,1\n", "row 2", "'yesterday', not a time"),
        (f"{HEADER}.5,10,11,9,10,1\n", "row 2", "not a time"),
        (f"{HEADER}2023-03-01 00:00:00,10,11,9,10,1\n", "row 2", "no offset"),
        (f"{HEADER}9999-01-01T00:00Z,10,11,9,10,1\n", "row 2", "1970 to 2262"),
        (f"{HEADER}\x1b[31m,10,11,9,10,1\n", "row 2", r"\x1b[31m"),
    ],
)
def test_an_error_names_file_row_and_rule_in_one_line(tmp_path: Path, text: str, where: str, rule: str) -> None:
    with pytest.raises(CandleFileError) as caught:
        load_candles(write(tmp_path, text))
    message = str(caught.value)
    assert "candles.csv" in message
    assert where in message
    assert rule in message
    assert "; " in message, "says what to do"
    assert "\n" not in message
    assert message.isprintable()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, broken, binary = tmp_path / "none.csv", tmp_path / "broken.csv.gz", tmp_path / "binary.csv"
    broken.write_bytes(gzip.compress(HEADER.encode() * 100)[:-12])
    binary.write_bytes(b"\xff\xfe\x00\x81")
    plain_gz = tmp_path / "plain.csv.gz"
    plain_gz.write_text(HEADER)
    for file in (missing, broken, binary, plain_gz, tmp_path):
        with pytest.raises(CandleFileError, match=file.name):
            load_candles(file)


# ── playing ──


@st.composite
def rows(draw: st.DrawFn) -> list[Candle]:
    """Candles of all shapes, some without volume, some after a gap."""
    out, minute = [candle(0, 100.0, 101.0, 99.0, 100.0)], 0
    price = st.floats(50.0, 150.0)
    for _ in range(draw(st.integers(1, 12))):
        minute += draw(st.sampled_from([1, 1, 1, 2, 30])) if len(out) > 1 else 1
        o, c, x, y = draw(price), draw(price), draw(price), draw(price)
        shape = draw(st.sampled_from(["any", "flat", "marubozu"]))
        o, c = (x, x) if shape == "flat" else (o, c)
        high, low = (max(o, c, x, y), min(o, c, x, y)) if shape == "any" else (max(o, c), min(o, c))
        volume = draw(st.one_of(st.just(0.0), st.floats(1e-6, 1e-2), st.floats(0.01, 1e5)))
        out.append(candle(minute, o, high, low, c, v=volume))
    return out


@settings(max_examples=40, deadline=None)
@given(candles=rows(), seed=st.integers(0, 10**6), step_ms=st.sampled_from([7_300, 47_000, 10**7]))
def test_every_candle_is_rebuilt_exactly_from_its_trades(candles: list[Candle], seed: int, step_ms: int) -> None:
    market = CandleMarket("X", candles, seed=seed, tick=0.01, history_bars=1)
    end = candles[-1].open_time // 1_000_000 + MINUTE
    prints: list[Print] = []
    for t in [*range(market.start_ms, end, step_ms), end]:
        step = market.step(t)
        prints += step.prints
        assert step.bids[0][0] < step.asks[0][0]
        assert all(a[0] > b[0] > 0 for a, b in pairwise(step.bids))
        assert all(0 < a[0] < b[0] for a, b in pairwise(step.asks))
        assert min(len(step.bids), len(step.asks)) >= 15
    assert all(p.qty > 0 for p in prints)
    seen = rebuilt(prints)
    assert list(seen) == [c.open_time for c in candles[1:] if c.volume > 0], "gaps stay gaps"
    for c in candles[1:]:
        if c.volume > 0:
            got = seen[c.open_time]
            wanted = [round(round(p / 0.01) * 0.01, 2) for p in (c.open, c.high, c.low, c.close)]
            assert [got.open, got.high, got.low, got.close] == wanted
            assert got.volume == pytest.approx(c.volume, rel=1e-9)


def test_the_trades_do_not_depend_on_how_often_one_looks() -> None:
    candles = flat(10)
    whole = CandleMarket("X", candles, seed=4, history_bars=2).step((T0 + 600) * 1000).prints
    market = CandleMarket("X", candles, seed=4, history_bars=2)
    pieces: list[Print] = []
    for t in [*range(market.start_ms, (T0 + 600) * 1000, 700), (T0 + 600) * 1000]:
        pieces += market.step(t).prints
    assert pieces == whole


def test_another_seed_takes_another_way_through_the_same_candles() -> None:
    one, two = (CandleMarket("X", flat(5), seed=s, history_bars=1).step((T0 + 300) * 1000).prints for s in (1, 2))
    assert one != two


def test_play_begins_after_the_history() -> None:
    market = CandleMarket("X", flat(10), seed=1, history_bars=4)
    assert market.start_ms == (T0 + 240) * 1000
    assert market.history() == flat(10)[:4]


def test_a_short_file_leaves_one_candle_to_play() -> None:
    market = CandleMarket("X", flat(10), seed=1)
    assert len(market.history()) == 9
    assert rebuilt(market.step((T0 + 700) * 1000).prints).keys() == {(T0 + 540) * 10**9}


def test_history_has_no_gap_and_joins_what_is_played() -> None:
    candles = [c for c in flat(20) if c.open_time // 10**9 != T0 + 5 * 60]
    market = CandleMarket("X", candles, seed=1, history_bars=10)
    times = [c.open_time for c in market.history()]
    assert times == [(T0 + 60 * k) * 10**9 for k in range(6, 11)]
    assert market.start_ms == (T0 + 11 * 60) * 1000
    assert CandleMarket("X", candles, seed=1, history_bars=5).start_ms == (T0 + 7 * 60) * 1000


def test_after_the_last_candle_the_market_stands_still() -> None:
    market = CandleMarket("X", flat(5), seed=1, history_bars=2)
    end = market.step((T0 + 300) * 1000)
    later = market.step((T0 + 90_000) * 1000)
    assert end.prints
    assert not later.prints
    assert (later.bids, later.asks, later.last, later.mark) == (end.bids, end.asks, end.last, end.mark)
    assert later.next_funding_ms > later.t_ms


def test_a_candle_without_volume_moves_the_last_price_without_a_trade() -> None:
    candles = [*flat(3), candle(3, 103, 103, 103, 103, v=0.0)]
    step = CandleMarket("X", candles, seed=1, history_bars=3).step((T0 + 200) * 1000)
    assert (step.prints, step.last) == ([], 103.0)


@pytest.mark.parametrize(
    ("candles", "says"),
    [
        ([], "0 candles are too few"),
        (flat(1), "1 candles are too few"),
        ([candle(60 * k, 100, 100, 100, 100) for k in range(5)], "60 minutes apart"),
        ([Candle(T0 * 10**9 + 10**9 * (1 + 60 * k), 100, 100, 100, 100, 1) for k in range(5)], "whole minute"),
        (flat(5, price=2.0), "too low for a tick of 0.1; use a tick of at most 0.01"),
    ],
)
def test_candles_that_cannot_be_played_are_refused(candles: list[Candle], says: str) -> None:
    with pytest.raises(CandleFileError, match=says):
        CandleMarket("X", candles, seed=1)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="POSIX devices")
def test_a_device_is_refused_before_it_is_read() -> None:
    with pytest.raises(CandleFileError, match="not a plain file"):
        load_candles("/dev/zero")
