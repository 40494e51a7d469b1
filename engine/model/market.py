"""Market data and what it is about. Prices and volumes of market data are floats; anything that is owed is a Decimal."""

from __future__ import annotations

from decimal import Decimal

import msgspec

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class Candle(msgspec.Struct, array_like=True, gc=False):
    """One bar. ``open_time`` is UTC nanoseconds; ``volume`` is in the base currency."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Instrument(msgspec.Struct, array_like=True, gc=False):
    """What can be traded, and in which steps.

    ``tick`` and ``step`` are the smallest changes of price and quantity; fees are fractions of the notional
    (``Decimal("0.0006")`` is 6 bps). ``min_notional`` is in the quote currency, zero where the venue publishes none.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    max_leverage: int
    maker_fee: Decimal
    taker_fee: Decimal
    tradable: bool = True

    @property
    def price_decimals(self) -> int:
        return decimals(self.tick)

    @property
    def qty_decimals(self) -> int:
        return decimals(self.step)


def decimals(step: Decimal) -> int:
    """Digits after the point that a multiple of ``step`` needs: 0.1 → 1, 1 → 0, 5 → 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))
