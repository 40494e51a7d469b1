"""The life of an order: allowed transitions, the terms a person approves, and prices and quantities on the venue's steps."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from engine.model.market import Instrument
from engine.model.orders import FINAL, ZERO, Intent, Order, Side

LARGEST = 1e12
MOST = Decimal("1e12")
ONE = Decimal(1)
_ALIVE = frozenset({"ACCEPTED", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "EXPIRED", "REJECTED", "UNKNOWN"})

TRANSITIONS: dict[str, frozenset[str]] = {
    "PROPOSED": frozenset({"AWAITING_APPROVAL", "SUBMITTED", "DENIED"}),
    "AWAITING_APPROVAL": frozenset({"SUBMITTED", "DENIED"}),
    "SUBMITTED": _ALIVE,
    "UNKNOWN": _ALIVE - {"UNKNOWN"},
    "ACCEPTED": _ALIVE - {"ACCEPTED", "UNKNOWN"},
    "PARTIALLY_FILLED": frozenset({"PARTIALLY_FILLED", "FILLED", "CANCELLED", "EXPIRED"}),
    # a fill can arrive after the cancel that it raced, and after a wrong "rejected"
    "CANCELLED": frozenset({"PARTIALLY_FILLED", "FILLED"}),
    "EXPIRED": frozenset({"PARTIALLY_FILLED", "FILLED"}),
    "REJECTED": frozenset({"ACCEPTED", "PARTIALLY_FILLED", "FILLED"}),
    "FILLED": frozenset(),
    "DENIED": frozenset(),
}
"""From each status, the statuses that may follow. Anything else is an out-of-order message and changes nothing."""


def may_become(order: Order, status: str) -> bool:
    return status in TRANSITIONS[order.status]


def working(order: Order) -> bool:
    """True while the order may still fill, as far as we know: sent and not final."""
    return order.status not in FINAL and order.status not in ("PROPOSED", "AWAITING_APPROVAL")


def terms(order: Order) -> str:
    """Exactly what a person approves, as one line of text: the same order gives the same text, any change another."""
    parts = (
        order.client_id,
        order.side,
        order.kind,
        order.symbol,
        format(order.qty, "f"),
        "market" if order.price is None else format(order.price, "f"),
        "no stop" if order.stop is None else format(order.stop, "f"),
        "no target" if order.target is None else format(order.target, "f"),
        "reduce-only" if order.reduce_only else order.tif,
    )
    return " ".join(parts)


def on_tick(price: float | Decimal, tick: Decimal) -> Decimal:
    """The nearest price on the tick."""
    steps = (Decimal(repr(price)) if isinstance(price, float) else price) / tick
    return steps.quantize(ONE, ROUND_HALF_EVEN) * tick


def on_step(qty: Decimal, step: Decimal) -> Decimal:
    """The quantity rounded down to the lot step."""
    return qty // step * step


def sensible(intent: Intent, price: float) -> bool:
    """All numbers of an intent that is expected to fill at ``price`` can be put on steps: none is missing, infinite or absurd."""
    qty = intent.qty
    if qty is not None and not (qty.is_finite() and ZERO < qty < MOST):
        return False
    if intent.price is None and intent.kind != "MARKET":
        return False
    for level in (intent.price, intent.stop, intent.target):
        if level is not None and not 0.0 < level < LARGEST:
            return False
    return 0.0 < intent.size_factor < LARGEST and 0.0 <= price < LARGEST


def on_ticks(intent: Intent, tick: Decimal) -> Intent:
    """The intent with its prices on the tick, so that it is sized by the stop that will stand."""
    if intent.price is None and intent.stop is None and intent.target is None:
        return intent

    def price(value: float | None) -> float | None:
        return None if value is None else float(on_tick(value, tick))

    return msgspec.structs.replace(
        intent, price=price(intent.price), stop=price(intent.stop), target=price(intent.target)
    )


def entry_price(intent: Intent, bid: float, ask: float) -> float:
    """Where an order of this intent is expected to fill: its limit, or the side of the book that it takes."""
    if intent.kind == "LIMIT" and intent.price is not None:
        return intent.price
    return ask if intent.side == "BUY" else bid


def from_intent(
    intent: Intent, *, client_id: str, instrument: Instrument, qty: Decimal, strategy: str, reference: float, t: int
) -> Order:
    """The order that an intent asks for, on the instrument's steps; it has not passed any check yet."""
    tick, stop, target = instrument.tick, intent.stop, intent.target
    return Order(
        client_id=client_id,
        symbol=instrument.symbol,
        side=intent.side,
        kind=intent.kind,
        qty=qty,
        price=on_tick(intent.price, tick) if intent.kind == "LIMIT" and intent.price is not None else None,
        tif="POST_ONLY" if intent.post_only else "GTC",
        reduce_only=intent.role == "exit",
        stop=None if stop is None else on_tick(stop, tick),
        target=None if target is None else on_tick(target, tick),
        role=intent.role,
        strategy=strategy,
        why=intent.why,
        reference=reference,
        expires_bars=intent.expires_bars,
        created_t=t,
        updated_t=t,
    )


def reducing(symbol: str, side: Side, qty: Decimal, *, client_id: str, why: str, reference: float, t: int) -> Order:
    """A market order that can only make a position smaller."""
    return Order(
        client_id=client_id,
        symbol=symbol,
        side=side,
        kind="MARKET",
        qty=qty,
        reduce_only=True,
        role="exit",
        why=why,
        reference=reference,
        created_t=t,
        updated_t=t,
    )


MOST_PIECES = 50


def pieces(qty: Decimal, instrument: Instrument | None) -> list[Decimal]:
    """A quantity to close, in market orders that the venue takes; beyond ``MOST_PIECES`` the rest waits for another time."""
    most = instrument.max_market_qty if instrument is not None else ZERO
    if not most or qty <= most:
        return [qty]
    whole = min(int(qty // most), MOST_PIECES)
    rest = qty - whole * most
    if not rest or whole == MOST_PIECES:
        return [most] * whole
    short = max(ZERO, instrument.min_qty - rest) if instrument is not None else ZERO
    return [*[most] * (whole - 1), most - short, rest + short]
