"""Public REST endpoints: pairs, tickers, depth, candles, funding, tiers (protocol sheet, section 5)."""

from __future__ import annotations

from typing import Any

from engine.sim.desk import ident, word
from engine.sim.klines import DAY, MINUTE, REST_INTERVALS, Bar
from engine.sim.refusals import Refused
from engine.sim.routes import Request, Route, Routes, whole
from engine.sim.source import Level
from engine.sim.spec import FUNDING_MS, TIERS, Pair, text
from engine.sim.world import Market

Row = dict[str, Any]
DEPTHS = {"1": 1, "5": 5, "15": 15, "50": 50, "max": None, "": None}
MAX_BARS = 200


def _market(request: Request) -> Market:
    found = request.world.markets.get(ident(request.params, "symbol").upper())
    if found is None:
        raise Refused(20015)
    return found


def _markets(request: Request) -> list[Market]:
    """Those of ``symbols`` that exist, all without it; 20015 if none does."""
    wanted = ident(request.params, "symbols").upper()
    if not wanted:
        return list(request.world.markets.values())
    names = {name.strip() for name in wanted.split(",")}
    found = [market for symbol, market in request.world.markets.items() if symbol in names]
    if not found:
        raise Refused(20015)
    return found


def trading_pairs(request: Request) -> list[Row]:
    return [_pair_row(market.pair) for market in _markets(request)]


def _pair_row(pair: Pair) -> Row:
    return {
        "symbol": pair.symbol,
        "base": pair.base,
        "quote": pair.quote,
        "minTradeVolume": text(pair.min_qty),
        "minBuyPriceOffset": text(pair.min_buy_offset),
        "maxSellPriceOffset": text(pair.max_sell_offset),
        "maxLimitOrderVolume": text(pair.max_limit_qty),
        "maxMarketOrderVolume": text(pair.max_market_qty),
        "basePrecision": pair.qty_digits,
        "quotePrecision": pair.price_digits,
        "maxLeverage": pair.max_leverage,
        "minLeverage": 1,
        "defaultLeverage": pair.default_leverage,
        "defaultMarginMode": "2",
        "priceProtectScope": text(pair.protect_scope),
        "symbolStatus": "OPEN",
        "isApiSupported": True,
        "maxFundingRate": "0.3",
        "minFundingRate": "-0.3",
        "launchTime": "1640995200000",
        "delistTime": None,
    }


def day(market: Market) -> Bar:
    """Open, high, low, last and volumes of the last 24 hours."""
    series, last = market.klines, market.step.last
    bars = series.between(series.now - DAY, series.now + MINUTE)
    if not bars:
        return Bar(series.now, last, last, last, last, 0.0, 0.0)
    return Bar(
        bars[0].t,
        bars[0].o,
        max(last, *(b.h for b in bars)),
        min(last, *(b.l for b in bars)),
        last,
        sum(b.base for b in bars),
        sum(b.quote for b in bars),
    )


def tickers(request: Request) -> list[Row]:
    rows = []
    for market in _markets(request):
        bar, price = day(market), market.pair.price_text
        rows.append(
            {
                "symbol": market.pair.symbol,
                "markPrice": price(market.step.mark),
                "lastPrice": price(bar.c),
                "open": price(bar.o),
                "last": price(bar.c),
                "quoteVol": f"{bar.quote:.4f}",
                "baseVol": market.pair.qty_text(bar.base),
                "high": price(bar.h),
                "low": price(bar.l),
            }
        )
    return rows


def levels(pair: Pair, side: list[Level], count: int | None) -> list[list[str]]:
    return [[pair.price_text(price), pair.qty_text(qty)] for price, qty in side[:count]]


def depth(request: Request) -> Row:
    if not ident(request.params, "symbol"):
        raise Refused(1)
    limit = ident(request.params, "limit").lower()
    if limit not in DEPTHS:
        raise Refused(10008, "Value does not meet the requirements: limit must be one of 1, 5, 15, 50, max")
    market = _market(request)
    step, count = market.step, DEPTHS[limit]
    return {"asks": levels(market.pair, step.asks, count), "bids": levels(market.pair, step.bids, count)}


def kline(request: Request) -> list[Row]:
    """The latest bars of the range, newest first; the running one only if the switch says so."""
    market, params = _market(request), request.params
    interval, kind = ident(params, "interval"), word(params, "type", "LAST_PRICE")
    if interval == "1s":
        return []
    if interval not in REST_INTERVALS or kind not in ("LAST_PRICE", "MARK_PRICE"):
        raise Refused(10008)
    limit = whole(params, "limit")
    series = market.klines if kind == "LAST_PRICE" else market.mark_klines
    bars = series.page(
        interval,
        whole(params, "startTime"),
        whole(params, "endTime"),
        min(100 if limit is None else limit, MAX_BARS),
        running=request.faults.kline_includes_running_bar,
    )
    rows = [_kline_row(request, market.pair, bar, kind) for bar in bars]
    if rows and request.faults.bad_bar:
        rows[0]["high"] = market.pair.price_text(bars[0].c * 0.999)
    return rows


def _kline_row(request: Request, pair: Pair, bar: Bar, kind: str) -> Row:
    base, quote = pair.qty_text(bar.base), f"{bar.quote:.4f}"
    swapped = request.faults.swapped_kline_volumes
    return {
        "open": pair.price_text(bar.o),
        "high": pair.price_text(bar.h),
        "low": pair.price_text(bar.l),
        "close": pair.price_text(bar.c),
        "quoteVol": base if swapped else quote,
        "baseVol": quote if swapped else base,
        "time": str(bar.t),
        "type": kind,
    }


def funding_rate(request: Request) -> Row:
    return _funding_row(_market(request))


def funding_rates(request: Request) -> list[Row]:
    return [_funding_row(market) for market in request.world.markets.values()]


def _funding_row(market: Market) -> Row:
    price = market.pair.price_text
    return {
        "symbol": market.pair.symbol,
        "markPrice": price(market.step.mark),
        "lastPrice": price(market.step.last),
        "indexPrice": price(market.step.index),
        "fundingRate": f"{market.funding_rate * 100:.4f}",
        "fundingInterval": FUNDING_MS // 3_600_000,
        "nextFundingTime": str(market.next_funding_ms),
        "maxFundingRate": "0.3",
        "minFundingRate": "-0.3",
    }


def funding_history(request: Request) -> list[Row]:
    """Settled rates, newest first; a fraction here, while the current rate is in percent (as live)."""
    market, params = _market(request), request.params
    start = whole(params, "starTime") or whole(params, "startTime") or 0
    end, limit = whole(params, "endTime"), whole(params, "limit")
    rows = [row for row in reversed(market.funding) if row.t_ms >= start and (end is None or row.t_ms <= end)]
    return [
        {
            "symbol": market.pair.symbol,
            "fundingRate": text(row.rate),
            "fundingTime": str(row.t_ms),
            "markPrice": market.pair.price_text(row.mark),
        }
        for row in rows[: min(100 if limit is None else limit, 200)]
    ]


def position_tiers(request: Request) -> list[Row]:
    symbol = _market(request).pair.symbol
    return [
        {
            "symbol": symbol,
            "level": level,
            "startValue": text(tier.start),
            "endValue": text(tier.end),
            "leverage": tier.leverage,
            "maintenanceMarginRate": text(tier.maintenance),
        }
        for level, tier in enumerate(TIERS, 1)
    ]


MARKET = "/api/v1/futures/market"
ROUTES: Routes = {
    ("GET", f"{MARKET}/trading_pairs"): Route(trading_pairs, private=False),
    ("GET", f"{MARKET}/tickers"): Route(tickers, private=False),
    ("GET", f"{MARKET}/depth"): Route(depth, private=False),
    ("GET", f"{MARKET}/kline"): Route(kline, private=False),
    ("GET", f"{MARKET}/funding_rate"): Route(funding_rate, private=False),
    ("GET", f"{MARKET}/funding_rate/batch"): Route(funding_rates, private=False),
    ("GET", f"{MARKET}/get_funding_rate_history"): Route(funding_history, private=False),
    ("GET", "/api/v1/futures/position/get_position_tiers"): Route(position_tiers, private=False),
}
