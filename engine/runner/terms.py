"""What can be traded of a symbol when nobody says: the terms of BTCUSDT, and for others steps that fit the data."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.model.market import Candle, Instrument
from engine.model.orders import ZERO

BTCUSDT = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    step=Decimal("0.0001"),
    min_qty=Decimal("0.0001"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(120),
    min_notional=ZERO,
    max_leverage=125,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0006"),
)
QUOTES = ("USDT", "USDC", "USD", "BTC", "ETH", "EUR")
LOOKED_AT = 2_000
STEP_WORTH = 0.1
"""A step of the quantity is worth about so much of the quote currency, or less."""


def terms_of(symbol: str, candles: Sequence[Candle]) -> Instrument:
    """The tick is the finest step of the first prices, a step of the quantity is worth at most some cents; fees are BTCUSDT's."""
    if symbol == BTCUSDT.symbol or not symbol:
        return BTCUSDT
    digits = max(
        (_decimals(price) for c in candles[:LOOKED_AT] for price in (c.open, c.high, c.low, c.close)), default=2
    )
    quote = next((q for q in QUOTES if symbol.endswith(q)), symbol[-4:])
    exponent = Decimal(repr(STEP_WORTH / candles[0].close)).adjusted() if candles else -4
    step = Decimal(1).scaleb(min(0, exponent))
    return msgspec.structs.replace(
        BTCUSDT, symbol=symbol, base=symbol.removesuffix(quote), quote=quote, tick=Decimal(1).scaleb(-digits), step=step,
        min_qty=step, max_limit_qty=Decimal(10) ** 9, max_market_qty=Decimal(10) ** 9,
    )  # fmt: skip


def _decimals(price: float) -> int:
    return max(0, -int(Decimal(repr(price)).normalize().as_tuple().exponent))
