"""Quotes, prints and marks at the simulated venue: market orders take from the book, limits wait in its queue."""

from __future__ import annotations

from decimal import Decimal

from engine.model import events as ev
from engine.model.orders import Order
from engine.sim.fillmodel import queue_ahead, walk
from engine.sim.paper_desk import Desk, Working, close_out, fill, liquidation, settle_funding, take_price


def booked(desk: Desk, e: ev.BookTick) -> list[ev.Event]:
    desk.bids, desk.asks = e.bids, e.asks
    if e.bids and e.asks:
        desk.last = desk.last or (e.bids[0][0] + e.asks[0][0]) / 2
    out = take_market(desk, e.t)
    for working in _resting(desk, e.t):
        order, limit = working.order, float(working.order.price or 0)
        levels = e.asks if order.side == "BUY" else e.bids
        if not crosses(order, levels):
            working.ahead = min(working.ahead, queue_ahead(e.bids if order.side == "BUY" else e.asks, limit))
            continue
        offered = sum(q for p, q in levels if (p <= limit if order.side == "BUY" else p >= limit))
        out += _part(desk, working, offered, e.t)
    return out


def printed(desk: Desk, e: ev.TradeTick) -> list[ev.Event]:
    """A print through a limit fills it; one at its price first eats the queue before it, then fills by its volume."""
    desk.last, desk.volume = e.price, e.qty
    out = take_market(desk, e.t)
    left = e.qty
    for working in _resting(desk, e.t):
        order, limit = working.order, float(working.order.price or 0)
        buys = order.side == "BUY"
        if e.price < limit if buys else e.price > limit:
            out += fill(desk, working, working.left, order.price or Decimal(repr(limit)), True, e.t)
        elif e.price == limit and (e.side == "SELL") == buys:
            ahead = min(working.ahead, left)
            working.ahead -= ahead
            left -= ahead
            before = working.left
            out += _part(desk, working, left, e.t)
            left -= float(before - working.left)
    return out + (_exits(desk, e.price, e.t) if desk.model.trigger == "last" or not desk.mark else [])


def marked(desk: Desk, e: ev.MarkTick) -> list[ev.Event]:
    """The mark settles funding that is due (at the rate before), and releases stops, targets and liquidations."""
    out = settle_funding(desk, e.t, desk.mark or e.mark)
    desk.mark = e.mark
    out += take_market(desk, e.t)
    return out + (_exits(desk, e.mark, e.t) if desk.model.trigger == "mark" else [])


def take_market(desk: Desk, t: int) -> list[ev.Event]:
    """Market orders (and limits that cross as they arrive) that are live take what the book offers."""
    out: list[ev.Event] = []
    for working in list(desk.orders.values()):
        if working.rests or t < working.live_t:
            continue
        order = working.order
        if order.price is not None:
            out += _arrive(desk, working, t)
            continue
        base = walk(desk.asks if order.side == "BUY" else desk.bids, float(working.left))
        if base is None and not desk.price:
            continue
        price = take_price(desk, base or desk.price, order.side, working.left, spread=base is None)
        out += fill(desk, working, working.left, price, False, t)
    return out


def _arrive(desk: Desk, working: Working, t: int) -> list[ev.Event]:
    order = working.order
    levels = desk.asks if order.side == "BUY" else desk.bids
    limit, buys = float(order.price or 0), order.side == "BUY"
    working.rests = True
    if crosses(order, levels):
        reach = [(p, q) for p, q in levels if (p <= limit if buys else p >= limit)]
        offered = _whole(desk, sum(q for _, q in reach))
        part = min(working.left, offered)
        base = walk(reach, float(part)) if part > 0 else None
        if base is not None:
            paid = take_price(desk, base, order.side, part, spread=False)
            bounded = min(paid, order.price or paid) if buys else max(paid, order.price or paid)
            out = fill(desk, working, part, bounded, False, t)
            working.ahead = 0.0
            return out
    working.ahead = queue_ahead(desk.bids if buys else desk.asks, limit)
    return []


def crosses(order: Order, levels: list[tuple[float, float]]) -> bool:
    """Whether a limit would trade with the best of ``levels`` (the other side's)."""
    if order.price is None or not levels:
        return False
    best, limit = levels[0][0], float(order.price)
    return best <= limit if order.side == "BUY" else best >= limit


def _resting(desk: Desk, t: int) -> list[Working]:
    if not desk.orders:
        return []
    return [w for w in desk.orders.values() if w.rests and w.order.price is not None and t >= w.live_t]


def _part(desk: Desk, working: Working, offered: float, t: int) -> list[ev.Event]:
    part = min(working.left, _whole(desk, offered))
    return fill(desk, working, part, working.order.price or Decimal(0), True, t) if part > 0 else []


def _whole(desk: Desk, qty: float) -> Decimal:
    step = desk.instrument.step
    return Decimal(repr(max(0.0, qty))) // step * step


def _exits(desk: Desk, price: float, t: int) -> list[ev.Event]:
    if not desk.qty:
        return []
    up = 1 if desk.qty > 0 else -1
    stop, target = (desk.stop.stop, desk.stop.target) if desk.stop is not None else (None, None)
    level = liquidation(desk)
    why = ""
    if level and (price - level) * up <= 0:
        why = "liquidation"
    elif stop is not None and (price - float(stop)) * up <= 0:
        why = "stop"
    elif target is not None and (price - float(target)) * up >= 0:
        why = "target"
    if not why:
        return []
    base = walk(desk.bids if up > 0 else desk.asks, float(abs(desk.qty)))
    return close_out(desk, base or price, t, why, spread=base is None)
