"""One client's socket: its outbound queue with the faults that strike it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from engine.sim.faults import HOSTILE, Faults, spoiled, thinned, use

MAX_QUEUE = 20_000
FLOOD = 5
encode = msgspec.json.Encoder().encode


class Connection:
    """A socket of kind ``public`` or ``private``; times are monotonic seconds of the exchange's clock."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport, kind: str, now: float) -> None:
        self.ws = ws
        self.kind = kind
        self.api_key = ""
        self.subscriptions: dict[tuple[str, str], None] = {}
        self.opened = now
        self.heard = now
        self.spoke = False
        self.drop_at: float | None = None
        self.ended = False
        self._transport = transport
        self._recent: deque[float] = deque()
        self._queue: deque[tuple[float, str]] = deque()
        self._held: str | None = None
        self._wake = asyncio.Event()
        self._closing: asyncio.Task[bool] | None = None

    def hear(self, now: float) -> bool:
        """A client message arrived; False if they come too fast."""
        self.heard, self.spoke = now, True
        self._recent.append(now)
        while self._recent[0] <= now - 1.0:
            self._recent.popleft()
        return len(self._recent) <= FLOOD

    def overdue(self, faults: Faults, now: float) -> bool:
        """Whether the server would end this socket by now."""
        if self.drop_at is not None and now >= self.drop_at:
            return True
        limit = faults.idle_timeout if self.spoke else faults.silent_timeout
        return now - self.heard > limit

    def answer(self, message: dict[str, Any]) -> None:
        """Queue a reply as it is."""
        self._put(0.0, encode(message).decode())

    def push(self, faults: Faults, chance: Random, message: dict[str, Any], text: str) -> None:
        """Queue a push (``text`` is ``message`` encoded) as the faults have it."""
        if faults.half_open or (faults.drop_push and chance.random() < faults.drop_push):
            return
        if str(message.get("ch", "")).startswith("depth") and use(faults, "depth_gap"):
            return
        if use(faults, "missing_fields"):
            text = encode(thinned(message)).decode()
        if use(faults, "wrong_types"):
            text = encode(spoiled(message)).decode()
        if use(faults, "bad_json"):
            text = text[: len(text) // 2]
        if faults.hostile_strings:
            text = encode({**message, "msg": HOSTILE}).decode()
        copies = 2 if faults.duplicate_push and chance.random() < faults.duplicate_push else 1
        due = asyncio.get_running_loop().time() + faults.delay_push_s if faults.delay_push_s else 0.0
        held, self._held = self._held, None
        if held is None and faults.out_of_order_push and chance.random() < faults.out_of_order_push:
            self._held = text
            return
        for _ in range(copies):
            self._put(due, text)
        if held is not None:
            self._put(due, held)

    def _put(self, due: float, text: str) -> None:
        if self.ended:
            return
        if len(self._queue) >= MAX_QUEUE:
            self.end(politely=False)
            return
        self._queue.append((due, text))
        self._wake.set()

    async def write(self) -> None:
        """Send what is queued, for as long as the socket lives."""
        loop = asyncio.get_running_loop()
        try:
            while not self.ended:
                await self._wake.wait()
                self._wake.clear()
                while self._queue and not self.ended:
                    due, text = self._queue.popleft()
                    if due > loop.time():
                        await asyncio.sleep(due - loop.time())
                    await self.ws.send_str(text)
        except (ConnectionError, RuntimeError):
            self.ended = True

    def end(self, *, politely: bool) -> None:
        """Close the socket, with a close frame or by cutting TCP."""
        if self.ended:
            return
        self.ended = True
        self._wake.set()
        if politely:
            self._closing = asyncio.get_running_loop().create_task(self.ws.close(code=1001))
        else:
            self._transport.close()
