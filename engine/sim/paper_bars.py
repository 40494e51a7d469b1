"""A bar at the simulated venue: what fills at its open, inside it, and at its close.

Inside a bar only four prices are known. The order of things is the pessimist's: what stood at the open can be stopped out
first, then limits fill, and what a limit opened can be stopped out by the same bar but (unless the model is an optimist's)
not reach its target in it.
"""

from __future__ import annotations

from decimal import Decimal

from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.sim.fillmodel import both_in_bar, exit_in_bar, fillable, limit_in_bar
from engine.sim.matching import by_priority
from engine.sim.paper_desk import Desk, Working, close_out, fill, liquidation, settle_funding, take_price


def opens(desk: Desk, candle: Candle) -> list[ev.Event]:
    """Funding that fell due since the last close, then market orders that fill at the open."""
    t = candle.open_time
    out: list[ev.Event] = []
    if desk.settled < len(desk.funding):
        out += settle_funding(desk, t + MINUTE_NS - 1, desk.price or candle.open)
    if desk.orders and desk.model.market == "next_open":
        out += _market(desk, t, candle.open)
    return out


def trades(desk: Desk, candle: Candle) -> list[ev.Event]:
    """Everything between the open and the close, and what fills at the close; the venue's bar ends with it."""
    t = candle.open_time + MINUTE_NS
    desk.volume = candle.volume
    out = _exit(desk, candle, t, from_open=True) if desk.qty else []
    if desk.orders:
        out += _limits(desk, candle, t)
        if desk.model.market != "next_open":
            out += _market(desk, t, candle.close)
    closed(desk, candle, 1)
    if desk.settled < len(desk.funding):
        out += settle_funding(desk, t, candle.close)
    return out


def closed(desk: Desk, candle: Candle, bars: int) -> None:
    """``bars`` bars have passed, the last of them ``candle``."""
    desk.bar += bars
    desk.last = desk.mark = candle.close
    desk.volume = candle.volume


def live(working: Working, desk: Desk, t: int) -> bool:
    return t >= working.live_t and desk.bar >= working.live_bar


def _market(desk: Desk, t: int, price: float) -> list[ev.Event]:
    out: list[ev.Event] = []
    for working in list(desk.orders.values()):
        if working.rests or not live(working, desk, t):
            continue
        order = working.order
        paid = take_price(desk, price, order.side, working.left, spread=True)
        if order.price is not None and (paid > order.price if order.side == "BUY" else paid < order.price):
            working.rests = True
            continue
        out += fill(desk, working, working.left, paid, False, t)
    return out


def _limits(desk: Desk, candle: Candle, t: int) -> list[ev.Event]:
    out: list[ev.Event] = []
    room = fillable(candle.volume, desk.model, desk.instrument.step)
    for working in by_priority(w for w in desk.orders.values() if w.rests and w.order.price is not None):
        order = working.order
        if not live(working, desk, candle.open_time) or order.price is None:
            continue
        buys = order.side == "BUY"
        price = limit_in_bar(buys, float(order.price), candle, desk.model.touch, from_open=True)
        if price is None:
            continue
        part = min(working.left, room)
        if part <= 0:
            break
        room -= part
        before = desk.qty
        at = order.price if price != candle.open else _better(order.price, Decimal(repr(price)), buys)
        out += fill(desk, working, part, at, True, t)
        if desk.qty and before * desk.qty <= 0:
            out += _exit(desk, candle, t, from_open=False)
    return out


def _better(limit: Decimal, price: Decimal, buys: bool) -> Decimal:
    return min(limit, price) if buys else max(limit, price)


def _exit(desk: Desk, candle: Candle, t: int, *, from_open: bool) -> list[ev.Event]:
    stop, model = desk.stop, desk.model
    long = desk.qty > 0
    level = liquidation(desk)
    found = None
    if stop is not None:
        bottom = None if stop.stop is None else float(stop.stop)
        top = None if stop.target is None else float(stop.target)
        unsure = model.intrabar == "random" and (not from_open or both_in_bar(bottom, top, candle))
        found = exit_in_bar(
            long,
            bottom,
            top,
            candle,
            model.intrabar,
            desk.chance() if unsure else 0.0,
            from_open=from_open,
            after_limit=not from_open,
        )
        sooner = bottom is not None and level and (level - bottom) * (1 if long else -1) > 0
        if found is not None and found[0] == "stop" and sooner:
            found = None  # liquidated before the stop could be reached
    if found is None and level and (candle.low <= level if long else candle.high >= level):
        gapped = from_open and (candle.open <= level if long else candle.open >= level)
        found = ("liquidation", candle.open if gapped else level)
    return close_out(desk, found[1], t, found[0]) if found is not None else []
