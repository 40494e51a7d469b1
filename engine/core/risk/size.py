"""Is it too much: quantity, worth, position, exposure, risk, and the depth of the book."""

from __future__ import annotations

from decimal import Decimal

from engine.core.exposure import at_risk
from engine.core.risk.case import Case, Found
from engine.model.orders import ZERO


def max_quantity(c: Case) -> Found:
    own = c.limits.symbols[c.order.symbol].max_quantity
    venue = venue_max(c)
    limit = min(own, venue) if venue else own
    if c.order.qty <= limit:
        return None
    return f"{limit:f}", f"{c.order.qty:f}", f"quantity {c.order.qty:f}, limit {limit:f}"


def venue_max(c: Case) -> Decimal:
    if c.instrument is None:
        return ZERO
    return c.instrument.max_market_qty if c.order.kind == "MARKET" else c.instrument.max_limit_qty


def max_notional(c: Case) -> Found:
    return above(c.qty * c.price, c.limits.max_notional_quote, "the order is worth")


def min_notional(c: Case) -> Found:
    i, qty, exits = c.instrument, c.order.qty, c.order.reduce_only
    if not exits and i is not None and qty < i.min_qty:
        return f"{i.min_qty:f}", f"{qty:f}", f"quantity {qty:f} is below the venue's minimum {i.min_qty:f}"
    if qty <= ZERO:
        return "> 0", f"{qty:f}", "the quantity is not positive"
    if exits:
        return None
    limit = c.limits.min_notional_quote
    if i is not None and i.min_notional:
        limit = max(limit, float(i.min_notional))
    value = c.qty * c.price
    return (
        (f"{limit:,.2f}", f"{value:,.2f}", f"the order is worth {value:,.2f}, minimum {limit:,.2f}")
        if value < limit
        else None
    )


def max_position(c: Case) -> Found:
    limit = c.limits.symbols[c.order.symbol].max_position
    value = c.worst_position()
    return (
        (f"{limit:f}", f"{value:f}", f"the position could reach {value:f}, limit {limit:f}") if value > limit else None
    )


def max_exposure(c: Case) -> Found:
    return above(c.worst_exposure(), c.limits.max_exposure_quote, "exposure could reach")


def max_leverage(c: Case) -> Found:
    limit, own = c.limits.max_leverage, c.equity
    if not c.state.account.known or own <= 0:
        return f"{limit:g}×", "unknown", "equity is not known or not positive"
    value = c.worst_exposure() / own
    return (
        None
        if value <= limit
        else (f"{limit:g}×", f"{value:.2f}×", f"exposure could reach {value:.2f}× equity, limit {limit:g}×")
    )


def total_at_risk(c: Case) -> Found:
    limit, own = c.limits.total_at_risk_pct, c.equity
    if own <= 0:
        return f"{limit:g} %", "unknown", "equity is not known or not positive"
    value = at_risk(c.state, c.order, c.price, c.working) / own * 100
    return (
        None
        if value <= limit
        else (
            f"{limit:g} %",
            f"{value:.2f} %",
            f"all stops together would cost {value:.2f} % of equity, limit {limit:g} %",
        )
    )


def max_slippage(c: Case) -> Found:
    limit, m = c.limits.max_slippage_bps, c.market
    if c.order.price is not None or m is None or not c.mid:
        return None
    paid = book_price(m.asks if c.order.side == "BUY" else m.bids, c.qty)
    if paid is None:
        return f"{limit:g} bp", "beyond the book", f"the visible book holds less than {c.order.qty:f}"
    slip = abs(paid - c.mid) / c.mid * 10_000
    return (
        None
        if slip <= limit
        else (f"{limit:g} bp", f"{slip:.2f} bp", f"filling would cost {slip:.2f} bp, limit {limit:g} bp")
    )


def book_price(levels: list[tuple[float, float]], qty: float) -> float | None:
    """Mean price of taking ``qty`` from ``levels``; None when they hold less."""
    left, paid = qty, 0.0
    for price, size in levels:
        if not size > 0:
            continue
        take = min(left, size)
        paid += take * price
        left -= take
        if left <= 1e-12:
            return paid / qty
    return None


def above(value: float, limit: float, what: str) -> Found:
    return None if value <= limit else (f"{limit:,.2f}", f"{value:,.2f}", f"{what} {value:,.2f}, limit {limit:,.2f}")
