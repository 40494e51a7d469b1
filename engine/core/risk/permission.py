"""Is it allowed at all: id, symbol, trading state, links."""

from __future__ import annotations

from engine.core.risk.case import Case, Found


def duplicate_order_id(c: Case) -> Found:
    known = c.state.orders.get(c.order.client_id)
    if known is None or known.status in ("PROPOSED", "AWAITING_APPROVAL"):
        return None
    return "once", known.status, f"order {c.order.client_id} was decided before"


def symbol_not_allowed(c: Case) -> Found:
    if c.order.symbol not in c.limits.symbols:
        return ", ".join(sorted(c.limits.symbols)), c.order.symbol, f"{c.order.symbol} is not in the profile's limits"
    if c.instrument is None and not c.order.reduce_only:
        return "listed", "unknown", f"{c.order.symbol} is not listed by the venue"
    if c.instrument is not None and not c.instrument.tradable and not c.order.reduce_only:
        return "open", "closed", f"{c.order.symbol} is not open for trading"
    return None


def halted(c: Case) -> Found:
    return ("off", "on", f"the kill switch is on: {c.state.trading_why}") if c.state.trading == "HALTED" else None


def safe_mode(c: Case) -> Found:
    return ("ACTIVE", "SAFE", f"links were lost: {c.state.trading_why}") if c.state.trading == "SAFE" else None


def paused(c: Case) -> Found:
    return ("ACTIVE", "PAUSED", f"trading is paused: {c.state.trading_why}") if c.state.trading == "PAUSED" else None


def links_down(c: Case) -> Found:
    links = c.state.links
    down = ""
    for name in ("rest",) if c.order.reduce_only else ("public", "private", "rest"):
        if name not in links or links[name].state != "up":
            down += f", {name}"
    if down:
        return "up", "down", f"not connected: {down[2:]}"
    if c.order.reduce_only:
        return None
    if c.state.doubt:
        return "compared", "in doubt", "the account has not been compared with the venue since it was last connected"
    if (
        c.position is not None
        and c.position.venue_qty is not None
        and f"PositionMismatch/{c.order.symbol}" in c.state.alarms
    ):
        return f"{c.position.qty:f}", f"{c.position.venue_qty:f}", "our position and the venue's differ"
    return None
