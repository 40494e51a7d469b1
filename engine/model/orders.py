"""Orders, fills, positions and trades: everything that is owed, in exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["BUY", "SELL"]
OrderKind = Literal["MARKET", "LIMIT"]
TimeInForce = Literal["GTC", "IOC", "FOK", "POST_ONLY"]
OrderRole = Literal["entry", "exit", "foreign"]
OrderStatus = Literal[
    "PROPOSED",
    "AWAITING_APPROVAL",
    "SUBMITTED",
    "ACCEPTED",
    "PARTIALLY_FILLED",
    "FILLED",
    "REJECTED",
    "DENIED",
    "CANCELLED",
    "EXPIRED",
    "UNKNOWN",
]

FINAL: frozenset[str] = frozenset({"FILLED", "REJECTED", "DENIED", "CANCELLED", "EXPIRED"})
AT_VENUE: frozenset[str] = frozenset({"SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "UNKNOWN"})
"""Statuses in which an order may still fill: counted as worst-case exposure."""

ZERO = Decimal(0)


def sign(side: Side) -> int:
    return 1 if side == "BUY" else -1


def opposite(side: Side) -> Side:
    return "SELL" if side == "BUY" else "BUY"


class Intent(msgspec.Struct, kw_only=True, gc=False):
    """What a strategy wants. Prices are floats here; the order manager puts them on the instrument's steps.

    Quantity comes from ``qty`` (base currency) or, where that is None, from the profile's risk per trade and the stop.
    ``size_factor`` scales it (1.0 is full size). ``expires_bars`` cancels an unfilled limit after that many closed bars.
    """

    side: Side
    kind: OrderKind = "MARKET"
    price: float | None = None
    stop: float | None = None
    target: float | None = None
    qty: Decimal | None = None
    size_factor: float = 1.0
    role: Literal["entry", "exit"] = "entry"
    post_only: bool = False
    expires_bars: int = 0
    why: str = ""


class Order(msgspec.Struct, kw_only=True, gc=False):
    """One order through its whole life. ``price`` is None for a market order; ``reference`` is the mid at the decision."""

    client_id: str
    symbol: str
    side: Side
    kind: OrderKind
    qty: Decimal
    price: Decimal | None = None
    tif: TimeInForce = "GTC"
    reduce_only: bool = False
    stop: Decimal | None = None
    target: Decimal | None = None
    role: OrderRole = "entry"
    strategy: str = ""
    why: str = ""
    reference: float = 0.0
    resized: str = ""
    expires_bars: int = 0
    status: OrderStatus = "PROPOSED"
    filled: Decimal = ZERO
    avg_price: Decimal | None = None
    venue_id: str = ""
    created_t: int = 0
    updated_t: int = 0
    sent_t: int = 0
    bars: int = 0
    cancel_sent_t: int = 0
    query_t: int = 0
    misses: int = 0
    detail: str = ""
    seen_t: int = 0
    """When the venue last spoke of it; older than a full reading of its open orders means that it is not among them."""
    ending: str = ""
    """How the venue says that it ended, while fills that it counts (``venue_filled``) have not reached us yet."""
    venue_filled: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled

    @property
    def final(self) -> bool:
        return self.status in FINAL


class Fill(msgspec.Struct, array_like=True, gc=False):
    """One execution. ``fee`` is positive when paid; ``client_id`` is empty for orders that the venue made (stops)."""

    t: int
    symbol: str
    trade_id: str
    venue_order_id: str
    client_id: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool
    realised: Decimal = ZERO


class Stop(msgspec.Struct, array_like=True, gc=False):
    """A protective order that stands at the venue. ``qty`` None means the whole position."""

    stop_id: str
    symbol: str
    qty: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    t: int


class Position(msgspec.Struct, kw_only=True, gc=False):
    """What we hold in one symbol. ``qty`` is signed (short is negative); ``entry`` is the mean price of what is open.

    ``cost`` is what was paid for it, exactly (price × quantity, unsigned): the mean price is only its rounded quotient.
    ``stop`` and ``target`` are what stands at the venue, ``wanted_stop`` is what should; ``naked_since`` is when the position
    was last left without a stop (zero while it has one). ``bars`` counts closed candles since it was opened, ``idle_bars`` those
    since the last trade was closed (−1: there was none).

    ``risk_per_unit`` is |entry − first stop|: one R of profit is that times the quantity.
    """

    symbol: str
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    cost: Decimal = ZERO
    opened_t: int = 0
    peak_qty: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    stop: Decimal | None = None
    target: Decimal | None = None
    risk_per_unit: Decimal | None = None
    strategy: str = ""
    why: str = ""
    bars: int = 0
    stale: bool = False
    trailing: bool = False
    best: float = 0.0
    naked_since: int = 0
    wanted_stop: Decimal | None = None
    protect_t: int = 0
    protect_tries: int = 0
    idle_bars: int = -1
    position_id: str = ""
    venue_qty: Decimal | None = None
    venue_t: int = 0
    venue_entry: Decimal = ZERO
    liquidation: float | None = None
    leverage: int = 0
    margin_mode: str = ""
    changed_t: int = 0
    """When our quantity last changed."""
    close_t: int = 0
    """When an order out of it was last decided."""

    @property
    def side(self) -> Side:
        return "BUY" if self.qty >= 0 else "SELL"


class Trade(msgspec.Struct, array_like=True, gc=False):
    """A position from flat to flat. ``pnl`` is net of ``fees`` and ``funding``; ``r`` is pnl over the first risk."""

    symbol: str
    side: Side
    qty: Decimal
    entry_t: int
    exit_t: int
    entry: Decimal
    exit: Decimal
    pnl: Decimal
    fees: Decimal
    funding: Decimal
    r: float | None
    bars: int
    strategy: str
    why: str
    exit_why: str
