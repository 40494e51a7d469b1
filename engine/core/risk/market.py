"""Is the market fit to trade in: age, sanity and spread of the quote."""

from __future__ import annotations

from engine.core.risk.case import Case, Found
from engine.model.market import SECOND_NS


def stale_quote(c: Case) -> Found:
    limit, m = c.limits.stale_quote_s, c.market
    if m is None or not m.quote_t:
        return f"{limit:g} s", "never", "no quote has been seen"
    age = (c.state.t - m.quote_t) / SECOND_NS
    return (
        None
        if 0 <= age <= limit
        else (f"{limit:g} s", f"{age:.1f} s", f"the last quote is {age:.1f} s old, limit {limit:g} s")
    )


def outlier_price(c: Case) -> Found:
    limit, m = c.limits.outlier_pct, c.market
    if m is None or not m.bids or not m.asks:
        return "two sides", "one side", "the book has only one side"
    if not 0 < c.bid < c.ask:
        return "bid < ask", f"{c.bid:g} ≥ {c.ask:g}", f"the book is crossed: bid {c.bid:g}, ask {c.ask:g}"
    mark = m.mark
    if not mark:
        return f"{limit:g} %", "no mark", "no mark price has been seen"
    off = abs(c.mid - mark) / mark * 100
    return (
        None
        if off <= limit
        else (f"{limit:g} %", f"{off:.2f} %", f"book and mark differ by {off:.2f} %, limit {limit:g} %")
    )


def spread_too_wide(c: Case) -> Found:
    limit, mid = c.limits.max_spread_bps, c.mid
    if not mid:
        return f"{limit:g} bp", "unknown", "the spread is not known"
    spread = (c.ask - c.bid) / mid * 10_000
    return (
        None
        if spread <= limit
        else (f"{limit:g} bp", f"{spread:.2f} bp", f"the spread is {spread:.2f} bp, limit {limit:g} bp")
    )
