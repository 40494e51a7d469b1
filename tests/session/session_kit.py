"""A whole session on a real loopback exchange whose market stands still until the test moves it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from desk import Scripted, limits, profile
from exchange_kit import START_MS, ScriptedMarket

from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Intent
from engine.ops.paths import Home, home
from engine.session import start
from engine.session.paper import Paper
from engine.session.session import Session
from engine.sim.run import RunningExchange, serve
from engine.venues.bitunix.adapter import Bitunix
from engine.venues.port import Venue

SYMBOL = "BTCUSDT"


class Floor:
    """One session: ``session``, its ``journal``, the ``exchange`` behind it and the ``market`` that the test moves."""

    def __init__(
        self, session: Session, journal: Journal, exchange: RunningExchange, market: ScriptedMarket, home: Home
    ) -> None:
        self.session, self.journal, self.exchange, self.market, self.home = session, journal, exchange, market, home
        self.strategy: Scripted = session.trader.strategies[SYMBOL][0]  # type: ignore[assignment]
        self._minute = START_MS * 1_000_000

    @property
    def state(self) -> Any:
        return self.session.state

    def signal(self, *intents: Intent) -> None:
        """A candle closes and the strategy answers it."""
        strategy: Scripted = self.session.trader.strategies[SYMBOL][0]  # type: ignore[assignment]
        strategy.next = list(intents)
        mid = self.market.mid
        market = self.state.markets[SYMBOL]
        open_time = market.candles[-1].open_time + MINUTE_NS
        self.session.ingest(
            ev.CandleTick(self.session.clock(), SYMBOL, Candle(open_time, mid, mid, mid, mid, 5.0), True)
        )

    async def until(self, done: Callable[[], object], what: str, timeout_s: float = 5.0) -> None:
        assert await self.session.until(lambda: bool(done()), timeout_s), (
            f"{what}: {[line.text for line in self.state.log[-12:]]}"
        )

    async def fault(self, **switches: Any) -> None:
        import httpx

        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.exchange.rest}/sim/faults", json=switches)
            assert answer.status_code == 200, answer.text


def settings(exchange: RunningExchange, risk: Any = None, **trading: Any) -> Any:
    base = profile(risk or limits(max_leverage=50.0, total_at_risk_pct=90.0), **{"leverage": 20, **trading})
    places = {"rest": exchange.rest, "public": exchange.public, "private": exchange.private}
    return msgspec.structs.replace(base, venue=msgspec.structs.replace(base.venue, **places, timeout_s=0.6))


@asynccontextmanager
async def floor(
    tmp: Path,
    *,
    up: bool = True,
    journal: Callable[[Path], Journal] | None = None,
    paper: FillModel | None = None,
    **trading: Any,
) -> AsyncIterator[Floor]:
    """``paper``: the exchange's market alone, and a simulated account that fills by this."""
    market = ScriptedMarket(mid=60_000.0)
    market.depth = 5.0
    exchange = await serve(market, keys=[("key", "secret")], balance=Decimal(10_000), tick_s=0.02)
    place = home(tmp / "home", {})
    prof = settings(exchange, **trading)
    venue: Venue = Bitunix(prof.venue, key="key", secret="secret", clock=time.time_ns, rng=random.Random(1))
    if paper is not None:
        prof = msgspec.structs.replace(prof, mode="PAPER", fill=paper)
        venue = Paper(Bitunix(prof.venue, clock=time.time_ns, rng=random.Random(1)), prof, time.time_ns)
    session, log = start.begin(prof, {SYMBOL: [Scripted()]}, venue, place, version="test", config="{}")
    here = Floor(session, log, exchange, market, place)
    try:
        await start.connect(session)
        if up:
            assert await start.bring_up(session, place.root), here.state.gates
        yield here
    finally:
        await session.stop()
        await venue.close()
        await log.close()
        await exchange.close()


async def a_moment() -> None:
    await asyncio.sleep(0.05)
