"""What the checks look at, and what the gate answers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from engine.core.exposure import exposure, worst_position
from engine.model.market import Instrument
from engine.model.orders import Order, Position
from engine.model.settings import RiskLimits
from engine.model.state import Market, State


class Breach(NamedTuple):
    """A limit that an order would break: the code, both numbers as text, and the sentence that a person reads."""

    code: str
    limit: str
    value: str
    text: str


class Approved(NamedTuple):
    """An order that passed every check at ``t``. Only this type can be sent."""

    order: Order
    t: int


class Case:
    """One order before the gate, with everything that the checks look at. Prices are zero while unknown.

    ``price`` is where the order is expected to fill: its limit, or the side of the book that it takes.
    """

    __slots__ = (
        "ask", "bid", "equity", "exposure", "instrument", "limits", "market", "mid", "order", "position", "price", "qty",
        "state", "working", "worst",
    )  # fmt: skip

    def __init__(
        self, state: State, order: Order, limits: RiskLimits, market: Market | None, position: Position | None,
        instrument: Instrument | None, qty: float, price: float, bid: float, ask: float, mid: float, equity: float,
        working: list[Order],
    ) -> None:  # fmt: skip
        self.state = state
        self.order = order
        self.limits = limits
        self.market = market
        self.position = position
        self.instrument = instrument
        self.qty = qty
        self.price = price
        self.bid = bid
        self.ask = ask
        self.mid = mid
        self.equity = equity
        self.working = working
        self.worst: Decimal | None = None
        self.exposure = -1.0

    def worst_position(self) -> Decimal:
        """In the order's symbol, with it and all that work; the position's limit and the exposure ask for it."""
        if self.worst is None:
            self.worst = worst_position(self.state, self.order.symbol, self.order, self.working)
        return self.worst

    def worst_exposure(self) -> float:
        """With this order and all that work; two checks ask for it."""
        if self.exposure < 0:
            self.exposure = exposure(self.state, self.order, self.working, self.worst_position())
        return self.exposure


Found = tuple[str, str, str] | None
"""(limit, value, sentence), or None when the check passes."""

Check = Callable[[Case], Found]
