"""The risk gate: one function through which every order passes, once when it is decided and once more right before it is sent.

Each check is a row of ``CHECKS``: a reason code of ``engine.model.reasons``, whom it concerns, and a function that
returns the limit and the value that met it. Orders that can only reduce a position skip the checks marked for entries:
getting out is always allowed when the venue can be reached. What is unknown (no quote, no mark, no comparison with
the venue) is a refusal.
"""

from __future__ import annotations

from engine.core.exposure import working_orders
from engine.core.orders import working
from engine.core.risk import market as quotes
from engine.core.risk import order as terms
from engine.core.risk import pace, permission, size
from engine.core.risk.case import Approved as Approved
from engine.core.risk.case import Breach as Breach
from engine.core.risk.case import Case, Check
from engine.model.orders import Order
from engine.model.settings import RiskLimits
from engine.model.state import State, equity


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


CHECKS: tuple[tuple[str, bool, Check], ...] = (
    # code, concerns entries only, check
    ("duplicate_order_id", False, permission.duplicate_order_id),
    ("symbol_not_allowed", False, permission.symbol_not_allowed),
    ("halted", True, permission.halted),
    ("safe_mode", True, permission.safe_mode),
    ("paused", True, permission.paused),
    ("links_down", False, permission.links_down),
    ("reduce_only_violation", False, terms.reduce_only_violation),
    ("stale_quote", True, quotes.stale_quote),
    ("outlier_price", True, quotes.outlier_price),
    ("spread_too_wide", True, quotes.spread_too_wide),
    ("price_collar", False, terms.price_collar),
    ("post_only_would_cross", False, terms.post_only_would_cross),
    ("no_stop", True, terms.no_stop),
    ("reward_risk_too_low", True, terms.reward_risk_too_low),
    ("min_notional", False, size.min_notional),
    ("max_quantity", True, size.max_quantity),
    ("max_notional", True, size.max_notional),
    ("max_position", True, size.max_position),
    ("max_exposure", True, size.max_exposure),
    ("max_leverage", True, size.max_leverage),
    ("total_at_risk", True, size.total_at_risk),
    ("max_slippage", True, size.max_slippage),
    ("daily_loss", True, pace.daily_loss),
    ("weekly_loss", True, pace.weekly_loss),
    ("max_drawdown", True, pace.max_drawdown),
    ("consecutive_losses", True, pace.consecutive_losses),
    ("cooldown", True, pace.cooldown),
    ("repeated_execution", True, pace.repeated_execution),
    ("throttled", True, pace.throttled),
    ("rate_limit_exceeded", True, pace.rate_limit_exceeded),
)

ENTRY_CHECKS: tuple[tuple[str, Check], ...] = tuple((code, check) for code, _, check in CHECKS)
MARKET_CHECKS = tuple(row for row in ENTRY_CHECKS if row[1] not in (terms.price_collar, terms.post_only_would_cross))
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
        if pace.loss(own, start, limit, what) is not None:
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
