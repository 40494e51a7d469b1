"""All sockets of the exchange: subscriptions, logins, and the presentation clock that pushes to them."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from engine.sim.auth import login_account
from engine.sim.channels import CHANNELS, DEPTH, KLINES, PERIODS, TRADES, message, nothing
from engine.sim.connection import Connection, encode
from engine.sim.exchange import Exchange
from engine.sim.faults import use
from engine.sim.refusals import Refused
from engine.sim.source import Print
from engine.sim.world import Market

AT_ONCE = {KLINES, TRADES, DEPTH}
"""Pushed at the turn of a minute whatever their period."""
MAX_SUBSCRIPTIONS = 300
MAX_FRAME = 1 << 18
EARLY_PING_S = 1.5
LOGIN_ACKS: dict[str, dict[str, Any]] = {
    "result": {"op": "login", "data": {"result": True}},
    "code": {"op": "login", "code": 0, "msg": "Success"},
    "event": {"event": "login", "code": 0},
}
log = logging.getLogger("engine.sim")


class Hub:
    """Serves sockets. ``pump`` is called by its clock, and after every REST request for private pushes alone."""

    def __init__(self, exchange: Exchange, tick_s: float) -> None:
        self.exchange = exchange
        self.tick_s = tick_s
        self.connections: set[Connection] = set()
        self.refuse_until = 0.0
        self.chance = Random(exchange.faults.seed)
        self._due = dict.fromkeys(PERIODS, 0.0)
        self._minutes: dict[str, int] = {}
        self._said: dict[tuple[str, str], dict[str, Any]] = {}
        """The newest body of every subscription: what a frozen stream repeats."""
        self._flooded = 0.0
        self._flood_at = exchange.clock()

    async def run(self) -> None:
        """The presentation clock, until cancelled. A market that fails ends every socket, so that clients notice."""
        try:
            while True:
                self.pump(self.exchange.clock())
                await asyncio.sleep(0.01 if self.exchange.faults.event_rate else self.tick_s)
        except Exception:
            log.exception("the simulated market failed")
            self.end_all("public", politely=False)
            self.end_all("private", politely=False)
            raise

    def pump(self, now: float) -> None:
        """Bring the market to the present and push whatever is due."""
        self._misbehave(now)
        self.exchange.advance()
        self.push_private()
        due = {group for group, at in self._due.items() if now >= at}
        if self._minute_rolled():
            due |= AT_ONCE
        for group in due:
            self._due[group] = max(self._due[group] + PERIODS[group], now)
        tapes: dict[str, list[Print]] = {}
        if TRADES in due:
            for symbol, market in self.exchange.world.markets.items():
                tapes[symbol], market.tape = market.tape, []
        self._push_public(due, tapes)
        self._flood(now)

    def _minute_rolled(self) -> bool:
        """Whether a market minute began since the last look: at speed, half a second of ours is many seconds of the market's."""
        minutes = {symbol: market.step.t_ms // 60_000 for symbol, market in self.exchange.world.markets.items()}
        before, self._minutes = self._minutes, minutes
        return before != minutes and self.exchange.speed > 1.0

    def push_private(self) -> None:
        """Send the private pushes that wait."""
        for push in self.exchange.take_pushes():
            body = {"ch": push.channel, "ts": push.ts, "data": push.data}
            text = encode(body).decode()
            for connection in self.connections:
                if connection.api_key == push.api_key:
                    connection.push(self.exchange.faults, self.chance, body, text)

    def _push_public(self, due: set[str], tapes: dict[str, list[Print]]) -> None:
        ready: dict[tuple[str, str], tuple[dict[str, Any], str] | None] = {}
        for connection in self.connections:
            for key in connection.subscriptions:
                channel, symbol = key
                market = self.exchange.world.markets.get(symbol)
                if market is None or CHANNELS[channel][0] not in due:
                    continue
                if key not in ready:
                    body = self._body(channel, symbol, market, tapes.get(symbol, []))
                    ready[key] = None if body is None else (body, encode(body).decode())
                made = ready[key]
                if made is not None:
                    connection.push(self.exchange.faults, self.chance, *made)

    def _body(self, channel: str, symbol: str, market: Market, tape: list[Print]) -> dict[str, Any] | None:
        said = self._said.get((channel, symbol))
        if self.exchange.faults.frozen and said is not None:
            return {**said, "ts": market.step.t_ms}
        body = message(channel, market, tape)
        if body is not None:
            self._said[channel, symbol] = body
        return body

    def _flood(self, now: float) -> None:
        """``event_rate`` extra pushes a second: a trade, a depth, a trade …"""
        rate, passed = self.exchange.faults.event_rate, min(now - self._flood_at, 0.1)
        self._flood_at = now
        if not rate:
            return
        self._flooded += rate * passed
        for market in list(self.exchange.world.markets.values())[:1]:
            while self._flooded >= 2:
                self._flooded -= 2
                self._flood_once(market)

    def _flood_once(self, market: Market) -> None:
        step = market.step
        side = "BUY" if self.chance.random() < 0.5 else "SELL"
        trade = [Print(step.t_ms, step.last, float(market.pair.min_qty), side)]
        for connection in self.connections:
            for channel, symbol in connection.subscriptions:
                if symbol == market.pair.symbol and (channel == "trade" or CHANNELS[channel][0] == DEPTH):
                    body = message(channel, market, trade)
                    if body is not None:
                        connection.push(self.exchange.faults, self.chance, body, encode(body).decode())

    def _misbehave(self, now: float) -> None:
        faults = self.exchange.faults
        for kind in ("public", "private"):
            if use(faults, f"disconnect_{kind}"):
                self.end_all(kind, politely=not faults.drop_without_close_frame)
        if faults.restart_s:
            self.refuse_until, faults.restart_s = now + faults.restart_s, 0.0
            self.end_all("public", politely=False)
            self.end_all("private", politely=False)
        for connection in self.connections:
            if connection.overdue(faults, now):
                connection.end(politely=not faults.drop_without_close_frame)

    def end_all(self, kind: str, *, politely: bool) -> None:
        for connection in self.connections:
            if connection.kind == kind:
                connection.end(politely=politely)

    async def serve(self, request: web.Request, kind: str) -> web.WebSocketResponse:
        """One socket from upgrade to end."""
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=MAX_FRAME)
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        connection = Connection(ws, transport, kind, self.exchange.clock())
        opened = int(self.exchange.wall())
        connection.answer({"op": "connect", "data": {"result": True}})
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            async for frame in ws:
                if frame.type is WSMsgType.PING:
                    await self._protocol_ping(connection, frame.data)
                elif frame.type is WSMsgType.TEXT:
                    if not connection.hear(self.exchange.clock()):
                        connection.end(politely=False)
                        break
                    self._receive(connection, frame.data, opened)
        except ConnectionError:
            pass
        finally:
            connection.ended = True
            self.connections.discard(connection)
            writer.cancel()
        return ws

    async def _protocol_ping(self, connection: Connection, payload: bytes) -> None:
        """Answered only after a JSON frame; as the first frame it ends the socket soon after (as live)."""
        if connection.spoke:
            await connection.ws.pong(payload)
        elif connection.drop_at is None:
            connection.drop_at = self.exchange.clock() + EARLY_PING_S

    def _receive(self, connection: Connection, text: str, opened: int) -> None:
        """One client message; whatever is not understood is met with silence."""
        try:
            request = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return
        if not isinstance(request, dict) or self.exchange.faults.half_open:
            return
        args = request.get("args")
        match request.get("op"):
            case "ping":
                connection.answer({"op": "ping", "pong": request.get("ping"), "ping": opened})
            case "subscribe":
                self._subscribe(connection, args)
            case "unsubscribe":
                self._unsubscribe(connection, args)
            case "login" if connection.kind == "private":
                self._login(connection, args)

    def _login(self, connection: Connection, args: Any) -> None:
        faults, wall_ms = self.exchange.faults, int(self.exchange.wall() * 1000)
        try:
            account = login_account(self.exchange.world.accounts, args, wall_ms, ms_only=faults.ts_login_ms_only)
        except Refused as refused:
            refusal = {"result": False, "code": refused.code, "msg": refused.msg}
            connection.answer({"op": "login", "code": refused.code, "msg": refused.msg, "data": refusal})
            return
        connection.api_key = account.api_key
        if faults.login_ack in LOGIN_ACKS:
            connection.answer(LOGIN_ACKS[faults.login_ack])

    def _subscribe(self, connection: Connection, args: Any) -> None:
        """New public subscriptions are answered by their first push; private channels need none."""
        self.exchange.advance()
        for channel, symbol in _wanted(args):
            key = (channel, symbol)
            if connection.kind != "public" or channel not in CHANNELS or key in connection.subscriptions:
                continue
            if len(connection.subscriptions) >= MAX_SUBSCRIPTIONS:
                refusal = {"msg": f"subscribe channel > {MAX_SUBSCRIPTIONS}", "nonce": "", "result": False}
                connection.answer({"op": "subscribe", "data": refusal})
                return
            connection.subscriptions[key] = None
            market = self.exchange.world.markets.get(symbol)
            first = nothing(channel, symbol, self.exchange.world.now) if market is None else None
            if market is not None and CHANNELS[channel][0] != TRADES:
                first = message(channel, market, [])
            if first is not None:
                connection.push(self.exchange.faults, self.chance, first, encode(first).decode())

    def _unsubscribe(self, connection: Connection, args: Any) -> None:
        for key in _wanted(args):
            connection.subscriptions.pop(key, None)
        connection.answer({"op": "unsubscribe", "ts": int(self.exchange.wall() * 1000), "data": "success"})


def _wanted(args: Any) -> list[tuple[str, str]]:
    """(channel, symbol) pairs of a request; the channel may be called ``ch`` or ``channel``."""
    rows = [row for row in args if isinstance(row, dict)] if isinstance(args, list) else []
    return [(str(row.get("ch") or row.get("channel") or ""), str(row.get("symbol") or "").upper()) for row in rows]
