"""Rules of a venue that every simulated account obeys: what releases a stop, when a position is liquidated, what funding costs.

How orders meet the book is in ``matching``; what only bars need is in ``fillmodel``. Pure functions over exact numbers.
"""

from __future__ import annotations

from decimal import Decimal

PROTECT_SCOPE = Decimal("0.02")
"""A market order trades no further from the mark than this share of it."""


def protected(buys: bool, mark: Decimal, best: Decimal, scope: Decimal = PROTECT_SCOPE) -> Decimal:
    """How far a market order may go: the protection scope from the mark price, at least the best price."""
    room = mark * scope
    return max(best, mark + room) if buys else min(best, mark - room)


def reached(level: Decimal, low: Decimal, high: Decimal, *, stop: bool, long: bool) -> bool:
    """Whether prices between ``low`` and ``high`` release a stop (else a target) of a long (else short) position."""
    return low <= level if stop == long else high >= level


def liquidated(equity: Decimal, maintenance: Decimal) -> bool:
    """Whether the venue closes what ``equity`` does not carry any more."""
    return equity <= maintenance


def funding_amount(qty: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """Received (positive) or paid (negative) on a signed quantity, exact; a positive rate makes longs pay shorts."""
    return -qty * mark * rate
