"""Public messages and rows → market events. Prices and volumes are floats; times UTC nanoseconds of the venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf, log
from typing import Any

from engine.model.events import BookTick, MarkTick, TickerTick, TradeTick
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Side
from engine.venues.bitunix import wire
from engine.venues.bitunix.wire import Unreadable

LEVELS = 5
MAX_TRADES = 2000
MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0006")
"""Fees of the entry tier (protocol sheet, section 5.6); the venue publishes none by symbol."""

Print = tuple[int, float, float, Side]
"""(UTC ns, price, quantity, taker's side)."""


def push_ts(message: Mapping[str, Any]) -> int:
    return wire.time_ns(message, "ts")


def book(t: int, symbol: str, venue_t: int, data: Any) -> BookTick:
    """The best levels, best first. A crossed or one-sided book is unreadable: no quote is better than a wrong one."""
    levels = wire.as_object(data, "depth")
    bids = sorted(_levels(levels, "b", "bids"), reverse=True)[:LEVELS]
    asks = sorted(_levels(levels, "a", "asks"))[:LEVELS]
    if not bids or not asks:
        raise Unreadable("depth has an empty side")
    if bids[0][0] >= asks[0][0]:
        raise Unreadable("depth is crossed")
    return BookTick(t, symbol, bids, asks, venue_t)


def _levels(data: Mapping[str, Any], *names: str) -> list[tuple[float, float]]:
    rows = wire.pick(data, *names)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise Unreadable("depth levels are not a list")
    levels = []
    for row in rows[:200]:
        if not isinstance(row, list) or len(row) < 2:
            raise Unreadable("depth level is not a pair")
        qty = wire.to_amount(row[1], "depth quantity")
        if qty > 0.0:
            levels.append((wire.to_price(row[0], "depth price"), qty))
    return levels


def prints(data: Any, venue_t: int) -> list[Print]:
    """Trades of one push, in its order; a trade without a time of its own gets the push's."""
    found = []
    for row in wire.one_or_many(data, "trade")[:MAX_TRADES]:
        at = wire.pick(row, "t", "ts")
        found.append(
            (
                venue_t if at is None else wire.to_ns(at, "trade time"),
                wire.to_price(row.get("p"), "trade price"),
                wire.to_amount(row.get("v"), "trade quantity"),
                wire.side(row, "s"),
            )
        )
    if not found:
        raise Unreadable("trade is an empty list")
    return found


def conflated(t: int, symbol: str, trades: list[Print]) -> TradeTick:
    newest = max(trades, key=lambda trade: trade[0])
    return TradeTick(t, symbol, newest[1], sum(trade[2] for trade in trades), newest[3], newest[0])


def ticker(t: int, symbol: str, data: Any) -> TickerTick:
    row = wire.as_object(data, "ticker")
    return TickerTick(
        t,
        symbol,
        last=wire.to_price(row.get("la"), "ticker last"),
        open=wire.to_amount(row.get("o"), "ticker open"),
        high=wire.to_amount(row.get("h"), "ticker high"),
        low=wire.to_amount(row.get("l"), "ticker low"),
        volume=wire.to_amount(row.get("b"), "ticker volume"),
        turnover=wire.to_amount(row.get("q"), "ticker turnover"),
    )


def ticker_mark(row: Mapping[str, Any]) -> tuple[str, float]:
    """Symbol and mark price of a row of the REST tickers."""
    return wire.ident(row, "symbol").upper(), wire.to_price(row.get("markPrice"), "ticker mark")


def mark(t: int, symbol: str, venue_t: int, data: Any) -> MarkTick:
    """The wire's funding rate is percent per interval (protocol sheet, section 5.5); ours is a fraction."""
    row = wire.as_object(data, "price")
    return MarkTick(
        t,
        symbol,
        mark=wire.to_price(row.get("mp"), "mark price"),
        index=wire.to_price(row.get("ip"), "index price"),
        funding_rate=wire.to_float(row.get("fr"), "funding rate") / 100.0,
        next_funding_t=wire.to_ns(row.get("nft"), "next funding time"),
        venue_t=venue_t,
    )


def kline(venue_t: int, data: Any) -> Candle:
    """The candle of the minute in which the push was made: pushes carry no open time (protocol sheet, section 10.3)."""
    row = wire.as_object(data, "kline")
    open_time = venue_t - venue_t % MINUTE_NS
    return _candle(open_time, row.get("o"), row.get("h"), row.get("l"), row.get("c"), row)


def candle(row: Mapping[str, Any]) -> Candle:
    """One row of a REST kline answer."""
    open_time = wire.time_ns(row, "time")
    if open_time % MINUTE_NS:
        raise Unreadable("kline time is no whole minute")
    return _candle(open_time, row.get("open"), row.get("high"), row.get("low"), row.get("close"), row)


def _candle(open_time: int, first: Any, high: Any, low: Any, last: Any, row: Mapping[str, Any]) -> Candle:
    """High and low are widened where they do not bracket open and close, as seen live."""
    o, c = wire.to_price(first, "kline open"), wire.to_price(last, "kline close")
    h, lo = wire.to_price(high, "kline high"), wire.to_price(low, "kline low")
    base = wire.to_amount(wire.pick(row, "b", "baseVol"), "kline base volume")
    quote = wire.to_amount(wire.pick(row, "q", "quoteVol"), "kline quote volume")
    return Candle(open_time, o, max(h, lo, o, c), min(h, lo, o, c), c, base_volume(base, quote, c))


def base_volume(base: float, quote: float, price: float) -> float:
    """Which of the two volumes is in base: the venue has swapped their names before, and turnover / base ≈ price."""
    if base <= 0.0 or quote <= 0.0:
        return min(base, quote)
    straight = abs(log(quote / base) - log(price))
    swapped = abs(log(base / quote) - log(price))
    return base if straight <= swapped else quote


def instrument(row: Mapping[str, Any]) -> Instrument:
    """Tick and step come from the counts of decimals; the venue has no other field for them."""
    price_digits, qty_digits = wire.whole(row, "quotePrecision"), wire.whole(row, "basePrecision")
    if not (0 <= price_digits <= 18 and 0 <= qty_digits <= 18):
        raise Unreadable("precision is out of range")
    return Instrument(
        symbol=wire.ident(row, "symbol").upper(),
        base=wire.text(row, "base", limit=20),
        quote=wire.text(row, "quote", limit=20),
        tick=Decimal(1).scaleb(-price_digits),
        step=Decimal(1).scaleb(-qty_digits),
        min_qty=wire.decimal(row, "minTradeVolume"),
        max_limit_qty=wire.decimal(row, "maxLimitOrderVolume"),
        max_market_qty=wire.decimal(row, "maxMarketOrderVolume"),
        min_notional=Decimal(0),
        max_leverage=wire.whole(row, "maxLeverage"),
        maker_fee=MAKER_FEE,
        taker_fee=TAKER_FEE,
        tradable=wire.word(row, "symbolStatus") == "OPEN" and wire.pick(row, "isApiSupported") is not False,
    )


def merged(candle: Candle, trades: list[Print], after: int) -> Candle:
    """``candle`` with the trades of its minute that were made after ``after`` (UTC ns), oldest first."""
    end = candle.open_time + MINUTE_NS
    late = [trade for trade in trades if max(after, candle.open_time - 1) < trade[0] < end]
    if not late:
        return candle
    return Candle(
        candle.open_time,
        candle.open,
        max(candle.high, max((price for _, price, _, _ in late), default=-inf)),
        min(candle.low, min((price for _, price, _, _ in late), default=inf)),
        late[-1][1],
        round(candle.volume + sum(qty for _, _, qty, _ in late), 10),
    )
