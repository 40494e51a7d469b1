"""Quotes, prints and marks at the simulated venue: the rules of ``matching`` and ``rules``, applied to one symbol's desk.

Orders arrive when they are live: those at market and limits that cross take from the book level by level, what is left of a
limit waits in its queue. What is taken is gone from the book for a second of market time, as at the loopback exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache

import msgspec

from engine.model import events as ev
from engine.model.market import Instrument
from engine.model.orders import ZERO, Side
from engine.sim.matching import Book, Match, Take, by_priority, crosses, match_book, match_print, stays, walk
from engine.sim.paper_desk import Desk, Working, drop, fill, leave, settle_funding, take_price
from engine.sim.rules import liquidated, protected, reached

MS = 1_000_000
EVERYTHING = {True: Decimal("Infinity"), False: ZERO}
"""The limit of an order without one, where no mark protects it: as a buyer's and as a seller's."""


class Steps(msgspec.Struct, frozen=True):
    """An instrument's steps (``matching.Steps``)."""

    tick: Decimal
    price_digits: int
    qty_digits: int

    def price(self, value: float) -> Decimal:
        return Decimal(f"{value:.{self.price_digits}f}")

    def qty(self, value: float) -> Decimal:
        return Decimal(f"{value:.{self.qty_digits}f}")


@lru_cache(maxsize=256)
def _steps(tick: Decimal, step: Decimal) -> Steps:
    return Steps(tick, _digits(tick), _digits(step))


def _digits(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))


def steps_of(instrument: Instrument) -> Steps:
    return _steps(instrument.tick, instrument.step)


# --- market events ----------------------------------------------------------------------------------------------------


def booked(desk: Desk, e: ev.BookTick) -> list[ev.Event]:
    """A new book: orders that are live arrive at it, and limits that it crosses fill at their own price."""
    desk.bids, desk.asks = e.bids, e.asks
    _moved_on(desk, e.venue_t, new_book=True)
    if e.bids and e.asks:
        desk.last = desk.last or (e.bids[0][0] + e.asks[0][0]) / 2
    out = take_market(desk, e.t) + _meet_book(desk, e.t)
    return out + _release(desk, e.t) + _liquidate(desk, e.t)


def printed(desk: Desk, e: ev.TradeTick) -> list[ev.Event]:
    """A print through a limit fills it; one at its price first eats the queue before it, then fills by its volume."""
    desk.last, desk.volume = e.price, e.qty
    another = _moved_on(desk, e.venue_t)
    out = take_market(desk, e.t)
    out += _fill_resting(desk, e.t, lambda waiting: match_print(steps_of(desk.instrument), waiting, e))
    out += _meet_book(desk, e.t) if another else []
    return out + _release(desk, e.t) + _liquidate(desk, e.t)


def marked(desk: Desk, e: ev.MarkTick) -> list[ev.Event]:
    """The mark releases stops and targets, settles funding that is due (at the rate told before), and liquidates."""
    desk.mark = e.mark
    another = _moved_on(desk, e.venue_t)
    out = take_market(desk, e.t) + (_meet_book(desk, e.t) if another else [])
    out += _release(desk, e.t)
    _note_funding(desk, e)
    out += settle_funding(desk, e.t, e.mark)
    return out + _liquidate(desk, e.t)


def _moved_on(desk: Desk, venue_t: int, *, new_book: bool = False) -> bool:
    """Market time passes: whether the book is another one, for something that was taken from it may be back."""
    desk.now_ms = max(desk.now_ms, venue_t // MS)
    if desk.book is None:
        return False
    desk.book.t_ms = desk.now_ms
    if not (new_book or desk.book.eaten):
        return False
    desk.eaten, desk.book = desk.book.eaten, None
    return True


def _meet_book(desk: Desk, t: int) -> list[ev.Event]:
    return _fill_resting(desk, t, lambda waiting: match_book(book_of(desk), waiting))


def _note_funding(desk: Desk, e: ev.MarkTick) -> None:
    """When the next settlement is another one, the one before it has come, at the rate that was told last."""
    due, rate = desk.due
    if due and e.next_funding_t > due and e.venue_t >= due:
        desk.funding.append((e.t, Decimal(repr(rate))))
    desk.due = (e.next_funding_t, e.funding_rate)


# --- orders -----------------------------------------------------------------------------------------------------------


def book_of(desk: Desk) -> Book:
    if desk.book is None:
        steps = steps_of(desk.instrument)
        desk.book = Book(steps, desk.bids, desk.asks, desk.now_ms, desk.eaten, excerpt=True)
    return desk.book


def would_take(desk: Desk, working: Working) -> bool:
    """Whether a limit would trade if it arrived now."""
    return bool(desk.bids or desk.asks) and crosses(book_of(desk), working)


def join_queue(desk: Desk, working: Working) -> None:
    """A limit waits behind everything that is visible at its price."""
    working.rests, working.queue = True, book_of(desk).visible(working.buys, working.price)


def take_market(desk: Desk, t: int) -> list[ev.Event]:
    """Orders that have become live arrive, first come first served."""
    out: list[ev.Event] = []
    for working in list(desk.orders.values()) if desk.orders else ():
        if not working.rests and t >= working.live_t and working.order.client_id in desk.orders:
            out += _arrive(desk, working, t)
    return out


def _arrive(desk: Desk, working: Working, t: int) -> list[ev.Event]:
    order = working.order
    at_market = order.price is None
    if at_market and not desk.price and not (desk.bids or desk.asks):
        return []  # nothing is known of the market: it waits
    left = working.left
    if order.reduce_only:
        left = min(left, max(ZERO, -desk.qty if working.buys else desk.qty))
    takes = _takes(desk, working.buys, left, None if at_market else working.price)
    if not stays(order.tif, takes, left):
        return [drop(desk, working, t, order.tif.lower(), f"{order.tif} does not go with what the book offers")]
    book_of(desk).consume(working.buys, takes)
    out: list[ev.Event] = []
    for price, qty in takes:
        if order.client_id in desk.orders:
            out += fill(desk, working, qty, _paid(desk, working, price, qty), False, t)
    if order.client_id not in desk.orders:
        return out
    if at_market or order.tif in ("IOC", "FOK"):
        why = "nothing is left to reduce" if order.reduce_only and not desk.qty else "no more within reach"
        return [*out, drop(desk, working, t, "reduce_only" if order.reduce_only else "unfilled", why)]
    join_queue(desk, working)
    return out


def _takes(desk: Desk, buys: bool, qty: Decimal, limit: Decimal | None) -> list[Take]:
    """What the book has for an order. Without any book the last price has room for a market order."""
    if not (desk.bids or desk.asks):
        return [Take(steps_of(desk.instrument).price(desk.price), qty)] if limit is None and qty > 0 else []
    book = book_of(desk)
    return walk(book, buys, qty, _protection(desk, book, buys) if limit is None else limit)


def _protection(desk: Desk, book: Book, buys: bool) -> Decimal:
    levels = book.against(buys)
    if not desk.mark:
        return EVERYTHING[buys]
    mark = Decimal(repr(desk.mark))
    return protected(buys, mark, levels[0].price if levels else mark)


def _paid(desk: Desk, working: Working, price: Decimal, qty: Decimal) -> Decimal:
    """A level's price with the model's slippage, never beyond the order's limit."""
    limit, paid = working.order.price, _taken(desk, working.order.side, price, qty)
    if limit is None:
        return paid
    return min(paid, limit) if working.buys else max(paid, limit)


def _taken(desk: Desk, side: Side, price: Decimal, qty: Decimal) -> Decimal:
    """With a fixed spread no better than half of it from the middle of the book; without a book half of it on top."""
    base, model = float(price), desk.model
    if desk.bids and desk.asks and model.spread == "fixed" and model.spread_bps:
        middle = (desk.bids[0][0] + desk.asks[0][0]) / 2
        half = middle * model.spread_bps / 20_000
        base = max(base, middle + half) if side == "BUY" else min(base, middle - half)
    return take_price(desk, base, side, qty, spread=not (desk.bids or desk.asks))


def _fill_resting(
    desk: Desk, t: int, match: Callable[[list[Working]], Iterable[Match[Working]]]
) -> list[ev.Event]:  # fmt: skip
    if not desk.orders:
        return []
    out: list[ev.Event] = []
    for working, price, qty in match(by_priority(w for w in desk.orders.values() if w.rests)):
        if working.order.client_id in desk.orders:
            out += fill(desk, working, qty, price, True, t)
    return out


# --- the venue's own orders -------------------------------------------------------------------------------------------


def _release(desk: Desk, t: int) -> list[ev.Event]:
    """The price reaches the stop or the target: a market order out of the position. If both were, the stop was first."""
    price = desk.price if desk.model.trigger == "mark" else desk.last
    if not desk.qty or desk.stop is None or not price:
        return []
    seen, long = Decimal(repr(price)), desk.qty > 0
    for why, level in (("stop", desk.stop.stop), ("target", desk.stop.target)):
        if level is not None and reached(level, seen, seen, stop=why == "stop", long=long):
            side: Side = "SELL" if long else "BUY"
            takes = _takes(desk, not long, abs(desk.qty), None)
            book_of(desk).consume(not long, takes)
            return leave(desk, [(qty, _taken(desk, side, at, qty)) for at, qty in takes], t, why)
    return []


def _liquidate(desk: Desk, t: int) -> list[ev.Event]:
    """The venue takes over, at the mark, a position that its equity does not carry any more; orders end with it."""
    if not desk.qty or not desk.model.liquidation:
        return []
    value = desk.qty * Decimal(repr(desk.price))
    if not liquidated(desk.cash + value, abs(value) * Decimal(repr(desk.model.maintenance_pct)) / 100):
        return []
    out: list[ev.Event] = [
        drop(desk, w, t, "liquidation", "the account is liquidated") for w in list(desk.orders.values())
    ]
    at = steps_of(desk.instrument).price(desk.price)
    return out + leave(desk, [(abs(desk.qty), at)], t, "liquidation")
