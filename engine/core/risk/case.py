"""What the checks look at, and what the gate answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from engine.core.exposure import exposure
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


class Case(msgspec.Struct):
    """One order before the gate, with everything that the checks look at."""

    state: State
    order: Order
    limits: RiskLimits
    market: Market | None
    position: Position | None
    instrument: Instrument | None
    price: float
    """Where the order is expected to fill: its limit, or the side of the book that it takes; zero when unknown."""
    equity: float
    working: list[Order]
    mid: float
    exposure: float = -1.0

    def worst_exposure(self) -> float:
        """With this order and all that work; two checks ask for it."""
        if self.exposure < 0:
            self.exposure = exposure(self.state, self.order, self.working)
        return self.exposure


Found = tuple[str, str, str] | None
"""(limit, value, sentence), or None when the check passes."""

Check = Callable[[Case], Found]
