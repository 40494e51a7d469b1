"""A market that stands still until told, the simulated exchange on it, and an adapter whose events are kept."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import msgspec

from engine.model.events import BookTick, Event, FillReport, LinkReport
from engine.model.market import Candle
from engine.model.orders import Order
from engine.model.settings import ErrorSettings, VenueSettings
from engine.sim.faults import Faults
from engine.sim.run import RunningExchange, serve
from engine.sim.source import Level, MarketStep, Print
from engine.venues.bitunix.adapter import Bitunix

START_MS = 1_767_225_600_000
"""2026-01-01T00:00Z."""
SYMBOL = "BTCUSDT"
NS = 1_000_000
START = START_MS * NS
SECRET = "canary-secret-7f3a9c"

E = TypeVar("E", bound=Event)


class StillMarket:
    """Bids at mid − 0.1, − 0.2 …, asks at mid + 0.1 …, ``depth`` base on every level."""

    symbol = SYMBOL
    tick = 0.1
    start_ms = START_MS

    def __init__(self, mid: float = 95_000.0, bars: int = 450) -> None:
        self.mid = mid
        self.depth = 1.0
        self.bars = bars

    def history(self) -> list[Candle]:
        first = self.start_ms - self.bars * 60_000
        return [
            Candle(
                (first + i * 60_000) * 1_000_000, self.mid, self.mid + 9, self.mid - 9, self.mid + i % 5, 1.0 + i % 3
            )
            for i in range(self.bars)
        ]

    def _levels(self, sign: int) -> list[Level]:
        return [(round(self.mid + sign * 0.1 * (i + 1), 1), self.depth) for i in range(20)]

    def step(self, t_ms: int) -> MarketStep:
        return MarketStep(
            t_ms=t_ms,
            prints=[Print(t_ms, round(self.mid + 0.1, 1), 0.0001, "BUY")],
            bids=self._levels(-1),
            asks=self._levels(1),
            last=self.mid,
            mark=self.mid,
            index=self.mid,
            funding_rate=0.0001,
            next_funding_ms=(t_ms // 28_800_000 + 1) * 28_800_000,
        )


async def soon(wanted: Callable[[], object], within: float = 8.0) -> None:
    """Waits until ``wanted`` is true."""
    async with asyncio.timeout(within):
        while not wanted():  # noqa: ASYNC110 - whatever is waited for has no event of its own
            await asyncio.sleep(0.005)


class Desk:
    """An open adapter at a running exchange."""

    def __init__(self, venue: Bitunix, exchange: RunningExchange, market: StillMarket) -> None:
        self.venue = venue
        self.exchange = exchange
        self.market = market
        self.events: list[Event] = []

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E], wanted: Callable[[E], object] = lambda _: True, within: float = 8.0) -> E:
        """The first event of a kind that is as wanted, now or soon."""
        found: list[E] = []

        def seen() -> bool:
            found[:] = [event for event in self.of(kind) if wanted(event)][:1]
            return bool(found)

        await soon(seen, within)
        return found[0]

    async def faults(self, **change: Any) -> None:
        await self._control("POST", "/sim/faults", change)

    async def state(self) -> dict[str, Any]:
        return await self._control("GET", "/sim/state", None)

    async def _control(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.exchange.rest, trust_env=False) as client:
            reply = await client.request(method, path, json=body)
            assert reply.status_code == 200, reply.text
            answer: dict[str, Any] = reply.json()
            return answer


def settings(exchange: RunningExchange | None = None, **change: Any) -> VenueSettings:
    """Fast settings: short pauses, and a budget that lets a test hurry."""
    fields: dict[str, Any] = {
        "kind": "simulated",
        "rest": exchange.rest if exchange else "http://127.0.0.1:9",
        "public": exchange.public if exchange else "ws://127.0.0.1:9/public/",
        "private": exchange.private if exchange else "ws://127.0.0.1:9/private/",
        "requests_per_s": 60.0,
        "cancel_reserve_per_s": 10.0,
        "timeout_s": 0.6,
        "ping_s": 0.1,
        "silence_public_s": 2.5,
        "silence_private_s": 2.5,
        "reconnect_first_s": 0.02,
        "reconnect_max_s": 0.1,
        "reconnect_tries": 4,
        "poll_account_s": 5.0,
    }
    return msgspec.convert({**fields, **change}, VenueSettings)


def adapter(where: VenueSettings, key: str, secret: str, errors: ErrorSettings | None = None) -> Bitunix:
    return Bitunix(where, key=key, secret=secret, clock=time.time_ns, rng=random.Random(7), errors=errors)


@asynccontextmanager
async def desk(
    *, opened: bool = True, faults: Faults | None = None, speed: float = 1.0, **change: Any
) -> AsyncIterator[Desk]:
    market = StillMarket()
    keys = [("demo-key", SECRET)]
    exchange = await serve(market, keys=keys, faults=faults or Faults(), speed=speed, tick_s=0.01)
    venue = adapter(settings(exchange, **change), *keys[0])
    made = Desk(venue, exchange, market)
    try:
        if opened:
            await venue.open([SYMBOL], made.events.append)
        yield made
    finally:
        await venue.close()
        await exchange.close()


def order(client_id: str, side: str = "BUY", qty: str = "0.0100", price: str | None = None, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "client_id": client_id,
        "symbol": SYMBOL,
        "side": side,
        "kind": "LIMIT" if price else "MARKET",
        "qty": Decimal(qty),
        "price": Decimal(price) if price else None,
    }
    return Order(**{**fields, **more})


def up(link: str, reconnects: int = 0) -> Any:
    """An up report of a link after at least so many reconnects."""
    return lambda event: (event.link, event.state) == (link, "up") and event.reconnects >= reconnects


def down(link: str) -> Any:
    return lambda event: (event.link, event.state) == (link, "down")


async def ready(at: Desk) -> None:
    await at.until(LinkReport, up("private"))
    await at.until(BookTick)


async def thin(at: Desk) -> None:
    """Waits until no level of the book holds more than 0.004."""
    at.market.depth = 0.004
    await at.until(BookTick, lambda event: event.asks[0][1] == 0.004)


def filled(at: Desk, client_id: str) -> Decimal:
    unique = {(event.fill.venue_order_id, event.fill.trade_id): event.fill for event in at.of(FillReport)}
    return sum((fill.qty for fill in unique.values() if fill.client_id == client_id), Decimal(0))


def final(client_id: str, status: str) -> Any:
    return lambda event: (event.client_id, event.status, event.source) == (client_id, status, "push")
