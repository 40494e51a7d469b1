"""The HTTP side: one handler for every path, the venue's envelope, limits and signatures, and the control endpoints."""

from __future__ import annotations

import asyncio
from collections import deque
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from engine.sim import rest_account, rest_market, rest_trade
from engine.sim.accounts import Account, balance, new_account
from engine.sim.auth import rest_account as signed_account
from engine.sim.exchange import Exchange
from engine.sim.faults import HOSTILE, NONSENSE, merged, use
from engine.sim.hub import Hub
from engine.sim.limits import Limiter
from engine.sim.refusals import Refused
from engine.sim.routes import Request, Route, Routes
from engine.sim.spec import ZERO, text
from engine.sim.wire import order_row, position_row

ROUTES: Routes = {**rest_market.ROUTES, **rest_account.ROUTES, **rest_trade.ROUTES}
SOCKETS = {"/public": "public", "/private": "private"}
ORDER_PATHS = frozenset({"/api/v1/futures/trade/place_order", "/api/v1/futures/trade/batch_order"})
NOBODY = new_account("", "", ZERO)
SILENCE_S = 60.0
KEPT_REQUESTS = 2_000


class Server:
    """Answers every HTTP request. ``received`` keeps the latest private requests with their times of arrival."""

    def __init__(self, exchange: Exchange, hub: Hub) -> None:
        self.exchange = exchange
        self.hub = hub
        self.limiter = Limiter()
        self.received: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path.startswith("/sim/"):
            return await self._control(request, path)
        if self.exchange.clock() < self.hub.refuse_until:
            return _cut(request)
        if path in SOCKETS:
            return await self.hub.serve(request, SOCKETS[path])
        return await self._rest(request, path)

    async def _rest(self, request: web.Request, path: str) -> web.Response:
        faults = self.exchange.faults
        if use(faults, "drop_request"):
            return _cut(request)
        if use(faults, "hang_request"):
            await asyncio.sleep(SILENCE_S)
            return _cut(request)
        if use(faults, "http_5xx"):
            return web.Response(status=503, text="<html><body>503 Service Unavailable</body></html>")
        body = (await request.read()).decode(errors="replace")
        code, msg, data = self._answer(request, path, body)
        self.hub.push_private()
        if path in ORDER_PATHS and code == 0 and use(faults, "lost_reply"):
            await asyncio.sleep(SILENCE_S)
            return _cut(request)
        wait = faults.http_delay_s + (faults.slow_ack_s if path in ORDER_PATHS else 0.0)
        if wait:
            await asyncio.sleep(wait)
        if use(faults, "wrong_types_reply"):
            data = NONSENSE
        reply = msgspec.json.encode(
            {"code": code, "msg": msg + HOSTILE if faults.hostile_strings else msg, "data": data}
        )
        if use(faults, "bad_json_reply"):
            reply = reply[: len(reply) // 2]
        return web.Response(body=reply, content_type="application/json", headers={"Date": self._date()})

    def _answer(self, request: web.Request, path: str, body: str) -> tuple[int, str, Any]:
        """(code, msg, data) of one request."""
        note: dict[str, Any] = {"path": path, "wall_ns": int(self.exchange.wall() * 1e9)}
        try:
            self.exchange.advance()
            call = self._call(request, path, body)
            route = ROUTES[request.method, path]
            if route.private:
                self.received.append(note)
                note.update(api_key=call.account.api_key, params=dict(call.params), code=0)
            return 0, "Success", route.handler(call)
        except Refused as refused:
            note["code"] = refused.code
            return refused.code, refused.msg, None

    def _call(self, request: web.Request, path: str, body: str) -> Request:
        """Everything that stands before the handler: path, limit, signature, parameters."""
        route = ROUTES.get((request.method, path))
        if route is None:
            raise Refused(404)
        if use(self.exchange.faults, "rate_limit_10006"):
            raise Refused(10006)
        account = NOBODY
        if route.private:
            wall_ms = int(self.exchange.wall() * 1000)
            accounts = self.exchange.world.accounts
            account = signed_account(accounts, request.headers, request.query.items(), body, wall_ms)
        self._limit(request, route, path, account)
        params: dict[str, Any] = dict(request.query)
        if request.method == "POST":
            params.update(_json_object(body))
        return Request(self.exchange, account, params)

    def _limit(self, request: web.Request, route: Route, path: str, account: Account) -> None:
        who, what = (account.api_key, path) if route.private else (request.remote or "", "market")
        if not self.limiter.allows(who, what, route.per_second, self.exchange.clock()):
            raise Refused(10006)

    def _date(self) -> str:
        return formatdate(self.exchange.wall(), usegmt=True)

    async def _control(self, request: web.Request, path: str) -> web.Response:
        """``/sim/faults`` and ``/sim/state``: not part of the venue's protocol."""
        world = self.exchange.world
        match request.method, path:
            case "GET", "/sim/faults":
                return _json(msgspec.structs.asdict(world.faults))
            case "POST", "/sim/faults":
                try:
                    change = _json_object((await request.read()).decode(errors="replace"))
                    world.faults = merged(world.faults, change)
                except (msgspec.ValidationError, Refused) as error:
                    return _json({"error": str(error)}, status=400)
                if "seed" in change:
                    self.hub.chance.seed(world.faults.seed)
                return _json(msgspec.structs.asdict(world.faults))
            case "GET", "/sim/state":
                self.exchange.advance()
                self.hub.push_private()
                return _json(self.state())
        return _json({"error": "GET or POST /sim/faults, GET /sim/state"}, status=404)

    def state(self) -> dict[str, Any]:
        """The accounts to the last digit, without secrets, and what was received."""
        world = self.exchange.world
        return {
            "now_ms": world.now,
            "speed": self.exchange.speed,
            "sockets": sorted(connection.kind for connection in self.hub.connections),
            "accounts": {key: self._account(account) for key, account in world.accounts.items()},
            "received": list(self.received),
        }

    def _account(self, account: Account) -> dict[str, Any]:
        world, now = self.exchange.world, balance(account)
        figures = {
            "initial": account.initial,
            "wallet": account.wallet,
            "realised": account.realised,
            "fees": account.fees,
            "funding": account.funding,
            "insurance": account.insurance,
            "available": now.available,
            "frozen": now.frozen,
            "margin": now.margin,
        }
        marks, markets, faults = world.marks(), world.markets, world.faults
        return {
            **{name: text(value) for name, value in figures.items()},
            "mode": account.mode,
            "positions": [
                position_row(faults, markets[p.symbol].pair, account, p, marks) for p in account.positions.values()
            ],
            "orders": [order_row(faults, markets[o.symbol].pair, o) for o in account.orders.values()],
            "orders_done": len(account.done),
            "trades": len(account.trades),
            "tpsl": len(account.tpsl),
        }


def _json_object(body: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body or "{}")
    except msgspec.DecodeError:
        raise Refused(10002) from None
    if not isinstance(found, dict):
        raise Refused(10002)
    return found


def _json(data: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(data), content_type="application/json", status=status)


def _cut(request: web.Request) -> web.Response:
    """Cut the TCP connection; the response goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
