"""The risk gate: one function through which every order passes, once when it is decided and once more right before it is sent.

Each check is a row of ``CHECKS``: a reason code of ``engine.model.reasons``, whom it concerns, and a function that
returns the limit and the value that met it. Orders that can only reduce a position skip the checks marked for entries:
getting out is always allowed when the venue can be reached. What is unknown (no quote, no mark, no comparison with
the venue) is a refusal.

A check that passes by its nature for some shape of order (one about the stop, without a stop) does not concern that shape,
and is not even asked: ``PLANS`` has the rows that are left of the table for each shape.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from engine.core.exposure import working_orders
from engine.core.orders import working
from engine.core.risk import losses, pace, permission, size
from engine.core.risk import market as quotes
from engine.core.risk import order as terms
from engine.core.risk.case import Approved as Approved
from engine.core.risk.case import Breach as Breach
from engine.core.risk.case import Case, Check
from engine.model.orders import Order
from engine.model.settings import RiskLimits
from engine.model.state import State, equity


def gate(state: State, order: Order, limits: RiskLimits, own: float | None = None) -> Approved | Breach:
    """Judge ``order`` against ``limits`` in ``state``; the first broken limit in the order of ``CHECKS`` is the answer.

    ``own`` is the equity, where the caller has it already.
    """
    exits = order.reduce_only
    case = _case(state, order, limits, 0.0 if exits else equity(state) if own is None else own)
    for code, check in PLANS[exits, order.price is not None, order.stop is not None, state.trading == "ACTIVE"]:
        found = check(case)
        if found is not None:
            return Breach(code, *found)
    return Approved(order, state.t)


def _case(state: State, order: Order, limits: RiskLimits, own: float) -> Case:
    """What a gate of exits need not know (equity, other orders) is left out for them."""
    market, position = state.markets.get(order.symbol), state.positions.get(order.symbol)
    working = [] if order.reduce_only else working_orders(state)
    qty, limit = float(order.qty), 0.0 if order.price is None else float(order.price)
    if market is None:
        return Case(state, order, limits, None, position, None, qty, limit, 0.0, 0.0, 0.0, own, working)
    bids, asks = market.bids, market.asks
    bid, ask = bids[0][0] if bids else 0.0, asks[0][0] if asks else 0.0
    mid = (bid + ask) / 2 if bid and ask else market.last
    price = limit if order.price is not None else ask if order.side == "BUY" else bid
    return Case(state, order, limits, market, position, market.instrument, qty, price, bid, ask, mid, own, working)


class Shape(NamedTuple):
    """What decides which checks concern an order: can it only reduce, has it a price and a stop, is trading ACTIVE."""

    exits: bool
    priced: bool
    stopped: bool
    active: bool


def _all(_: Shape) -> bool:
    return True


def _exits(shape: Shape) -> bool:
    return shape.exits


def _entries(shape: Shape) -> bool:
    return not shape.exits


def _while_inactive(shape: Shape) -> bool:
    return not shape.exits and not shape.active


def _priced(shape: Shape) -> bool:
    return shape.priced


def _at_market(shape: Shape) -> bool:
    return not shape.exits and not shape.priced


def _stopped(shape: Shape) -> bool:
    return not shape.exits and shape.stopped


CHECKS: tuple[tuple[str, Callable[[Shape], bool], Check], ...] = (
    # code, whom it concerns, check
    ("duplicate_order_id", _all, permission.duplicate_order_id),
    ("symbol_not_allowed", _all, permission.symbol_not_allowed),
    ("halted", _while_inactive, permission.halted),
    ("safe_mode", _while_inactive, permission.safe_mode),
    ("paused", _while_inactive, permission.paused),
    ("links_down", _all, permission.links_down),
    ("breaker_open", _entries, permission.breaker_open),
    ("reduce_only_violation", _exits, terms.reduce_only_violation),
    ("stale_quote", _entries, quotes.stale_quote),
    ("outlier_price", _entries, quotes.outlier_price),
    ("spread_too_wide", _entries, quotes.spread_too_wide),
    ("price_collar", _priced, terms.price_collar),
    ("post_only_would_cross", _priced, terms.post_only_would_cross),
    ("no_stop", _entries, terms.no_stop),
    ("reward_risk_too_low", _stopped, terms.reward_risk_too_low),
    ("min_notional", _all, size.min_notional),
    ("max_quantity", _entries, size.max_quantity),
    ("max_notional", _entries, size.max_notional),
    ("max_position", _entries, size.max_position),
    ("max_exposure", _entries, size.max_exposure),
    ("max_leverage", _entries, size.max_leverage),
    ("total_at_risk", _entries, size.total_at_risk),
    ("max_slippage", _at_market, size.max_slippage),
    ("daily_loss", _entries, pace.daily_loss),
    ("weekly_loss", _entries, pace.weekly_loss),
    ("max_drawdown", _entries, pace.max_drawdown),
    ("consecutive_losses", _entries, pace.consecutive_losses),
    ("cooldown", _entries, pace.cooldown),
    ("repeated_execution", _entries, pace.repeated_execution),
    ("throttled", _entries, pace.throttled),
    ("rate_limit_exceeded", _entries, pace.rate_limit_exceeded),
)

PLANS: dict[tuple[bool, ...], tuple[tuple[str, Check], ...]] = {
    shape: tuple((code, check) for code, concerns, check in CHECKS if concerns(Shape(*shape)))
    for shape in product((False, True), repeat=4)
}


class Bar(NamedTuple):
    """What bars every entry: the reason of its refusals, and a few words."""

    code: str
    text: str


_BARRED = {"HALTED": "halted", "SAFE": "safe_mode", "PAUSED": "paused"}


def barred(state: State, limits: RiskLimits, own: float | None = None) -> Bar | None:
    """Why no entry would be allowed now whatever it is; None when one could be. ``own`` as for ``gate``."""
    if state.trading != "ACTIVE":
        return Bar(_BARRED[state.trading], f"{state.trading.lower()}: {state.trading_why}")
    own = equity(state) if own is None else own
    if losses.unbroken(state.risk, limits, own):
        return None
    loss = next(loss for loss in losses.limits_of(state.risk, limits) if losses.reached(own, loss.start, loss.limit))
    return Bar(loss.code, f"{loss.what} limit reached")


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
