"""The public stream: subscriptions, and each push made into a market event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.model.events import CandleTick, Event
from engine.model.market import MINUTE_NS, Candle
from engine.venues.bitunix import parse_market, wire
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.parse_market import Print
from engine.venues.bitunix.streams import Line
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import Clock, Emit

CHANNELS = ("depth_book5", "trade", "ticker", "price", "market_kline_1min")
MAX_SUBSCRIPTIONS = 300
MAX_LATE_PRINTS = 5000

LATE_NS = 60_000_000_000
"""A push older than the newest by less than this came late and is dropped; by more, the newest one's time was wrong."""


JUMP_NS = 86_400_000_000_000
"""No market leaves out a day within one connection: such a time is wrong."""


class Minute(msgspec.Struct, gc=False):
    """A minute that is being drawn: the newest push of it, and the trades that arrived since that push."""

    candle: Candle
    pushed_t: int
    prints: list[Print]

    def has_all_prints(self) -> bool:
        """A trade of a later minute has arrived: the tape comes in order, so nothing of this one is missing."""
        end = self.candle.open_time + MINUTE_NS
        return any(trade[0] >= end for trade in self.prints)


class Public:
    """Candles close exactly once and in order, from the last push of the minute plus the trades after it: as soon as a push
    of a later minute and a trade of a later minute have arrived, or a second push of it (half a second later). After a lost
    connection the old minute may have missed its end: it is not closed but left to be loaded from the history.
    """

    def __init__(
        self,
        symbols: list[str],
        *,
        clock: Clock,
        venue_clock: VenueClock,
        emit: Emit,
        complaints: Complaints,
        mark_up: Callable[[], None],
    ) -> None:
        self._symbols = symbols
        self._known = frozenset(symbols)
        self._clock = clock
        self._venue_clock = venue_clock
        self._emit = emit
        self._complaints = complaints
        self._mark_up = mark_up
        self._newest: dict[tuple[str, str], int] = {}
        self._running: dict[str, Minute] = {}
        self._ending: dict[str, Minute] = {}
        self._interrupted: set[str] = set()
        self.mids: dict[str, float] = {}
        """Middle of the newest book of each symbol on this connection."""

    async def greet(self, line: Line) -> None:
        """One frame for all subscriptions; the first push is the acknowledgement."""
        args = [{"symbol": symbol, "ch": channel} for symbol in self._symbols for channel in CHANNELS]
        await line.send({"op": "subscribe", "args": args})

    def lost(self) -> None:
        self._newest.clear()
        self._ending.clear()
        self.mids.clear()
        self._interrupted.update(self._running)

    def take(self, frame: bytes, message: Mapping[str, Any]) -> bool:
        """Whether the frame was news: market data that could be read, and later than the last of its kind."""
        channel = message.get("ch")
        if not isinstance(channel, str):
            if channel is not None:
                self._complaints.add("public", "channel is not text", frame)
            elif message.get("op") == "subscribe":
                self._check_subscribed(frame, message)
            return False
        try:
            return self._push(channel, message)
        except Unreadable as error:
            self._complaints.add("public", error.why, frame)
            return False

    def _check_subscribed(self, frame: bytes, message: Mapping[str, Any]) -> None:
        data = message.get("data")
        if isinstance(data, dict) and data.get("result") is False:
            self._complaints.add("public", "subscription refused", frame)

    def _push(self, channel: str, message: Mapping[str, Any]) -> bool:
        maker = _MAKERS.get(channel)
        if maker is None:
            raise Unreadable("channel is unknown")
        symbol = wire.ident(message, "symbol").upper()
        if symbol not in self._known:
            raise Unreadable("symbol is not subscribed")
        venue_t = parse_market.push_ts(message)
        now = self._clock()
        newest = self._newest.get((channel, symbol), -1)
        if self._is_late(channel, symbol, venue_t):
            return False
        events = maker(self, now, symbol, venue_t, message.get("data"))
        self._newest[channel, symbol] = venue_t
        self._venue_clock.pushed(venue_t, now)
        self._mark_up()
        for event in events:
            self._emit(event)
        return venue_t > newest

    def _is_late(self, channel: str, symbol: str, venue_t: int) -> bool:
        """Trades are never late: each of them is news, and carries its own time."""
        newest = self._newest.get((channel, symbol))
        if newest is None:
            return False
        if venue_t - newest > JUMP_NS:
            raise Unreadable("time jumps ahead")
        return channel != "trade" and 0 < newest - venue_t < LATE_NS

    def _book(self, t: int, symbol: str, venue_t: int, data: Any) -> list[Event]:
        book = parse_market.book(t, symbol, venue_t, data)
        if book.bids and book.asks:
            self.mids[symbol] = (book.bids[0][0] + book.asks[0][0]) / 2
        return [book]

    def _ticker(self, t: int, symbol: str, _venue_t: int, data: Any) -> list[Event]:
        return [parse_market.ticker(t, symbol, data)]

    def _mark(self, t: int, symbol: str, venue_t: int, data: Any) -> list[Event]:
        return [parse_market.mark(t, symbol, venue_t, data)]

    def _trade(self, t: int, symbol: str, venue_t: int, data: Any) -> list[Event]:
        prints = parse_market.prints(data, venue_t)
        for minutes in (self._ending, self._running):
            minute = minutes.get(symbol)
            if minute is not None and len(minute.prints) < MAX_LATE_PRINTS:
                minute.prints.extend(prints)
        ending = self._ending.get(symbol)
        ended = self._end(t, symbol) if ending is not None and ending.has_all_prints() else []
        return [*ended, parse_market.conflated(t, symbol, prints)]

    def _kline(self, t: int, symbol: str, venue_t: int, data: Any) -> list[Event]:
        candle = parse_market.kline(venue_t, data)
        events = self._end(t, symbol)
        old = self._running.get(symbol)
        left = [trade for trade in old.prints if trade[0] > venue_t] if old is not None else []
        self._running[symbol] = Minute(candle, venue_t, left)
        whole = symbol not in self._interrupted
        self._interrupted.discard(symbol)
        if old is not None and whole and candle.open_time > old.candle.open_time:
            self._ending[symbol] = old
            if not old.has_all_prints():
                return events
            events += self._end(t, symbol)
        return [*events, CandleTick(t, symbol, candle, closed=False)]

    def _end(self, t: int, symbol: str) -> list[Event]:
        """The final candle of the minute that is ending, if one is."""
        ending = self._ending.pop(symbol, None)
        if ending is None:
            return []
        return [CandleTick(t, symbol, parse_market.merged(ending.candle, ending.prints, ending.pushed_t), closed=True)]


_MAKERS: dict[str, Callable[[Public, int, str, int, Any], list[Event]]] = {
    "depth_book5": Public._book,
    "trade": Public._trade,
    "ticker": Public._ticker,
    "price": Public._mark,
    "market_kline_1min": Public._kline,
}
