"""From when on the account's executions are read again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from engine.model import events as ev
from engine.model.market import MINUTE_NS
from engine.model.state import Market, State
from engine.session.effects import LOOKBACK_NS, Effects
from engine.venues.port import VenueError

NOON = 1_772_539_200_000_000_000


class Desk:
    """As much of a session as a reading of the account needs; the venue remembers how far back it was asked."""

    def __init__(self) -> None:
        self.state = State(markets={"BTCUSDT": Market("BTCUSDT", venue_t=NOON)}, snapshot_t=NOON)
        self.trader = SimpleNamespace(profile=SimpleNamespace(symbols=["BTCUSDT"]))
        self.venue = self
        self.asked: list[int] = []
        self.reachable = True
        self.effects = Effects(cast(Any, self))

    def clock(self) -> int:
        return self.state.markets["BTCUSDT"].venue_t

    def ingest(self, event: ev.Event) -> None:
        pass

    async def snapshot(self, symbols: list[str], since: int) -> list[ev.Event]:
        self.asked.append(since)
        if not self.reachable:
            raise VenueError("no answer")
        return []

    async def read(self, minutes: int) -> int:
        """A reading so long after noon; how many minutes it looked back."""
        self.state.markets["BTCUSDT"].venue_t = NOON + minutes * MINUTE_NS
        await self.effects._snapshot(ev.SnapshotAsked(0, "test"), 1)
        return (self.clock() - self.asked[-1]) // MINUTE_NS


async def test_a_reading_looks_five_minutes_further_back_than_the_last_complete_one() -> None:
    desk, five = Desk(), LOOKBACK_NS // MINUTE_NS
    assert await desk.read(0) == five
    assert await desk.read(1) == 1 + five


async def test_what_happened_while_the_account_was_out_of_reach_is_read_however_long_that_was() -> None:
    desk, five = Desk(), LOOKBACK_NS // MINUTE_NS
    await desk.read(0)
    desk.reachable = False
    await desk.read(10)
    desk.reachable = True
    assert await desk.read(25) == 25 + five
    assert await desk.read(26) == 1 + five
