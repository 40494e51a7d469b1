"""What the simulated exchange asks of a market: a history, and what happened since the last look."""

from __future__ import annotations

from typing import Protocol

import msgspec

from engine.model.market import Candle

Level = tuple[float, float]
"""(price, quantity in base)."""


class Print(msgspec.Struct, array_like=True, gc=False):
    """One public trade. ``side`` is the taker's: ``BUY`` or ``SELL``; ``t_ms`` is market time."""

    t_ms: int
    price: float
    qty: float
    side: str


class MarketStep(msgspec.Struct, gc=False):
    """Everything that the market did up to ``t_ms`` (market time, UTC milliseconds), oldest print first.

    ``bids`` descend and ``asks`` ascend, at least 15 levels each, prices on the tick, never crossed.
    ``funding_rate`` is a fraction per interval; ``next_funding_ms`` is market time.
    """

    t_ms: int
    prints: list[Print]
    bids: list[Level]
    asks: list[Level]
    last: float
    mark: float
    index: float
    funding_rate: float
    next_funding_ms: int


class MarketSource(Protocol):
    """A market that moves when it is told the time. Deterministic: same seed and same step times, same market."""

    symbol: str
    tick: float
    start_ms: int
    """Market time at which ``step`` begins; a whole minute."""

    def history(self) -> list[Candle]:
        """Closed one-minute candles before ``start_ms``, oldest first, without gaps."""
        ...

    def step(self, t_ms: int) -> MarketStep:
        """Move on to ``t_ms`` (never backwards) and tell what happened since the last step."""
        ...
