"""How much could be held and lost if everything that may still fill does: the worst case that the limits are measured against."""

from __future__ import annotations

from decimal import Decimal

from engine.model.orders import AT_VENUE, ZERO, Order, Side, sign
from engine.model.state import State, open_risk

SETTLE_NS = 3_000_000_000
"""How long our fills and the venue's position may differ before it is called a difference."""


def working_orders(state: State, symbol: str | None = None) -> list[Order]:
    """Orders that may still fill at the venue, UNKNOWN ones too, oldest first."""
    orders, found = state.orders, []
    for client_id in state.open_orders:
        order = orders[client_id]
        if order.status in AT_VENUE and (symbol is None or order.symbol == symbol):
            found.append(order)
    return found


def worst_position(
    state: State, symbol: str, extra: Order | None = None, working: list[Order] | None = None
) -> Decimal:
    """The largest absolute position in ``symbol`` if only the orders of one side fill; ``extra`` counts as sent.

    The larger of our own and the venue's position is where it starts from, so that a disagreement never hides exposure.
    ``working`` are all orders that work, where the caller has them already.
    """
    buys = sells = ZERO
    counted = extra is None or extra.symbol != symbol
    for order in working_orders(state) if working is None else working:
        if order.symbol != symbol:
            continue
        counted = counted or order is extra or (extra is not None and order.client_id == extra.client_id)
        if not order.reduce_only:
            if order.side == "BUY":
                buys += order.left
            else:
                sells += order.left
    if extra is not None and not counted and not extra.reduce_only:
        if extra.side == "BUY":
            buys += extra.left
        else:
            sells += extra.left
    position = state.positions.get(symbol)
    qty = ZERO if position is None else position.qty
    worst = max(abs(qty + buys), abs(qty - sells))
    told = None if position is None else position.venue_qty
    return worst if told is None or told == qty else max(worst, abs(told + buys), abs(told - sells))


def to_close(state: State, symbol: str) -> Decimal:
    """Signed quantity that a way out would take: ours, or where we hold nothing what the venue says that we do."""
    position = state.positions.get(symbol)
    if position is None:
        return ZERO
    told = position.venue_qty if position.venue_qty is not None and state.t - position.changed_t >= SETTLE_NS else ZERO
    return position.qty or told


def closing(state: State, symbol: str, side: Side) -> Decimal:
    """What our own orders on their way already take out of the position; one without an answer is not counted on."""
    if not state.open_orders:
        return ZERO
    return sum(
        (o.left for o in working_orders(state, symbol)
         if o.reduce_only and o.sent_t and o.side == side and o.status != "UNKNOWN" and not o.cancel_sent_t),
        ZERO,
    )  # fmt: skip


def exposure(
    state: State, extra: Order | None = None, working: list[Order] | None = None, worst: Decimal | None = None
) -> float:
    """Worst-case gross notional over all symbols, in the quote currency, at the present price.

    ``worst`` is the worst position in the symbol of ``extra``, where the caller has it already.
    """
    working = working_orders(state) if working is None else working
    symbols = set(state.positions)
    for order in working:
        symbols.add(order.symbol)
    if extra is not None:
        symbols.add(extra.symbol)
    total = 0.0
    for symbol in sorted(symbols) if len(symbols) > 1 else symbols:
        market = state.markets.get(symbol)
        price = (market.mark or market.last) if market is not None else 0.0
        if extra is None or extra.symbol != symbol:
            total += float(worst_position(state, symbol, extra, working)) * price
            continue
        if extra.price is not None:
            price = max(price, float(extra.price))
        total += float(worst_position(state, symbol, extra, working) if worst is None else worst) * price
    return total


def order_risk(order: Order, price: float) -> float:
    """What an entry costs if it fills at ``price`` and its stop is hit; its whole worth without a stop."""
    if order.reduce_only:
        return 0.0
    distance = price if order.stop is None else max(0.0, (price - float(order.stop)) * sign(order.side))
    return distance * float(order.left)


def at_risk(state: State, extra: Order | None = None, price: float = 0.0, working: list[Order] | None = None) -> float:
    """What all stops together would cost: positions, working entries and ``extra``, in the quote currency."""
    total = open_risk(state)
    for order in working_orders(state) if working is None else working:
        if extra is None or order.client_id != extra.client_id:
            total += order_risk(order, float(order.price) if order.price is not None else order.reference)
    return total + (order_risk(extra, price) if extra is not None else 0.0)
