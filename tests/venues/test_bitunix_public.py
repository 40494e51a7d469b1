"""Market messages made into events: books, prints, candles that close."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bitunix_samples import T0, Listener

from engine.model.events import BadMessage, CandleTick, TradeTick
from engine.model.market import MINUTE_NS
from engine.venues.bitunix import parse_market
from engine.venues.bitunix.wire import Unreadable

# --- the market -----------------------------------------------------------------------------------------------------


def test_the_best_five_levels_come_best_first() -> None:
    data = {"b": [[str(99 - i), "1"] for i in range(15)][::-1], "a": [[100 + i, 2] for i in range(15)]}
    tick = parse_market.book(T0, "BTCUSDT", T0, data)
    assert tick.bids == [(99.0, 1.0), (98.0, 1.0), (97.0, 1.0), (96.0, 1.0), (95.0, 1.0)]
    assert tick.asks[0] == (100.0, 2.0)


@pytest.mark.parametrize(
    "data",
    [
        {"b": [], "a": []},
        {"b": [["100", "1"]], "a": [["100", "1"]]},
        {"b": [["100"]], "a": []},
        {"b": "x", "a": []},
        None,
    ],
)
def test_an_empty_crossed_or_broken_book_is_no_quote(data: Any) -> None:
    with pytest.raises(Unreadable):
        parse_market.book(T0, "BTCUSDT", T0, data)


def test_the_funding_rate_of_the_wire_is_percent() -> None:
    data = {"ip": "1", "mp": "2", "fr": "0.0100", "ft": "2026-01-01T00:00:00Z", "nft": "2026-01-01T08:00:00Z"}
    tick = parse_market.mark(T0, "BTCUSDT", T0, data)
    assert tick.funding_rate == pytest.approx(0.0001)
    assert tick.next_funding_t == T0 + 8 * 3600 * 10**9


@pytest.mark.parametrize(("base", "quote"), [("12.5", "1187756.2"), ("1187756.2", "12.5")])
def test_swapped_volumes_are_recognised_by_the_price(base: str, quote: str) -> None:
    row = {
        "open": "95010",
        "high": "95040",
        "low": "95000",
        "close": "95020",
        "baseVol": base,
        "quoteVol": quote,
        "time": 0,
    }
    assert parse_market.candle(row).volume == 12.5


def test_swapped_volumes_are_recognised_for_prices_below_one() -> None:
    assert parse_market.base_volume(1000.0, 5.0, 0.005) == 1000.0
    assert parse_market.base_volume(5.0, 1000.0, 0.005) == 1000.0


def test_high_and_low_are_widened_to_bracket_open_and_close() -> None:
    row = {"open": "10", "high": "9", "low": "11", "close": "12", "baseVol": "0", "quoteVol": "0", "time": "0"}
    candle = parse_market.candle(row)
    assert (candle.high, candle.low) == (12.0, 9.0)


def test_steps_come_from_the_counts_of_decimals() -> None:
    row = {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "minTradeVolume": "0.0001",
        "maxLimitOrderVolume": "1000",
        "maxMarketOrderVolume": "120",
        "basePrecision": 4,
        "quotePrecision": "1",
        "maxLeverage": 200,
        "symbolStatus": "OPEN",
        "isApiSupported": True,
    }
    found = parse_market.instrument(row)
    assert (found.tick, found.step, found.tradable) == (Decimal("0.1"), Decimal("0.0001"), True)
    assert not parse_market.instrument({**row, "symbolStatus": "CANCEL_ONLY"}).tradable
    assert not parse_market.instrument({**row, "isApiSupported": False}).tradable


# --- the public stream ----------------------------------------------------------------------------------------------
S = 1_000_000_000


def test_a_candle_closes_once_when_a_later_minute_begins() -> None:
    listener = Listener()
    for second in (1, 30, 59):
        listener.kline(T0 + second * S, 100.0 + second)
    assert listener.closed() == []
    listener.kline(T0 + 60 * S, 105)
    listener.kline(T0 + 61 * S, 106)
    (tick,) = listener.closed()
    assert (tick.candle.open_time, tick.candle.close) == (T0, 159.0)
    kinds = [(event.closed, event.candle.open_time) for event in listener.events if isinstance(event, CandleTick)]
    assert kinds[-2:] == [(True, T0), (False, T0 + MINUTE_NS)]


def test_trades_after_the_last_push_of_a_minute_belong_to_its_candle() -> None:
    listener = Listener()
    listener.kline(T0 + 59 * S, 100)
    listener.trade(T0 + 59 * S - 1_000_000, 500.0)
    listener.trade(T0 + 59 * S + 400_000_000, 120.0)
    listener.trade(T0 + 60 * S, 700.0)
    listener.kline(T0 + 60 * S + 100_000_000, 105)
    candle = listener.closed()[0].candle
    assert (candle.high, candle.close, candle.volume) == (120.0, 120.0, 1.5)


def test_a_candle_waits_for_the_trades_that_come_after_the_next_minute_s_first_push() -> None:
    listener = Listener()
    listener.kline(T0 + 59 * S, 100)
    listener.kline(T0 + 60 * S + 50_000_000, 105)
    assert listener.closed() == []
    listener.trade(T0 + 60 * S - 1_000_000, 130.0)
    assert listener.closed() == []
    listener.trade(T0 + 60 * S + 60_000_000, 105.0)
    assert [(tick.candle.high, tick.candle.close, tick.candle.volume) for tick in listener.closed()] == [
        (130.0, 130.0, 1.5)
    ]
    listener.kline(T0 + 60 * S + 550_000_000, 106)
    assert len(listener.closed()) == 1


def test_a_late_push_of_an_old_minute_changes_nothing() -> None:
    listener = Listener()
    listener.kline(T0 + 60 * S, 105)
    before = list(listener.events)
    listener.kline(T0 + 59 * S, 100)
    assert listener.events == before


def test_a_time_out_of_the_future_closes_no_candle() -> None:
    listener = Listener()
    listener.kline(T0 + 30 * S, 100)
    listener.kline(T0 + 10**17, 100)
    listener.kline(T0 + 50 * S, 104)
    listener.kline(T0 + 60 * S, 105)
    listener.kline(T0 + 61 * S, 105)
    assert [(tick.candle.open_time, tick.candle.close) for tick in listener.closed()] == [(T0, 104.0)]


def test_after_a_lost_connection_an_unfinished_candle_is_left_to_the_history() -> None:
    listener = Listener()
    listener.kline(T0 + 30 * S, 100)
    listener.public.lost()
    listener.kline(T0 + 90 * S, 105)
    listener.kline(T0 + 120 * S, 106)
    listener.kline(T0 + 121 * S, 106)
    assert [tick.candle.open_time for tick in listener.closed()] == [T0 + MINUTE_NS]


def test_a_connection_lost_and_found_within_a_minute_loses_nothing_of_it() -> None:
    listener = Listener()
    listener.kline(T0 + 30 * S, 100)
    listener.public.lost()
    listener.kline(T0 + 50 * S, 105)
    listener.kline(T0 + 60 * S, 106)
    listener.kline(T0 + 61 * S, 106)
    assert [tick.candle.close for tick in listener.closed()] == [105.0]


def test_trades_of_one_push_are_one_tick() -> None:
    listener = Listener()
    rows = [
        {"t": "2026-01-01T00:00:00.100Z", "p": "100", "v": "1", "s": "buy"},
        {"t": "2026-01-01T00:00:00.200Z", "p": "101", "v": "2", "s": "sell"},
    ]
    listener.push("trade", T0 + S, rows)
    (tick,) = [event for event in listener.events if isinstance(event, TradeTick)]
    assert (tick.price, tick.qty, tick.side, tick.venue_t) == (101.0, 3.0, "SELL", T0 + 200_000_000)


def test_a_push_for_a_symbol_that_nobody_asked_for_is_a_bad_message() -> None:
    listener = Listener()
    message = {"ch": "ticker", "symbol": "DOGEUSDT", "ts": 1, "data": {}}
    assert not listener.public.take(b"{}", message)
    assert isinstance(listener.events[0], BadMessage)
