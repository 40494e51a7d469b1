"""Public channels: what each one carries and how often it is pushed (protocol sheet, section 10.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.sim.klines import WS_INTERVALS, Series
from engine.sim.rest_market import day, levels
from engine.sim.source import Print
from engine.sim.spec import FUNDING_MS
from engine.sim.wire import iso_ms
from engine.sim.world import Market

Row = dict[str, Any]
Build = Callable[[Market, list[Print]], Any]

TRADES, DEPTH, PRICE, KLINES, TICKERS = "trades", "depth", "price", "klines", "tickers"
PERIODS: dict[str, float] = {TRADES: 0.1, DEPTH: 0.31, PRICE: 0.5, KLINES: 0.5, TICKERS: 1.4}
"""Wall seconds between pushes of a group of channels."""


def trades(_market: Market, prints: list[Print]) -> list[Row] | None:
    digits, qty_digits = _market.pair.price_digits, _market.pair.qty_digits
    rows = [
        {"t": iso_ms(p.t_ms), "p": f"{p.price:.{digits}f}", "v": f"{p.qty:.{qty_digits}f}", "s": p.side.lower()}
        for p in prints
    ]
    return rows or None


def _depth(count: int | None) -> Build:
    def build(market: Market, _prints: list[Print]) -> Row:
        step = market.step
        return {"b": levels(market.pair, step.bids, count), "a": levels(market.pair, step.asks, count)}

    return build


def price(market: Market, _prints: list[Print]) -> Row:
    step, shown = market.step, market.pair.price_text
    following = market.next_funding_ms
    return {
        "ip": shown(step.index),
        "mp": shown(step.mark),
        "fr": f"{market.funding_rate * 100:.4f}",
        "ft": iso_ms(following - FUNDING_MS).replace(".000Z", "Z"),
        "nft": iso_ms(following).replace(".000Z", "Z"),
    }


def ticker(market: Market, _prints: list[Print]) -> Row:
    bar, shown = day(market), market.pair.price_text
    return {
        "s": market.pair.symbol,
        "o": shown(bar.o),
        "la": shown(bar.c),
        "h": shown(bar.h),
        "l": shown(bar.l),
        "b": market.pair.qty_text(bar.base),
        "q": f"{bar.quote:.4f}",
        "r": f"{(bar.c / bar.o - 1) * 100:.2f}",
    }


def tickers(market: Market, prints: list[Print]) -> list[Row]:
    pair, bids, asks = market.pair, market.step.bids, market.step.asks
    best = {
        "bd": pair.price_text(bids[0][0]) if bids else "0",
        "ak": pair.price_text(asks[0][0]) if asks else "0",
        "bv": pair.qty_text(bids[0][1]) if bids else "0",
        "av": pair.qty_text(asks[0][1]) if asks else "0",
    }
    return [{**ticker(market, prints), **best}]


def _kline(series: Callable[[Market], Series], interval: str) -> Build:
    def build(market: Market, _prints: list[Print]) -> Row | None:
        bar, pair = series(market).running(interval), market.pair
        if bar is None:
            return None
        shown = {name: pair.price_text(value) for name, value in zip("ohlc", (bar.o, bar.h, bar.l, bar.c), strict=True)}
        return {**shown, "b": pair.qty_text(bar.base), "q": f"{bar.quote:.4f}"}

    return build


CHANNELS: dict[str, tuple[str, Build]] = {
    "trade": (TRADES, trades),
    "depth_book1": (DEPTH, _depth(1)),
    "depth_book5": (DEPTH, _depth(5)),
    "depth_book15": (DEPTH, _depth(15)),
    "depth_books": (DEPTH, _depth(None)),
    "price": (PRICE, price),
    "ticker": (TICKERS, ticker),
    "tickers": (TICKERS, tickers),
    **{f"market_kline_{ws}": (KLINES, _kline(lambda m: m.klines, rest)) for ws, rest in WS_INTERVALS.items()},
    **{f"mark_kline_{ws}": (KLINES, _kline(lambda m: m.mark_klines, rest)) for ws, rest in WS_INTERVALS.items()},
}
"""Channel name → (group, what it carries)."""


def message(channel: str, market: Market, prints: list[Print]) -> Row | None:
    """A whole push, or None if there is nothing to tell."""
    data = CHANNELS[channel][1](market, prints)
    if data is None:
        return None
    head: Row = {"ch": channel, "ts": market.step.t_ms, "data": data}
    return head if channel == "tickers" else {"ch": channel, "symbol": market.pair.symbol, **head}


def nothing(channel: str, symbol: str, now: int) -> Row:
    """The single push for a symbol that does not exist."""
    return {"ch": channel, "symbol": symbol, "ts": now, "data": {"b": [], "a": []}}
