"""The simulated venue, synchronous: effects and market data go in, what a live venue would answer comes out.

Feed it either bars (``opens`` then ``trades``, before the trader sees the closed candle) or ticks (``tick``), and hand every
effect that the trader decides to ``carry``. The events that come back are inputs, in order, ready to be journaled. Nothing here
knows a clock; chance is the seed's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.orders import ZERO, Order, Position
from engine.model.state import Account, State
from engine.sim import paper_bars, paper_ticks
from engine.sim.paper_desk import (
    Desk,
    Working,
    bounds,
    drop,
    fill,
    numbered,
    protect,
    report,
    take_price,
    told,
)

Funding = Sequence[tuple[int, float | Decimal]]
"""(UTC nanoseconds, rate as a fraction), oldest first."""
Levels = list[tuple[float, float]]
LINKS = ("rest", "public", "private")
DEEP = 1e9
MAX_T = (1 << 62) - 1


class PaperVenue:
    """``reports`` adds what a live venue says besides fills; a backtest leaves it out, since nothing depends on it.

    With several symbols each has an equal part of ``cash`` as its margin, and the wallet that is reported is of all together.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        model: FillModel,
        cash: Decimal,
        *,
        by: Literal["bars", "ticks"] = "bars",
        seed: int = 0,
        currency: str = "USDT",
        leverage: int = 10,
        reports: bool = True,
        funding: dict[str, Funding] | None = None,
    ) -> None:
        self.model = model
        self.by = by
        self.currency = currency
        self.cash = cash
        listed = list(instruments)
        if not listed:
            raise CockpitError("a simulated venue needs at least one instrument")
        share = cash / len(listed)
        chance = random.Random(seed).random
        account = Account(currency=currency, known=True, start=cash, wallet=cash)
        self.desks: dict[str, Desk] = {
            i.symbol: Desk(
                i, model, chance, currency, leverage, reports, share,
                account, Position(symbol=i.symbol),
                funding=[(t, Decimal(str(rate))) for t, rate in (funding or {}).get(i.symbol, ())],
            )
            for i in listed
        }  # fmt: skip
        self._ticks = {i.symbol: float(i.tick) for i in listed}
        self._effects: dict[type[ev.Event], Callable[[Any, State], list[ev.Event]]] = {
            ev.OrderSent: self._send,
            ev.CancelSent: self._cancel,
            ev.QuerySent: self._query,
            ev.ProtectSent: self._protect,
            ev.SnapshotAsked: self._snapshot,
            ev.HistoryAsked: lambda d, _: [ev.CandlesLoaded(d.t, d.symbol, [])],
        }

    def hello(self, t: int) -> list[ev.Event]:
        """What a venue says when one connects: instruments, account, links, and that all has been compared."""
        links: list[ev.Event] = [ev.LinkReport(t, name, "up", 0.0) for name in LINKS]
        listed: list[ev.Event] = [ev.InstrumentListed(t, desk.instrument) for desk in self.desks.values()]
        account = ev.AccountReport(t, self.currency, self.cash, self.cash, ZERO, ZERO)
        return [*listed, account, *links, ev.SnapshotTaken(t, "start", True)]

    # --- effects -------------------------------------------------------------------------------------------------

    def carry(self, decision: ev.Event, state: State) -> list[ev.Event]:
        """Carry out an effect; decisions that are none give nothing."""
        effect = self._effects.get(type(decision))
        return effect(decision, state) if effect is not None else []

    def _send(self, d: ev.OrderSent, state: State) -> list[ev.Event]:
        return self.submit(state.orders[d.client_id], d.t)

    def submit(self, order: Order, t: int) -> list[ev.Event]:
        """Take an order, or refuse it. One that can fill at once does, and its acknowledgement is its fill."""
        desk = self.desks.get(order.symbol)
        if desk is None:
            return [_refusal(order, t, "unknown_symbol", f"{order.symbol} is not listed")]
        if order.client_id in desk.done:
            return [_refusal(order, t, "duplicate_order_id", "an order of this id was taken before")]
        refused = _refused(desk, order, self.by)
        if refused is not None:
            return [_refusal(order, t, *refused)]
        desk.done.add(order.client_id)
        live_t = t + int(self.model.latency_ms * 1_000_000)
        working = Working(order, numbered(desk, "v"), order.left, live_t, desk.bar + self.model.latency_bars)
        desk.orders[order.client_id] = working
        if self.by == "ticks":
            taken = [report(desk, working, "ACCEPTED", t, source="reply")]
            return taken + (paper_ticks.take_market(desk, t) if live_t == t else [])
        return self._on_bars(desk, working, t)

    def _on_bars(self, desk: Desk, working: Working, t: int) -> list[ev.Event]:
        order, model = working.order, self.model
        delayed = model.latency_ms or model.latency_bars
        if order.price is not None and not _marketable(desk, order):
            working.rests = True
        if not working.rests and model.market == "same_close" and not delayed and desk.last:
            price = take_price(desk, desk.last, order.side, working.left, spread=True)
            if order.price is None or (price <= order.price if order.side == "BUY" else price >= order.price):
                return fill(desk, working, working.left, price, False, t)
            working.rests = True
        if order.price is None and not delayed and not desk.reports:
            return []
        return [report(desk, working, "ACCEPTED", t, source="reply")]

    def _cancel(self, d: ev.CancelSent, state: State) -> list[ev.Event]:
        out: list[ev.Event] = []
        for client_id in d.client_ids:
            order = state.orders.get(client_id)
            desk = self.desks.get(order.symbol) if order is not None else None
            working = desk.orders.get(client_id) if desk is not None else None
            if desk is None or working is None:
                out.append(ev.CancelReport(d.t, client_id, False, "not_found", "no such order works"))
                continue
            out += [ev.CancelReport(d.t, client_id, True), drop(desk, working, d.t, "", d.why)]
        return out

    def _query(self, d: ev.QuerySent, state: State) -> list[ev.Event]:
        order = state.orders[d.client_id]
        desk = self.desks.get(order.symbol)
        working = desk.orders.get(d.client_id) if desk is not None else None
        if desk is None or working is None:
            return [
                ev.OrderReport(
                    d.t, d.client_id, "", order.symbol, "REJECTED", ZERO, "not_found", "no such order", "query"
                )
            ]
        return [report(desk, working, "PARTIALLY_FILLED" if working.order.filled else "ACCEPTED", d.t, source="query")]

    def _protect(self, d: ev.ProtectSent, state: State) -> list[ev.Event]:  # noqa: ARG002
        desk = self.desks[d.symbol]
        price = (desk.last if self.model.trigger == "last" else 0.0) or desk.price
        if not desk.qty:
            return [ev.ProtectReport(d.t, d.symbol, False, "no_position", "there is nothing to protect")]
        if price and (price - float(d.stop)) * (1 if desk.qty > 0 else -1) <= 0:
            return [
                ev.ProtectReport(d.t, d.symbol, False, "stop_side", f"{d.stop:f} is on the wrong side of {price:g}")
            ]
        return [ev.ProtectReport(d.t, d.symbol, True), *protect(desk, d.stop, d.target, d.t)]

    def _snapshot(self, d: ev.SnapshotAsked, state: State) -> list[ev.Event]:  # noqa: ARG002
        out: list[ev.Event] = []
        for desk in self.desks.values():
            out += [report(desk, w, "ACCEPTED", d.t, source="snapshot") for w in desk.orders.values()]
            out.append(ev.StopsListed(d.t, desk.symbol, [desk.stop] if desk.stop is not None else []))
            if desk.reports:
                out += told(desk, d.t, "snapshot")
        return [*out, ev.SnapshotTaken(d.t, d.why, True)]

    # --- the market ----------------------------------------------------------------------------------------------

    def opens(self, symbol: str, candle: Candle) -> list[ev.Event]:
        """A bar begins: funding that fell due, and fills at its open."""
        return paper_bars.opens(self.desks[symbol], candle)

    def trades(self, symbol: str, candle: Candle) -> list[ev.Event]:
        """The rest of the bar: stops, targets and limits inside it, and fills at its close."""
        return paper_bars.trades(self.desks[symbol], candle)

    def passed(self, symbol: str, candle: Candle, bars: int) -> None:
        """``bars`` bars in which nothing could happen are over; ``candle`` was the last."""
        paper_bars.closed(self.desks[symbol], candle, bars)

    def tick(self, event: ev.Event) -> list[ev.Event]:
        """A quote, print or mark of a recording (or of a live stream, on paper)."""
        if isinstance(event, ev.BookTick):
            return paper_ticks.booked(self.desks[event.symbol], event) if event.symbol in self.desks else []
        if isinstance(event, ev.TradeTick):
            return paper_ticks.printed(self.desks[event.symbol], event) if event.symbol in self.desks else []
        if isinstance(event, ev.MarkTick):
            return paper_ticks.marked(self.desks[event.symbol], event) if event.symbol in self.desks else []
        return []

    def at_last(self) -> None:
        """The data ends: what is sent from here on fills at the last close, at once."""
        self.model = msgspec.structs.replace(self.model, market="same_close", latency_ms=0.0, latency_bars=0)
        for desk in self.desks.values():
            desk.model = self.model

    # --- what a runner asks --------------------------------------------------------------------------------------

    def busy(self, symbol: str) -> bool:
        """Whether an order works: then every bar has to be looked at."""
        return bool(self.desks[symbol].orders)

    def bounds(self, symbol: str) -> tuple[float, float]:
        """Prices between which (exclusively) nothing happens to the position."""
        return bounds(self.desks[symbol])

    def next_funding(self, symbol: str) -> int:
        """When funding is next settled, UTC nanoseconds; beyond all time when never."""
        desk = self.desks[symbol]
        return desk.funding[desk.settled][0] if desk.settled < len(desk.funding) else 1 << 62

    def quote(self, symbol: str, candle: Candle) -> tuple[ev.BookTick, ev.MarkTick]:
        """The market data that goes with a closed candle: a book around its close by the model's spread, and its mark.

        Bars say nothing of the book's depth, so it is deep; bid and ask are at least one tick from the close.
        """
        t, price = candle.open_time + MINUTE_NS, candle.close
        bids, asks = self.book(symbol, price)
        rate, due = self.rate(symbol)
        return ev.BookTick(t, symbol, bids, asks, t), ev.MarkTick(t, symbol, price, price, rate, due, t)

    def book(self, symbol: str, price: float) -> tuple[Levels, Levels]:
        """Bids and asks around a close."""
        half = price * self.model.spread_bps / 20_000
        least = self._ticks[symbol]
        half = max(half, least)
        return [(price - half, DEEP)], [(price + half, DEEP)]

    def rate(self, symbol: str) -> tuple[float, int]:
        """The funding rate that was settled last (the next one is not known yet), and when the next is due."""
        desk = self.desks[symbol]
        table = desk.funding
        if not table:
            return 0.0, MAX_T
        due = table[desk.settled][0] if desk.settled < len(table) else MAX_T
        return (float(table[desk.settled - 1][1]) if desk.settled else 0.0), due


def _refusal(order: Order, t: int, code: str, message: str) -> ev.OrderReport:
    return ev.OrderReport(t, order.client_id, "", order.symbol, "REJECTED", ZERO, code, message, "reply")


def _refused(desk: Desk, order: Order, by: str) -> tuple[str, str] | None:
    """Code and sentence of a refusal; None when the order is taken."""
    change = order.left if order.side == "BUY" else -order.left
    if order.reduce_only:
        return ("reduce_only", "there is no position to reduce") if desk.qty * change >= 0 else None
    if order.tif == "POST_ONLY" and _takes(desk, order, by):
        return "post_only", "a post-only order would take liquidity"
    size = abs(desk.qty + change)
    if size <= abs(desk.qty):
        return None
    price, after = float(order.price) if order.price is not None else desk.price, float(size)
    if after * price > desk.equity(price) * desk.leverage:
        return "insufficient_balance", f"{after:g} at {price:g} needs more than the account's margin"
    return None


def _marketable(desk: Desk, order: Order) -> bool:
    """On bars: a limit at or beyond the last price would fill at once."""
    if order.price is None or not desk.last:
        return order.price is None
    limit = float(order.price)
    return limit >= desk.last if order.side == "BUY" else limit <= desk.last


def _takes(desk: Desk, order: Order, by: str) -> bool:
    """Whether a limit would trade if it were live now."""
    if by == "bars":
        return _marketable(desk, order)
    return paper_ticks.would_take(desk, Working(order, "", order.left, 0, 0))
