"""Trading pairs of the simulated exchange: steps, limits, fees and risk tiers; exact numbers and their wire text."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

import msgspec

from engine.sim.rules import PROTECT_SCOPE

ZERO = Decimal(0)
CENT8 = Decimal("0.00000001")
MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0006")
FUNDING_MS = 8 * 3_600_000
QTY_DIGITS = {"BTCUSDT": 4, "ETHUSDT": 3, "SOLUSDT": 1}


class Tier(msgspec.Struct, frozen=True):
    """Risk tier: position values in USDT from ``start`` to ``end``, and what they require."""

    start: Decimal
    end: Decimal
    leverage: int
    maintenance: Decimal


def _tiers(rows: list[tuple[int, int, str]]) -> tuple[Tier, ...]:
    starts = [0, *(end for end, _, _ in rows)]
    return tuple(
        Tier(start=Decimal(start), end=Decimal(end), leverage=leverage, maintenance=Decimal(rate))
        for start, (end, leverage, rate) in zip(starts, rows, strict=False)
    )


TIERS = _tiers(
    [
        (50_000, 200, "0.0025"),
        (200_000, 125, "0.004"),
        (1_000_000, 100, "0.005"),
        (5_000_000, 50, "0.01"),
        (20_000_000, 20, "0.025"),
        (100_000_000, 10, "0.05"),
        (500_000_000, 5, "0.1"),
    ]
)


class Pair(msgspec.Struct, frozen=True):
    """One tradable pair. ``price_digits`` and ``qty_digits`` are decimals; quantities in base."""

    symbol: str
    base: str
    quote: str
    price_digits: int
    qty_digits: int
    min_qty: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    max_leverage: int = 200
    default_leverage: int = 20
    protect_scope: Decimal = PROTECT_SCOPE
    min_buy_offset: Decimal = Decimal("-0.95")
    max_sell_offset: Decimal = Decimal(100)

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.price_digits)

    def price(self, value: float) -> Decimal:
        """A market's float price as the exact multiple of the tick."""
        return Decimal(f"{value:.{self.price_digits}f}")

    def qty(self, value: float) -> Decimal:
        return Decimal(f"{value:.{self.qty_digits}f}")

    def price_text(self, value: Decimal | float) -> str:
        return f"{value:.{self.price_digits}f}"

    def qty_text(self, value: Decimal | float) -> str:
        return f"{value:.{self.qty_digits}f}"


def pair_for(symbol: str, tick: float) -> Pair:
    """The pair's specification; the price decimals follow from the market's tick."""
    exponent = Decimal(str(tick)).normalize().as_tuple().exponent
    digits = QTY_DIGITS.get(symbol, 3)
    quote = "USDT" if symbol.endswith("USDT") else symbol[-4:]
    return Pair(
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        price_digits=max(0, -int(exponent)),
        qty_digits=digits,
        min_qty=Decimal(1).scaleb(-digits),
        max_limit_qty=Decimal(1000),
        max_market_qty=Decimal(120),
    )


def tier_of(value: Decimal) -> Tier:
    """The tier of a position's value in USDT."""
    return next((tier for tier in TIERS if value <= tier.end), TIERS[-1])


def open_limit(leverage: int) -> Decimal:
    """Largest position value in USDT that the leverage allows."""
    return max((tier.end for tier in TIERS if tier.leverage >= leverage), default=TIERS[0].end)


def margin_for(value: Decimal, leverage: int) -> Decimal:
    """Initial margin of a value, rounded up to 8 decimals."""
    return (value / leverage).quantize(CENT8, ROUND_CEILING)


def round8(value: Decimal) -> Decimal:
    return value.quantize(CENT8, ROUND_HALF_EVEN)


def text(value: Decimal) -> str:
    """Exact fixed-point text without trailing zeros: ``Decimal("9500.00")`` → ``9500``."""
    shown = format(value, "f")
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown
