"""Is it allowed at all: id, symbol, trading state, links."""

from __future__ import annotations

from engine.core.risk.case import Case, Found
from engine.model.market import SECOND_NS

ENTRY_LINKS, EXIT_LINKS = ("public", "private", "rest"), ("rest",)
"""Links that must be up: getting out needs only the one that takes orders."""


def duplicate_order_id(c: Case) -> Found:
    known = c.state.orders.get(c.order.client_id)
    if known is None or known.status in ("PROPOSED", "AWAITING_APPROVAL"):
        return None
    return "once", known.status, f"order {c.order.client_id} was decided before"


def symbol_not_allowed(c: Case) -> Found:
    symbol, instrument = c.order.symbol, c.instrument
    if symbol not in c.limits.symbols:
        return ", ".join(sorted(c.limits.symbols)), symbol, f"{symbol} is not in the profile's limits"
    if c.order.reduce_only:
        return None
    if instrument is None:
        return "listed", "unknown", f"{symbol} is not listed by the venue"
    if not instrument.tradable:
        return "open", "closed", f"{symbol} is not open for trading"
    return None


def halted(c: Case) -> Found:
    return ("off", "on", f"the kill switch is on: {c.state.trading_why}") if c.state.trading == "HALTED" else None


def safe_mode(c: Case) -> Found:
    return ("ACTIVE", "SAFE", f"trading is SAFE: {c.state.trading_why}") if c.state.trading == "SAFE" else None


def paused(c: Case) -> Found:
    return ("ACTIVE", "PAUSED", f"trading is paused: {c.state.trading_why}") if c.state.trading == "PAUSED" else None


def links_down(c: Case) -> Found:
    links, exits = c.state.links, c.order.reduce_only
    down = ""
    for name in EXIT_LINKS if exits else ENTRY_LINKS:
        link = links.get(name)
        if link is None or link.state != "up":
            down += f", {name}"
    if down:
        return "up", "down", f"not connected: {down[2:]}"
    if exits:
        return None
    if c.state.doubt:
        return "compared", "in doubt", "the account has not been compared with the venue since it was last connected"
    if (limit := c.limits.stale_link_s) and c.state.session.mode != "BACKTEST":
        for what, heard_t in (("private stream", links["private"].last_t), ("account", c.state.snapshot_t)):
            silent = (c.state.t - heard_t) / SECOND_NS
            if silent > limit:
                return (
                    f"{limit:g} s",
                    f"{silent:.0f} s",
                    f"the {what} was last heard {silent:.0f} s ago, limit {limit:g} s",
                )
    alarms = c.state.alarms
    if (
        alarms
        and c.position is not None
        and c.position.venue_qty is not None
        and f"PositionMismatch/{c.order.symbol}" in alarms
    ):
        return f"{c.position.qty:f}", f"{c.position.venue_qty:f}", "our position and the venue's differ"
    return None


NEEDED = ("orders", "exits")
"""Families of requests that an entry needs: the one that takes it, and the one that leads out of it again."""


def breaker_open(c: Case) -> Found:
    breakers = c.state.errors.breakers
    for family in NEEDED if breakers else ():
        breaker = breakers.get(family)
        if breaker is None or breaker.state == "closed" or (breaker.state == "open" and c.state.t >= breaker.until):
            continue
        wait = max(0.0, (breaker.until - c.state.t) / SECOND_NS)
        again = f"the next may go in {wait:.0f} s" if breaker.state == "open" else "one is trying now"
        return "closed", breaker.state, f"{breaker.failures} {family} in a row got no answer: {again}"
    return None
