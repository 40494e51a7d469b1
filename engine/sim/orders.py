"""Orders, trades and protective legs as plain data."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.sim.spec import ZERO

DONE = frozenset({"FILLED", "CANCELED", "PART_FILLED_CANCELED", "EXPIRED", "SYSTEM_CANCELED"})


class Leg(msgspec.Struct):
    """A take-profit or stop-loss: when ``stop_type`` price reaches ``trigger``. ``qty`` None: as much as is filled."""

    trigger: Decimal
    stop_type: str = "MARK_PRICE"
    order_type: str = "MARKET"
    order_price: Decimal | None = None
    qty: Decimal | None = None


class Order(msgspec.Struct, kw_only=True):
    """One order. ``side`` is what was sent; ``buys`` is what it does to the market (differs for HEDGE closes).

    ``slot`` names the position that it acts on: ``NET`` in ONE_WAY, else ``LONG`` or ``SHORT``.
    ``queue`` is the quantity that stands before it at its price; times are market ms.
    """

    order_id: str
    client_id: str
    symbol: str
    side: str
    buys: bool
    kind: str
    effect: str
    qty: Decimal
    price: Decimal
    slot: str
    reduce_only: bool
    position_mode: str
    margin_mode: str
    leverage: int
    tp: Leg | None = None
    sl: Leg | None = None
    status: str = "NEW"
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO
    realised: Decimal = ZERO
    queue: Decimal = ZERO
    ctime: int = 0
    mtime: int = 0
    origin: str = "API"
    tpsl_id: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.qty - self.filled

    @property
    def rank(self) -> int:
        """First come first served: ids ascend."""
        return int(self.order_id)

    @property
    def working(self) -> bool:
        return self.status not in DONE

    @property
    def average(self) -> Decimal:
        return self.value / self.filled if self.filled else ZERO


class TradeRow(msgspec.Struct, kw_only=True):
    """One fill, as ``get_history_trades`` tells it; ``realised`` is before fees."""

    trade_id: str
    order_id: str
    client_id: str
    position_id: str
    symbol: str
    qty: Decimal
    price: Decimal
    side: str
    buys: bool
    kind: str
    effect: str
    reduce_only: bool
    position_mode: str
    margin_mode: str
    leverage: int
    fee: Decimal
    realised: Decimal
    maker: bool
    ctime: int


class Tpsl(msgspec.Struct, kw_only=True):
    """A protective order. ``kind`` TPSL carries quantities in its legs; POSITION_TPSL guards the whole position."""

    tpsl_id: str
    kind: str
    position_id: str
    symbol: str
    slot: str
    long: bool
    margin_mode: str
    position_mode: str
    leverage: int
    tp: Leg | None
    sl: Leg | None
    status: str = "NEW"
    ctime: int = 0
    mtime: int = 0
    trigger_time: int = 0
