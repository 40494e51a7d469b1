"""Requests that only read: instruments, candles, the account and everything in it. All raise ``VenueError``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from engine.model.events import AccountReport, Event, FillReport, OrderReport, PositionReport, StopsListed
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import Fill
from engine.venues.bitunix import parse_account, parse_market, wire
from engine.venues.bitunix.budget import Lane
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.names import Names
from engine.venues.bitunix.parse_account import PositionRow, StopRow
from engine.venues.bitunix.rest import Rest
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import Clock, VenueError

MARKET = "/api/v1/futures/market"
ACCOUNT = "/api/v1/futures/account"
TRADE = "/api/v1/futures/trade"
POSITION = "/api/v1/futures/position"
TPSL = "/api/v1/futures/tpsl"

COIN = parse_account.COIN
PAGE = 100
MAX_PAGES = 100
KLINES = 200
SNAPSHOT_TRIES = 3
OUTSIDE_SHOWN = 5
MS = 1_000_000

T = TypeVar("T")


class Reads:
    def __init__(
        self, rest: Rest, *, clock: Clock, venue_clock: VenueClock, complaints: Complaints, names: Names
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._venue_clock = venue_clock
        self._complaints = complaints
        self._names = names
        self.outside = ""
        """What the last snapshot found in symbols that it was not asked about."""

    # --- the market --------------------------------------------------------------------------------------------

    async def instruments(self) -> list[Instrument]:
        """Rows that cannot be read are complained of and left out: a new kind of contract is no reason to stop."""
        data = await self._rest.read(f"{MARKET}/trading_pairs", what="instruments", private=False)
        found = self._readable(_rows(data, "instruments", "instruments"), parse_market.instrument)
        if not found:
            raise VenueError("instruments: the venue lists none", "look at the venue's status page")
        return found

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
        """Pages backwards, for the venue answers with the latest of a range; the running candle is left out."""
        end = min(end, self._venue_clock.market_ns(self._clock()) // MINUTE_NS * MINUTE_NS)
        found: dict[int, Candle] = {}
        before = end
        for _ in range(MAX_PAGES):
            if before <= start:
                break
            page = await self._klines(symbol, start, before)
            fresh = [candle for candle in page if start <= candle.open_time < before]
            found.update((candle.open_time, candle) for candle in fresh)
            if not fresh or len(page) < KLINES:
                break
            before = min(candle.open_time for candle in fresh)
        return [found[open_time] for open_time in sorted(found)]

    async def _klines(self, symbol: str, start: int, before: int) -> list[Candle]:
        params = {
            "symbol": symbol,
            "interval": "1m",
            "startTime": start // MS,
            "endTime": before // MS - 1,
            "limit": KLINES,
        }
        data = await self._rest.read(f"{MARKET}/kline", params, what="candles", private=False)
        return self._readable(_rows(data, "candles", "candles"), parse_market.candle)

    async def marks(self, symbols: list[str]) -> dict[str, float]:
        """Mark prices, all in one request."""
        data = await self._rest.read(f"{MARKET}/tickers", {"symbols": ",".join(symbols)}, what="tickers", private=False)
        found = self._readable(_rows(data, "tickers", "tickers"), parse_market.ticker_mark)
        return dict(found)

    async def touch(self) -> None:
        """Any public answer: for its ``Date``."""
        await self._rest.read(f"{MARKET}/tickers", {"symbols": "BTCUSDT"}, what="clock", private=False)

    def _readable(self, rows: list[Mapping[str, Any]], parse: Callable[[Mapping[str, Any]], T]) -> list[T]:
        found = []
        for row in rows:
            try:
                found.append(parse(row))
            except Unreadable as error:
                self._complaints.add("rest", error.why, repr(dict(list(row.items())[:8])))
        return found

    # --- the account -------------------------------------------------------------------------------------------

    async def account(self) -> tuple[AccountReport, str]:
        """The account and its position mode."""
        data = await self._rest.read(ACCOUNT, {"marginCoin": COIN}, what="account")
        return _parsed("account", lambda: parse_account.account(self._clock(), data))

    async def positions(self, lane: Lane = "read") -> list[PositionRow]:
        data = await self._rest.read(f"{POSITION}/get_pending_positions", what="positions", lane=lane)
        rows = _rows(data, "positionList", "positions")
        return _parsed("positions", lambda: [parse_account.position(self._clock(), row, "snapshot") for row in rows])

    async def stops(self, symbol: str | None = None, lane: Lane = "read") -> list[StopRow]:
        params = {"symbol": symbol} if symbol else {}
        rows = await self._pages(f"{TPSL}/get_pending_orders", params, "orderList", "protective orders", lane)
        return _parsed("protective orders", lambda: [parse_account.stop(row) for row in rows])

    async def open_orders(self, lane: Lane = "read") -> list[OrderReport]:
        rows = await self._pages(f"{TRADE}/get_pending_orders", {}, "orderList", "open orders", lane)
        found = _parsed("open orders", lambda: [parse_account.order(self._clock(), row, "snapshot") for row in rows])
        for report in found:
            self._names.learn(report.venue_id, report.client_id)
            report.client_id = self._names.get(report.venue_id) or ""
        return found

    async def fills_since(self, since: int) -> list[Fill]:
        return await self._fills({"startTime": max(0, since // MS)})

    async def fills_of(self, order_id: str) -> list[Fill]:
        return [fill for fill in await self._fills({"orderId": order_id}) if fill.venue_order_id == order_id]

    async def _fills(self, params: dict[str, object]) -> list[Fill]:
        """Oldest first, each with the client id of its order."""
        rows = await self._pages(f"{TRADE}/get_history_trades", params, "tradeList", "trades")
        found = _parsed("trades", lambda: [parse_account.trade(row) for row in rows])
        unique = {(fill.venue_order_id, fill.trade_id): fill for fill in reversed(found)}
        for fill in unique.values():
            fill.client_id = await self._client_id(fill)
        return sorted(unique.values(), key=lambda fill: fill.t)

    async def _client_id(self, fill: Fill) -> str:
        known = self._names.get(fill.venue_order_id)
        if known is None and fill.client_id:
            known = fill.client_id
        if known is None:
            data = await self._rest.read(
                f"{TRADE}/get_order_detail", {"orderId": fill.venue_order_id}, what="order of a trade"
            )
            known = _parsed(
                "order of a trade", lambda: wire.text(wire.one_or_many(data, "order")[0], "clientId", limit=64)
            )
        self._names.learn(fill.venue_order_id, known)
        return known

    async def _pages(
        self, path: str, params: Mapping[str, object], key: str, what: str, lane: Lane = "read"
    ) -> list[Mapping[str, Any]]:
        """All rows, newest first. Rows that arrive meanwhile push others to the next page: twice, never lost."""
        found: list[Mapping[str, Any]] = []
        for page in range(MAX_PAGES):
            data = await self._rest.read(path, {**params, "skip": page * PAGE, "limit": PAGE}, what=what, lane=lane)
            rows = _rows(data, key, what)
            found += rows
            if len(rows) < PAGE:
                return found
        raise VenueError(f"{what}: more than {MAX_PAGES * PAGE} rows", "start the session anew with a later moment")

    async def snapshot(self, symbols: Iterable[str], since: int) -> tuple[list[Event], list[PositionRow], str]:
        """The events in the port's order, the positions they came from, and the position mode.

        Positions are read before and after the trades: a reading during which one changed is taken again.
        """
        wanted = list(symbols)
        for _ in range(SNAPSHOT_TRIES):
            before = await self.positions()
            fills = await self.fills_since(since)
            orders = await self.open_orders()
            stops = await self.stops()
            account, mode = await self.account()
            positions = await self.positions()
            if _held(before) == _held(positions):
                break
        t = self._clock()
        held = {row.report.symbol: row.report for row in positions if row.report.qty}
        events: list[Event] = [account]
        events += [FillReport(t, fill) for fill in fills if fill.symbol in wanted]
        events += [order for order in _once(orders) if order.symbol in wanted]
        events += [held.get(symbol) or parse_account.flat(t, symbol) for symbol in wanted]
        events += [
            StopsListed(t, symbol, [row.stop for row in stops if row.stop.symbol == symbol]) for symbol in wanted
        ]
        self.outside = _outside(set(wanted), held, orders)
        return events, positions, mode


def _outside(wanted: set[str], held: Mapping[str, PositionReport], orders: list[OrderReport]) -> str:
    """Positions and orders in other symbols, in words; nothing of it is ours to touch."""
    found = [f"{report.qty:+f} {symbol}" for symbol, report in sorted(held.items()) if symbol not in wanted]
    others = [order.symbol for order in orders if order.symbol not in wanted]
    found += [f"{others.count(symbol)} order(s) in {symbol}" for symbol in sorted(set(others))]
    more = len(found) - OUTSIDE_SHOWN
    return ", ".join(found[:OUTSIDE_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _held(rows: list[PositionRow]) -> set[tuple[str, str]]:
    return {(row.position_id, str(row.report.qty)) for row in rows}


def _once(orders: list[OrderReport]) -> list[OrderReport]:
    return list({order.venue_id: order for order in reversed(orders)}.values())


def _rows(data: Any, key: str, what: str) -> list[Mapping[str, Any]]:
    return _parsed(what, lambda: wire.listed(data, key))


def _parsed(what: str, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (Unreadable, IndexError) as error:
        why = error.why if isinstance(error, Unreadable) else "the list is empty"
        raise VenueError(
            f"{what}: the venue's answer cannot be read ({why})", "the venue may have changed its answers"
        ) from error
