"""Is the order itself sound: reduce-only, prices, stop and target."""

from __future__ import annotations

from engine.core.exposure import to_close
from engine.core.risk.case import Case, Found
from engine.model.orders import Order, sign


def reduce_only_violation(c: Case) -> Found:
    if not c.order.reduce_only:
        return None
    held = to_close(c.state, c.order.symbol)
    if held * sign(c.order.side) >= 0:
        return f"{held:f}", f"{c.order.side} {c.order.qty:f}", "there is no position that this order would reduce"
    if c.order.left > abs(held):
        return f"{abs(held):f}", f"{c.order.left:f}", f"only {abs(held):f} is held"
    return None


def price_collar(c: Case) -> Found:
    limit = c.limits.price_collar_pct
    if c.order.price is None:
        return None
    if not c.mid:
        return f"{limit:g} %", "unknown", "no market price to compare with"
    off = abs(float(c.order.price) - c.mid) / c.mid * 100
    return (
        None
        if off <= limit
        else (f"{limit:g} %", f"{off:.2f} %", f"the price is {off:.2f} % from the market, limit {limit:g} %")
    )


def post_only_would_cross(c: Case) -> Found:
    o, m = c.order, c.market
    if o.tif != "POST_ONLY" or o.price is None or m is None:
        return None
    price, other = float(o.price), c.ask if o.side == "BUY" else c.bid
    crosses = price >= other if o.side == "BUY" else price <= other
    return (
        (f"{other:g}", f"{o.price:f}", f"{o.side} at {o.price:f} would take from the book at {other:g}")
        if crosses and other
        else None
    )


def no_stop(c: Case) -> Found:
    o = c.order
    if o.stop is None:
        return ("a stop", "none", "an entry needs a protective stop") if c.limits.require_stop else None
    fill = likely_fill(c)
    if (fill - float(o.stop)) * sign(o.side) > 0:
        return None
    return f"{fill:g}", f"{o.stop:f}", f"the stop {o.stop:f} is on the wrong side of {fill:g}"


def likely_fill(c: Case) -> float:
    """A limit that the market has already passed fills at the market's better price."""
    if c.order.price is None or c.market is None:
        return c.price
    other = c.ask if c.order.side == "BUY" else c.bid
    better = min if c.order.side == "BUY" else max
    return better(c.price, other) if other else c.price


def reward_risk(order: Order, price: float) -> float | None:
    """(target − price) ÷ (price − stop), both in the order's direction; None without both."""
    if order.stop is None or order.target is None:
        return None
    risk = (price - float(order.stop)) * sign(order.side)
    reward = (float(order.target) - price) * sign(order.side)
    return reward / risk if risk > 0 else None


def reward_risk_too_low(c: Case) -> Found:
    ratio, limit = reward_risk(c.order, c.price), c.limits.min_reward_risk
    if ratio is None or ratio >= limit:
        return None
    return f"{limit:g}", f"{ratio:.2f}", f"reward is {ratio:.2f} of risk, limit {limit:g}"
