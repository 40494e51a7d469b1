"""The risk gate: one function through which every order passes, once when it is decided and once more right before it is sent.

Each check is a row of ``CHECKS``: a reason code of ``engine.model.reasons``, whom it concerns, and a function that
returns the limit and the value that met it. Orders that can only reduce a position skip the checks marked for entries:
getting out is always allowed when the venue can be reached. What is unknown (no quote, no mark, no comparison with
the venue) is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.core.exposure import at_risk, exposure, to_close, working_orders, worst_position
from engine.core.orders import working
from engine.model.market import MINUTE_NS, Instrument
from engine.model.orders import ZERO, Order, Position, sign
from engine.model.settings import RiskLimits
from engine.model.state import Market, State, equity

SECOND_NS = 1_000_000_000


class Breach(NamedTuple):
    """A limit that an order would break: the code, both numbers as text, and the sentence that a person reads."""

    code: str
    limit: str
    value: str
    text: str


class Approved(NamedTuple):
    """An order that passed every check at ``t``. Only this type can be sent."""

    order: Order
    t: int


class Case(msgspec.Struct):
    """One order before the gate, with everything that the checks look at."""

    state: State
    order: Order
    limits: RiskLimits
    market: Market | None
    position: Position | None
    instrument: Instrument | None
    price: float
    """Where the order is expected to fill: its limit, or the side of the book that it takes; zero when unknown."""
    equity: float
    working: list[Order]
    mid: float
    exposure: float = -1.0

    def worst_exposure(self) -> float:
        """With this order and all that work; two checks ask for it."""
        if self.exposure < 0:
            self.exposure = exposure(self.state, self.order, self.working)
        return self.exposure


Found = tuple[str, str, str] | None
"""(limit, value, sentence), or None when the check passes."""


def gate(state: State, order: Order, limits: RiskLimits) -> Approved | Breach:
    """Judge ``order`` against ``limits`` in ``state``; the first broken limit in the order of ``CHECKS`` is the answer."""
    market = state.markets.get(order.symbol)
    if order.price is not None:
        price = float(order.price)
    elif market is None:
        price = 0.0
    else:
        price = market.ask if order.side == "BUY" else market.bid
    exits = order.reduce_only
    case = Case(
        state, order, limits, market, state.positions.get(order.symbol),
        market.instrument if market is not None else None, price,
        0.0 if exits else equity(state), [] if exits else working_orders(state), market.mid if market is not None else 0.0,
    )  # fmt: skip
    for code, check in EXIT_CHECKS if exits else MARKET_CHECKS if order.price is None else ENTRY_CHECKS:
        found = check(case)
        if found is not None:
            return Breach(code, *found)
    return Approved(order, state.t)


# --- is it allowed at all --------------------------------------------------------------------------------------


def _duplicate_order_id(c: Case) -> Found:
    known = c.state.orders.get(c.order.client_id)
    if known is None or known.status in ("PROPOSED", "AWAITING_APPROVAL"):
        return None
    return "once", known.status, f"order {c.order.client_id} was decided before"


def _symbol_not_allowed(c: Case) -> Found:
    if c.order.symbol not in c.limits.symbols:
        return ", ".join(sorted(c.limits.symbols)), c.order.symbol, f"{c.order.symbol} is not in the profile's limits"
    if c.instrument is None and not c.order.reduce_only:
        return "listed", "unknown", f"{c.order.symbol} is not listed by the venue"
    if c.instrument is not None and not c.instrument.tradable and not c.order.reduce_only:
        return "open", "closed", f"{c.order.symbol} is not open for trading"
    return None


def _halted(c: Case) -> Found:
    return ("off", "on", f"the kill switch is on: {c.state.trading_why}") if c.state.trading == "HALTED" else None


def _safe_mode(c: Case) -> Found:
    return ("ACTIVE", "SAFE", f"links were lost: {c.state.trading_why}") if c.state.trading == "SAFE" else None


def _paused(c: Case) -> Found:
    return ("ACTIVE", "PAUSED", f"trading is paused: {c.state.trading_why}") if c.state.trading == "PAUSED" else None


def _links_down(c: Case) -> Found:
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


# --- is the market fit to trade in -----------------------------------------------------------------------------


def _stale_quote(c: Case) -> Found:
    limit = c.limits.stale_quote_s
    if c.market is None or not c.market.quote_t:
        return f"{limit:g} s", "never", "no quote has been seen"
    age = (c.state.t - c.market.quote_t) / SECOND_NS
    return (
        None
        if 0 <= age <= limit
        else (f"{limit:g} s", f"{age:.1f} s", f"the last quote is {age:.1f} s old, limit {limit:g} s")
    )


def _outlier_price(c: Case) -> Found:
    limit, m = c.limits.outlier_pct, c.market
    if m is None or not m.bids or not m.asks:
        return "two sides", "one side", "the book has only one side"
    if not 0 < m.bids[0][0] < m.asks[0][0]:
        return "bid < ask", f"{m.bid:g} ≥ {m.ask:g}", f"the book is crossed: bid {m.bid:g}, ask {m.ask:g}"
    if not m.mark:
        return f"{limit:g} %", "no mark", "no mark price has been seen"
    off = abs(c.mid - m.mark) / m.mark * 100
    return (
        None
        if off <= limit
        else (f"{limit:g} %", f"{off:.2f} %", f"book and mark differ by {off:.2f} %, limit {limit:g} %")
    )


def _spread_too_wide(c: Case) -> Found:
    limit, m = c.limits.max_spread_bps, c.market
    if m is None or not c.mid:
        return f"{limit:g} bp", "unknown", "the spread is not known"
    spread = (m.ask - m.bid) / c.mid * 10_000
    return (
        None
        if spread <= limit
        else (f"{limit:g} bp", f"{spread:.2f} bp", f"the spread is {spread:.2f} bp, limit {limit:g} bp")
    )


# --- is the order itself sound ---------------------------------------------------------------------------------


def _reduce_only_violation(c: Case) -> Found:
    if not c.order.reduce_only:
        return None
    held = to_close(c.state, c.order.symbol)
    if held * sign(c.order.side) >= 0:
        return f"{held:f}", f"{c.order.side} {c.order.qty:f}", "there is no position that this order would reduce"
    if c.order.left > abs(held):
        return f"{abs(held):f}", f"{c.order.left:f}", f"only {abs(held):f} is held"
    return None


def _price_collar(c: Case) -> Found:
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


def _post_only_would_cross(c: Case) -> Found:
    o, m = c.order, c.market
    if o.tif != "POST_ONLY" or o.price is None or m is None:
        return None
    price, other = float(o.price), m.ask if o.side == "BUY" else m.bid
    crosses = price >= other if o.side == "BUY" else price <= other
    return (
        (f"{other:g}", f"{o.price:f}", f"{o.side} at {o.price:f} would take from the book at {other:g}")
        if crosses and other
        else None
    )


def _no_stop(c: Case) -> Found:
    o = c.order
    if o.stop is None:
        return ("a stop", "none", "an entry needs a protective stop") if c.limits.require_stop else None
    fill = _likely_fill(c)
    if (fill - float(o.stop)) * sign(o.side) > 0:
        return None
    return f"{fill:g}", f"{o.stop:f}", f"the stop {o.stop:f} is on the wrong side of {fill:g}"


def _likely_fill(c: Case) -> float:
    """A limit that the market has already passed fills at the market's better price."""
    if c.order.price is None or c.market is None:
        return c.price
    other = c.market.ask if c.order.side == "BUY" else c.market.bid
    better = min if c.order.side == "BUY" else max
    return better(c.price, other) if other else c.price


def reward_risk(order: Order, price: float) -> float | None:
    """(target − price) ÷ (price − stop), both in the order's direction; None without both."""
    if order.stop is None or order.target is None:
        return None
    risk = (price - float(order.stop)) * sign(order.side)
    reward = (float(order.target) - price) * sign(order.side)
    return reward / risk if risk > 0 else None


def _reward_risk_too_low(c: Case) -> Found:
    ratio, limit = reward_risk(c.order, c.price), c.limits.min_reward_risk
    if ratio is None or ratio >= limit:
        return None
    return f"{limit:g}", f"{ratio:.2f}", f"reward is {ratio:.2f} of risk, limit {limit:g}"


# --- is it too much --------------------------------------------------------------------------------------------


def _max_quantity(c: Case) -> Found:
    own = c.limits.symbols[c.order.symbol].max_quantity
    venue = _venue_max(c)
    limit = min(own, venue) if venue else own
    if c.order.qty <= limit:
        return None
    return f"{limit:f}", f"{c.order.qty:f}", f"quantity {c.order.qty:f}, limit {limit:f}"


def _venue_max(c: Case) -> Decimal:
    if c.instrument is None:
        return ZERO
    return c.instrument.max_market_qty if c.order.kind == "MARKET" else c.instrument.max_limit_qty


def _max_notional(c: Case) -> Found:
    return _above(float(c.order.qty) * c.price, c.limits.max_notional_quote, "the order is worth")


def _min_notional(c: Case) -> Found:
    i = c.instrument
    if i is not None and c.order.qty < i.min_qty and not c.order.reduce_only:
        return (
            f"{i.min_qty:f}",
            f"{c.order.qty:f}",
            f"quantity {c.order.qty:f} is below the venue's minimum {i.min_qty:f}",
        )
    if c.order.qty <= 0:
        return "> 0", f"{c.order.qty:f}", "the quantity is not positive"
    if c.order.reduce_only:
        return None
    limit = max(c.limits.min_notional_quote, float(i.min_notional) if i is not None else 0.0)
    value = float(c.order.qty) * c.price
    return (
        (f"{limit:,.2f}", f"{value:,.2f}", f"the order is worth {value:,.2f}, minimum {limit:,.2f}")
        if value < limit
        else None
    )


def _max_position(c: Case) -> Found:
    limit = c.limits.symbols[c.order.symbol].max_position
    value = worst_position(c.state, c.order.symbol, c.order, c.working)
    return (
        (f"{limit:f}", f"{value:f}", f"the position could reach {value:f}, limit {limit:f}") if value > limit else None
    )


def _max_exposure(c: Case) -> Found:
    return _above(c.worst_exposure(), c.limits.max_exposure_quote, "exposure could reach")


def _max_leverage(c: Case) -> Found:
    limit, own = c.limits.max_leverage, c.equity
    if not c.state.account.known or own <= 0:
        return f"{limit:g}×", "unknown", "equity is not known or not positive"
    value = c.worst_exposure() / own
    return (
        None
        if value <= limit
        else (f"{limit:g}×", f"{value:.2f}×", f"exposure could reach {value:.2f}× equity, limit {limit:g}×")
    )


def _total_at_risk(c: Case) -> Found:
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


def _max_slippage(c: Case) -> Found:
    limit, m = c.limits.max_slippage_bps, c.market
    if c.order.price is not None or m is None or not c.mid:
        return None
    paid = book_price(m.asks if c.order.side == "BUY" else m.bids, float(c.order.qty))
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


def _above(value: float, limit: float, what: str) -> Found:
    return None if value <= limit else (f"{limit:,.2f}", f"{value:,.2f}", f"{what} {value:,.2f}, limit {limit:,.2f}")


# --- is it too often, or after too much loss -------------------------------------------------------------------


def _throttled(c: Case) -> Found:
    sent, limit = c.state.risk.sent_t, c.limits.order_spacing_s
    if not sent:
        return None
    gap = (c.state.t - sent[-1]) / SECOND_NS
    return (
        (f"{limit:g} s", f"{gap:.1f} s", f"{gap:.1f} s since the last order, limit {limit:g} s")
        if gap < limit
        else None
    )


def _rate_limit_exceeded(c: Case) -> Found:
    limit = c.limits.orders_per_minute
    since = c.state.t - MINUTE_NS
    sent = len([t for t in c.state.risk.sent_t if t > since])
    return (str(limit), str(sent + 1), f"order {sent + 1} within a minute, limit {limit}") if sent + 1 > limit else None


def _repeated_execution(c: Case) -> Found:
    limit = c.limits.repeated_execution
    done = c.state.risk.repeats.get(c.order.strategy, 0) if c.order.strategy else 0
    return (
        (str(limit), str(done + 1), f"{c.order.strategy} sent {done} orders without a person, limit {limit}")
        if done + 1 > limit
        else None
    )


def _loss(own: float, start: float, limit: float, what: str) -> Found:
    lost = (start - own) / start * 100 if start > 0 else 0.0
    return None if lost < limit else (f"{limit:g} %", f"{lost:.2f} %", f"{what} {lost:.2f} %, limit {limit:g} %")


def _daily_loss(c: Case) -> Found:
    return _loss(c.equity, c.state.risk.day_start, c.limits.daily_loss_pct, "the day's loss is")


def _weekly_loss(c: Case) -> Found:
    return _loss(c.equity, c.state.risk.week_start, c.limits.weekly_loss_pct, "the week's loss is")


def _max_drawdown(c: Case) -> Found:
    return _loss(c.equity, c.state.risk.high_water, c.limits.max_drawdown_pct, "equity is below its high by")


def _consecutive_losses(c: Case) -> Found:
    limit, value = c.limits.consecutive_losses, c.state.risk.losses_in_row
    return (
        (str(limit), str(value), f"{value} losing trades in a row, limit {limit}; resume to go on")
        if value >= limit
        else None
    )


def _cooldown(c: Case) -> Found:
    last, limit = c.state.risk.last_exit_t, c.limits.cooldown_s
    gap = (c.state.t - last) / SECOND_NS
    return (
        (f"{limit:g} s", f"{gap:.1f} s", f"{gap:.1f} s since the last trade closed, limit {limit:g} s")
        if last and gap < limit
        else None
    )


Check = Callable[[Case], Found]

CHECKS: tuple[tuple[str, bool, Check], ...] = (
    # code, concerns entries only, check
    ("duplicate_order_id", False, _duplicate_order_id),
    ("symbol_not_allowed", False, _symbol_not_allowed),
    ("halted", True, _halted),
    ("safe_mode", True, _safe_mode),
    ("paused", True, _paused),
    ("links_down", False, _links_down),
    ("reduce_only_violation", False, _reduce_only_violation),
    ("stale_quote", True, _stale_quote),
    ("outlier_price", True, _outlier_price),
    ("spread_too_wide", True, _spread_too_wide),
    ("price_collar", False, _price_collar),
    ("post_only_would_cross", False, _post_only_would_cross),
    ("no_stop", True, _no_stop),
    ("reward_risk_too_low", True, _reward_risk_too_low),
    ("min_notional", False, _min_notional),
    ("max_quantity", True, _max_quantity),
    ("max_notional", True, _max_notional),
    ("max_position", True, _max_position),
    ("max_exposure", True, _max_exposure),
    ("max_leverage", True, _max_leverage),
    ("total_at_risk", True, _total_at_risk),
    ("max_slippage", True, _max_slippage),
    ("daily_loss", True, _daily_loss),
    ("weekly_loss", True, _weekly_loss),
    ("max_drawdown", True, _max_drawdown),
    ("consecutive_losses", True, _consecutive_losses),
    ("cooldown", True, _cooldown),
    ("repeated_execution", True, _repeated_execution),
    ("throttled", True, _throttled),
    ("rate_limit_exceeded", True, _rate_limit_exceeded),
)

ENTRY_CHECKS: tuple[tuple[str, Check], ...] = tuple((code, check) for code, _, check in CHECKS)
MARKET_CHECKS = tuple(row for row in ENTRY_CHECKS if row[1] not in (_price_collar, _post_only_would_cross))
"""The two are about an order's own price, and pass without one."""
EXIT_CHECKS: tuple[tuple[str, Check], ...] = tuple((code, check) for code, entries, check in CHECKS if not entries)


def blocked(state: State, limits: RiskLimits) -> str:
    """Why no entry would be allowed now whatever it is, in a few words; empty when one could be."""
    if state.trading != "ACTIVE":
        return f"{state.trading.lower()}: {state.trading_why}"
    own = equity(state)
    for start, limit, what in (
        (state.risk.day_start, limits.daily_loss_pct, "daily loss"),
        (state.risk.week_start, limits.weekly_loss_pct, "weekly loss"),
        (state.risk.high_water, limits.max_drawdown_pct, "drawdown"),
    ):
        if _loss(own, start, limit, what) is not None:
            return f"{what} limit reached"
    return ""


def working_entries(state: State, symbol: str) -> list[Order]:
    """Entries of ours that are not final yet, waiting for a person included."""
    if not state.open_orders:
        return []
    orders = (state.orders[client_id] for client_id in state.open_orders)
    return [
        o
        for o in orders
        if o.symbol == symbol and o.role == "entry" and (working(o) or o.status in ("PROPOSED", "AWAITING_APPROVAL"))
    ]
