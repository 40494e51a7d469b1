"""What became of every order of a session, asked or made by the venue, with its executions and the books around them."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import takewhile

import msgspec

from engine.core.orders import terms
from engine.model import events as ev
from engine.model.orders import ZERO, Order, OrderKind, Side, sign
from engine.model.state import State

Levels = list[tuple[float, float]]
BOOKS_KEPT = 32
"""Books before an execution among which the one that the venue used is looked for."""


class Part(msgspec.Struct, frozen=True):
    """One execution; ``t`` is our clock when it was reported."""

    t: int
    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool


class Book(msgspec.Struct, frozen=True):
    t: int
    bids: Levels
    asks: Levels


class Deal(msgspec.Struct, kw_only=True):
    """One order on one side of the comparison. ``role`` is entry, exit, or venue for those that the venue made.

    ``opener`` is the deal that opened the position which a venue's order closed. ``first_t`` is when we first heard that it was
    executing, ``books`` the last one before it was sent and those up to ``first_t``, oldest first. ``level`` and ``mark`` are
    the stop or target next to the price of a released order, and the mark then.
    """

    id: str
    seq: int
    t: int
    symbol: str
    side: Side
    role: str
    strategy: str = ""
    kind: OrderKind = "MARKET"
    qty: Decimal = ZERO
    price: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    reduce_only: bool = False
    tif: str = "GTC"
    resized: str = ""
    terms: str = ""
    reference: float = 0.0
    sent_t: int = 0
    status: str = ""
    refused: str = ""
    refused_by: str = ""
    refused_why: str = ""
    opener: str = ""
    level: Decimal | None = None
    mark: float = 0.0
    first_t: int = 0
    parts: list[Part] = []
    books: list[Book] = []

    @property
    def filled(self) -> Decimal:
        return sum((part.qty for part in self.parts), ZERO)

    @property
    def paid(self) -> Decimal:
        return sum((part.qty * part.price for part in self.parts), ZERO)

    @property
    def fees(self) -> Decimal:
        return sum((part.fee for part in self.parts), ZERO)

    @property
    def change(self) -> Decimal:
        """What it did to the position."""
        return sign(self.side) * self.filled

    def worth(self, last: Decimal) -> Decimal:
        """Money that it brought, the position that it left valued at ``last``."""
        return self.change * last - sign(self.side) * self.paid - self.fees


class Settled(msgspec.Struct, frozen=True):
    """Funding of one settlement."""

    seq: int
    t: int
    symbol: str
    amount: Decimal


class Deals:
    """Collects one side. ``look`` at an event before it is folded into ``state``, ``see`` it afterwards."""

    def __init__(self) -> None:
        self.all: dict[str, Deal] = {}
        self.funding: list[Settled] = []
        self._orders: dict[str, Order] = {}
        self._books: dict[str, deque[Book]] = {}
        self._heard: dict[str, tuple[int, list[Book]]] = {}
        self._openers: dict[str, str] = {}
        self._counted = 0
        self._held = ZERO
        self._levels: list[Decimal] = []

    def look(self, event: ev.Event, state: State) -> None:
        if isinstance(event, ev.FillReport):
            position = state.positions.get(event.fill.symbol)
            self._counted = state.fills_total
            self._held = position.qty if position is not None else ZERO
            levels = (position.stop or position.wanted_stop, position.target) if position is not None else ()
            self._levels = [level for level in levels if level is not None]

    def see(self, seq: int, event: ev.Event, state: State) -> None:
        if isinstance(event, ev.BookTick):
            ring = self._books.setdefault(event.symbol, deque(maxlen=BOOKS_KEPT))
            ring.append(Book(event.t, event.bids, event.asks))
        elif isinstance(event, ev.OrderDecided):
            self._decided(seq, state.orders[event.order.client_id])
        elif isinstance(event, ev.Refused):
            self._refused(seq, event)
        elif isinstance(event, ev.OrderSent) and event.client_id in self.all:
            self.all[event.client_id].sent_t = event.t
        elif isinstance(event, ev.FillReport) and state.fills_total > self._counted:
            self._filled(seq, event, state)
        elif isinstance(event, ev.OrderReport) and event.filled and event.venue_id not in self._heard:
            self._heard[event.venue_id] = (event.t, list(self._books.get(event.symbol, ())))
        elif isinstance(event, ev.FundingPaid):
            self.funding.append(Settled(seq, event.t, event.symbol, event.amount))

    def finish(self) -> None:
        """Nothing more comes: the orders are as they are."""
        for client_id, order in self._orders.items():
            self.all[client_id].status = order.status

    def _decided(self, seq: int, o: Order) -> None:
        self._orders[o.client_id] = o
        self.all[o.client_id] = Deal(
            id=o.client_id, seq=seq, t=o.created_t, symbol=o.symbol, side=o.side, role=o.role, strategy=o.strategy,
            kind=o.kind, qty=o.qty, price=o.price, stop=o.stop, target=o.target, reduce_only=o.reduce_only, tif=o.tif,
            resized=o.resized, terms=terms(o), reference=o.reference,
        )  # fmt: skip

    def _refused(self, seq: int, e: ev.Refused) -> None:
        deal = self.all.get(e.client_id)
        if deal is None:
            deal = self.all[f"refused-{seq}"] = Deal(
                id=f"refused-{seq}", seq=seq, t=e.t, symbol=e.symbol, side=e.side, role="entry", strategy=e.strategy,
                qty=e.qty, price=e.price, status="DENIED",
            )  # fmt: skip
        deal.refused, deal.refused_by, deal.refused_why = e.code, e.source, e.text

    def _filled(self, seq: int, e: ev.FillReport, state: State) -> None:
        fill = state.fills[-1]
        known = self.all.get(fill.client_id) or self.all.get(state.venue_ids.get(fill.venue_order_id, ""))
        deal = known or self.all.get(fill.venue_order_id) or self._of_the_venue(seq, e, state)
        if not deal.parts:
            now = (e.t, list(self._books.get(fill.symbol, ())))
            deal.first_t, books = self._heard.pop(fill.venue_order_id, now)
            deal.books = _since(books, deal.sent_t)
        deal.parts = [*deal.parts, Part(e.t, fill.qty, fill.price, fill.fee, fill.maker)]
        change = sign(fill.side) * fill.qty
        if self._held * (self._held + change) <= 0 and self._held + change:
            self._openers[fill.symbol] = deal.id

    def _of_the_venue(self, seq: int, e: ev.FillReport, state: State) -> Deal:
        fill = e.fill
        reduces = self._held * sign(fill.side) < 0
        market = state.markets.get(fill.symbol)
        name = fill.venue_order_id or f"venue-{seq}"
        deal = self.all[name] = Deal(
            id=name, seq=seq, t=e.t, symbol=fill.symbol, side=fill.side, role="venue" if reduces else "foreign", status="FILLED",
            opener=self._openers.get(fill.symbol, ""), mark=market.mark if market is not None else 0.0,
            level=min(self._levels, key=lambda level: abs(level - fill.price), default=None),
        )  # fmt: skip
        return deal


def _since(books: list[Book], sent_t: int) -> list[Book]:
    """From the last one before ``sent_t`` on; the last one of all for what nobody sent."""
    if not sent_t:
        return books[-1:]
    before = sum(1 for book in books if book.t < sent_t)
    return books[max(0, before - 1) :]


NEAR_NS = 2_000_000_000
"""Orders of one kind that were decided within this time are the same wish, told a little sooner or later."""


class Pairs:
    """Which recorded order is which of the run's: decided for the same reason at the same time."""

    def __init__(self, recorded: Deals) -> None:
        self._free: dict[tuple[str, str, str, str], deque[Deal]] = {}
        self.recorded_of: dict[str, str] = {}
        self.own_of: dict[str, str] = {}
        for deal in recorded.all.values():
            if deal.role not in ("venue", "foreign"):
                self._free.setdefault(_kind(deal), deque()).append(deal)

    def pair(self, own: Deal) -> str:
        """The recorded order's id; empty when there is none. Orders come in the order of their times, on both sides."""
        free = self._free.get(_kind(own), deque())
        while free and free[0].t < own.t - NEAR_NS:
            free.popleft()
        near = list(takewhile(lambda deal: deal.t <= own.t + NEAR_NS, free))
        if not near:
            return ""
        found = min(near, key=lambda deal: abs(deal.t - own.t))
        free.remove(found)
        self.recorded_of[own.id], self.own_of[found.id] = found.id, own.id
        return found.id

    def pair_releases(self, recorded: Deals, own: Deals) -> None:
        """Orders that the venue made belong together when they closed what the same order had opened, in their order."""
        waiting: dict[tuple[str, str, str], list[Deal]] = {}
        for deal in recorded.all.values():
            if deal.role == "venue":
                waiting.setdefault((deal.symbol, deal.side, deal.opener), []).append(deal)
        for deal in own.all.values():
            if deal.role == "venue":
                there = waiting.get((deal.symbol, deal.side, self.recorded_of.get(deal.opener, deal.opener)))
                if there:
                    found = there.pop(0)
                    self.recorded_of[deal.id], self.own_of[found.id] = found.id, deal.id


def _kind(deal: Deal) -> tuple[str, str, str, str]:
    return deal.symbol, deal.side, deal.role, deal.strategy


def taken_from(book: Book, side: Side) -> Levels:
    """The levels that an order of ``side`` takes."""
    return book.asks if side == "BUY" else book.bids
