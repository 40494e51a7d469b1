"""A scripted market, a clock moved by hand, and a plain protocol client with signing of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets

from engine.model.market import Candle
from engine.sim.faults import Faults
from engine.sim.run import RunningExchange, serve
from engine.sim.source import Level, MarketStep, Print

START_MS = 1_767_225_600_000
"""2026-01-01T00:00Z."""
PATIENCE_S = 3.0
KEY, SECRET = "demo-key-0001", "demo-secret-0001"


class ScriptedMarket:
    """A market that stands still until told: set ``mid`` or ``mark``, add ``prints``; the book stands around ``mid``.

    Every level holds ``depth`` base; bids at mid - 0.1, - 0.2 …, asks at mid + 0.1 ….
    """

    def __init__(self, symbol: str = "BTCUSDT", mid: float = 95_000.0, bars: int = 120) -> None:
        self.symbol = symbol
        self.tick = 0.1
        self.start_ms = START_MS
        self.mid = mid
        self.mark: float | None = None
        self.depth = 1.0
        self.rate = 0.0001
        self.bars = bars
        self.prints: list[tuple[float, float, str]] = []

    def history(self) -> list[Candle]:
        first = self.start_ms - self.bars * 60_000
        m = self.mid
        return [
            Candle((first + i * 60_000) * 1_000_000, m, m + 10 + i % 7, m - 10 - i % 5, m, 1.0 + i % 3)
            for i in range(self.bars)
        ]

    def levels(self, sign: int) -> list[Level]:
        return [(round(self.mid + sign * 0.1 * (i + 1), 1), self.depth) for i in range(20)]

    def step(self, t_ms: int) -> MarketStep:
        prints = [Print(t_ms, price, qty, side) for price, qty, side in self.prints]
        self.prints = []
        return MarketStep(
            t_ms=t_ms,
            prints=prints,
            bids=self.levels(-1),
            asks=self.levels(1),
            last=prints[-1].price if prints else self.mid,
            mark=self.mid if self.mark is None else self.mark,
            index=self.mid,
            funding_rate=self.rate,
            next_funding_ms=(t_ms // 28_800_000 + 1) * 28_800_000,
        )


class HandClock:
    """Monotonic seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Client:
    """Speaks the protocol as the sheet gives it; knows nothing of the server's code."""

    def __init__(self, running: RunningExchange, clock: HandClock, market: ScriptedMarket) -> None:
        self.running = running
        self.clock = clock
        self.market = market
        self.http = httpx.AsyncClient(base_url=running.rest, timeout=5)
        self.offset_ms = 0
        self.secret = running.api_secret

    def headers(self, query: str, body: str) -> dict[str, str]:
        nonce, stamp = "a1b2c3d4e5f60718293a4b5c6d7e8f90", str(int(time.time() * 1000) + self.offset_ms)
        key = self.running.api_key
        sign = sha(sha(nonce + stamp + key + query + body) + self.secret)
        return {"api-key": key, "nonce": nonce, "timestamp": stamp, "sign": sign, "Content-Type": "application/json"}

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        query = "".join(f"{k}{params[k]}" for k in sorted(params))
        reply = await self.http.get(f"/api/v1/futures/{path}", params=params, headers=self.headers(query, ""))
        return self._read(reply)

    async def post(self, path: str, **fields: Any) -> dict[str, Any]:
        body = json.dumps(fields, separators=(",", ":"))
        reply = await self.http.post(f"/api/v1/futures/{path}", content=body, headers=self.headers("", body))
        return self._read(reply)

    def _read(self, reply: httpx.Response) -> dict[str, Any]:
        assert reply.status_code == 200
        self.pass_time(1.0)
        read: dict[str, Any] = reply.json()
        return read

    async def ok(self, path: str, **fields: Any) -> Any:
        """POST that must succeed; its data."""
        reply = await self.post(path, **fields)
        assert reply["code"] == 0, reply
        return reply["data"]

    async def read(self, path: str, **params: Any) -> Any:
        reply = await self.get(path, **params)
        assert reply["code"] == 0, reply
        return reply["data"]

    async def order(self, side: str, qty: str, price: str | None = None, **more: Any) -> Any:
        kind = {"orderType": "MARKET"} if price is None else {"orderType": "LIMIT", "price": price}
        return await self.ok("trade/place_order", symbol="BTCUSDT", side=side, qty=qty, **kind, **more)

    async def faults(self, **change: Any) -> dict[str, Any]:
        reply = await self.http.post("/sim/faults", json=change)
        read: dict[str, Any] = reply.json()
        return read

    async def state(self) -> dict[str, Any]:
        read: dict[str, Any] = (await self.http.get("/sim/state")).json()
        return read

    async def money(self) -> dict[str, Any]:
        account: dict[str, Any] = (await self.state())["accounts"][self.running.api_key]
        return account

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @asynccontextmanager
    async def socket(self, kind: str = "public", *subscriptions: tuple[str, str]) -> AsyncIterator[Socket]:
        url = getattr(self.running, kind)
        async with websockets.connect(url, ping_interval=None, compression=None, proxy=None) as ws:
            socket = Socket(ws)
            assert await socket.next(lambda m: m.get("op") == "connect")
            if subscriptions:
                await socket.subscribe(*subscriptions)
            yield socket

    @asynccontextmanager
    async def private(self, **login: Any) -> AsyncIterator[Socket]:
        async with self.socket("private") as socket:
            await socket.login(self.running.api_key, self.secret, **login)
            yield socket


class Socket:
    """One WebSocket of the test client; ``seen`` keeps everything."""

    def __init__(self, ws: websockets.ClientConnection) -> None:
        self.ws = ws
        self.seen: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        await self.ws.send(message if isinstance(message, str) else json.dumps(message))

    async def subscribe(self, *wanted: tuple[str, str]) -> None:
        await self.send({"op": "subscribe", "args": [{"ch": ch, "symbol": symbol} for ch, symbol in wanted]})

    async def login(self, key: str, secret: str, *, ms: bool = False, wait: bool = True, skew: int = 0) -> None:
        nonce, stamp = "n" * 32, str(int((time.time() + skew) * (1000 if ms else 1)))
        args = {"apiKey": key, "timestamp": int(stamp), "nonce": nonce, "sign": sha(sha(nonce + stamp + key) + secret)}
        await self.send({"op": "login", "args": [args]})
        if wait:
            reply = await self.next(lambda m: "login" in (m.get("op"), m.get("event")))
            assert reply.get("data", {}).get("result", True), reply

    async def next(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = json.loads(await self.ws.recv())
                self.seen.append(message)
                if wanted(message):
                    return dict(message)

    async def push(self, channel: str, **fields: Any) -> dict[str, Any]:
        """The data of the next push of a channel whose data has these fields."""
        found = await self.next(
            lambda m: m.get("ch") == channel and all(m["data"].get(k) == v for k, v in fields.items())
        )
        data: dict[str, Any] = found["data"]
        return data

    async def silent_for(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                self.seen.append(json.loads(await self.ws.recv()))
        except TimeoutError:
            return True
        return False

    async def lost(self) -> int:
        """Wait until the server ends the socket; the close code that the client sees."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self.ws.recv()
            except websockets.ConnectionClosed:
                return self.ws.close_code or 0


@asynccontextmanager
async def exchange(
    market: ScriptedMarket | None = None, *, speed: float = 1.0, faults: Faults | None = None
) -> AsyncIterator[Client]:
    """A running exchange on a scripted market and a hand-moved clock, and a client for it."""
    market, clock = market or ScriptedMarket(), HandClock()
    running = await serve(market, speed=speed, keys=[(KEY, SECRET)], faults=faults, clock=clock, tick_s=0.005)
    client = Client(running, clock, market)
    try:
        yield client
    finally:
        await client.http.aclose()
        await running.close()
