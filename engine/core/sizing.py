"""How much: quantity = equity × risk % ÷ stop distance, then the caps, then the lot step rounded down.

A cap makes an order smaller and says so; only what is left too small is refused, with the cap's own reason.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from engine.core.exposure import at_risk, exposure, working_orders, worst_position
from engine.core.orders import on_step
from engine.core.risk import Breach
from engine.model.market import Instrument
from engine.model.orders import ZERO, Intent, Order, sign
from engine.model.settings import RiskLimits
from engine.model.state import State

LARGEST = Decimal("1e12")
"""No order is larger, whatever the caps: quotients of tiny distances stay countable."""


class Sized(NamedTuple):
    """``resized`` tells of a cap ("0.5 → 0.25 by max_position"); ``breach`` is set when nothing tradable is left."""

    qty: Decimal
    resized: str
    breach: Breach | None


def wanted_quantity(intent: Intent, equity_quote: float, risk_pct: float, price: float) -> Decimal:
    """The quantity before any cap: the intent's own, or what risks ``risk_pct`` percent of equity between ``price`` and the stop.

    Example: 1 % of 10,000 with a stop 100 away is 1. Zero where there is neither a quantity nor a usable stop.
    """
    if intent.qty is not None:
        return intent.qty if intent.size_factor == 1.0 else intent.qty * Decimal(repr(intent.size_factor))
    distance = (price - intent.stop) * sign(intent.side) if intent.stop is not None else 0.0
    if distance <= 0 or equity_quote <= 0:
        return ZERO
    return Decimal(repr(equity_quote * risk_pct / 100 / distance * intent.size_factor))


def size(state: State, order: Order, instrument: Instrument, limits: RiskLimits, price: float, own: float) -> Sized:
    """Fit ``order.qty`` (as wanted) under every cap. ``price`` is where it is expected to fill, ``own`` the equity."""
    wanted = on_step(order.qty if order.qty < LARGEST else LARGEST, instrument.step)
    qty, about, code, room_text = wanted, float(wanted), "", ""
    for cap_code, cap in _rooms(state, order, instrument, limits, price, max(0.0, own)):
        if cap < (about if isinstance(cap, float) else qty):
            room = max(Decimal(repr(cap)) if isinstance(cap, float) else cap, ZERO)
            qty, code, room_text = on_step(room, instrument.step), cap_code, f"{room:f}"
            about = float(qty)
    if qty < instrument.min_qty or about * price < limits.min_notional_quote:
        if code:
            text = f"{code} leaves room for {float(max(Decimal(room_text), ZERO)):g} of {wanted:f}"
            return Sized(wanted, "", Breach(code, f"{qty:f}", f"{wanted:f}", text))
        return Sized(wanted, "", None)
    resized = f"{wanted:f} → {qty:f} by {code}" if code else ""
    return Sized(qty, resized, None)


def _rooms(
    state: State, order: Order, instrument: Instrument, limits: RiskLimits, price: float, own: float
) -> list[tuple[str, Decimal | float]]:
    """Each cap's largest quantity for this order, as ``(reason code, base quantity)``; estimated ones are floats."""
    symbol = limits.symbols.get(order.symbol)
    if price <= 0 or symbol is None:
        return []
    working = working_orders(state)
    used = exposure(state, None, working)
    venue_max = instrument.max_market_qty if order.kind == "MARKET" else instrument.max_limit_qty
    rooms: list[tuple[str, Decimal | float]] = [
        ("max_quantity", min(symbol.max_quantity, venue_max) if venue_max else symbol.max_quantity),
        ("max_notional", limits.max_notional_quote / price),
        ("max_position", _position_room(state, order, symbol.max_position, working)),
        ("max_exposure", (limits.max_exposure_quote - used) / price),
        ("max_leverage", (limits.max_leverage * own - used) / price),
    ]
    if order.stop is not None:
        distance = abs(price - float(order.stop))
        if distance > 0:
            budget = own * limits.total_at_risk_pct / 100 - at_risk(state, None, 0.0, working)
            rooms.append(("total_at_risk", budget / distance))
    return rooms


def _position_room(state: State, order: Order, limit: Decimal, working: list[Order]) -> Decimal:
    """How much more may be bought (sold) until the worst case reaches the limit; an opposite position makes room."""
    position = state.positions.get(order.symbol)
    held = ZERO if position is None else position.qty * sign(order.side)
    return limit - held if held < ZERO else limit - worst_position(state, order.symbol, None, working)
