"""The exchange: markets, accounts and one clock. Market time = start + elapsed wall time × speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.sim import settlement
from engine.sim.accounts import Account
from engine.sim.faults import Faults
from engine.sim.source import MarketSource
from engine.sim.world import Push, World

STEP_MS = 1_000
MAX_STEPS = 64


class Exchange:
    """Ties the markets to the clock. ``clock`` is monotonic seconds and ``wall`` unix seconds; tests give their own.

    ``advance`` may be called as often as one likes: whoever asks a question or sends an order calls it first.
    """

    def __init__(
        self,
        sources: MarketSource | Sequence[MarketSource],
        *,
        speed: float,
        accounts: Sequence[Account],
        faults: Faults | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        markets = list(sources) if isinstance(sources, Sequence) else [sources]
        self.speed = speed
        self.clock = clock
        self.wall = wall
        self.world = World(markets, list(accounts), faults or Faults())
        self.start_ms = self.world.now
        self._started = clock()

    @property
    def faults(self) -> Faults:
        return self.world.faults

    def market_time(self) -> int:
        """Where the market should be now, in market ms."""
        return self.start_ms + int((self.clock() - self._started) * 1000 * self.speed)

    def advance(self) -> None:
        """Bring every market to the present, in steps of a second (fewer and longer ones after a long pause)."""
        target, at = self.market_time(), self.world.now
        if target <= at:
            return
        stride = max(STEP_MS, -(-(target - at) // MAX_STEPS))
        while at < target:
            at = min(target, at + stride)
            for symbol, market in self.world.markets.items():
                settlement.advance(self.world, symbol, market.source.step(at))
            self.world.now = max(self.world.now, at)

    def take_pushes(self) -> list[Push]:
        """Private messages since the last call, in order."""
        pushes, self.world.pushes = self.world.pushes, []
        return pushes
