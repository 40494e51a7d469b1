"""Start the simulated exchange on loopback: one call, one object with the addresses, one ``close``."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal

from aiohttp import web

from engine.sim.accounts import new_account
from engine.sim.exchange import Exchange
from engine.sim.faults import Faults
from engine.sim.hub import Hub
from engine.sim.server import Server
from engine.sim.source import MarketSource

DEMO_BALANCE = Decimal(10_000)
TICK_S = 0.1
MAX_BODY = 1 << 16


class ExchangeStartError(Exception):
    """The exchange could not start; the message says why in one line."""


class RunningExchange:
    """A running exchange. ``rest`` has no trailing slash, ``public`` and ``private`` have one."""

    def __init__(self, exchange: Exchange, hub: Hub, server: Server, runner: web.AppRunner, base: str) -> None:
        first = next(iter(exchange.world.accounts.values()))
        self.rest = f"http://{base}"
        self.public = f"ws://{base}/public/"
        self.private = f"ws://{base}/private/"
        self.api_key = first.api_key
        self.api_secret = first.secret
        self.symbols = list(exchange.world.markets)
        self.exchange = exchange
        self.server = server
        self._hub = hub
        self._runner = runner
        self._clock = asyncio.create_task(hub.run(), name="sim-exchange")

    @property
    def faults(self) -> Faults:
        """The switches as they stand; they may be set here as well as over HTTP."""
        return self.exchange.faults

    async def close(self) -> None:
        """End all sockets and stop listening; may be called twice."""
        self._clock.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._clock
        for kind in ("public", "private"):
            self._hub.end_all(kind, politely=False)
        await self._runner.cleanup()


async def serve(
    source: MarketSource | Sequence[MarketSource],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    keys: Sequence[tuple[str, str]] = (),
    balance: Decimal = DEMO_BALANCE,
    faults: Faults | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    tick_s: float = TICK_S,
) -> RunningExchange:
    """Serve ``source`` (one pair, or several) and return when requests are answered.

    ``keys`` are (api key, secret) of the accounts, each with ``balance`` USDT; without them one random pair is made.
    Raises ``ExchangeStartError`` for a busy port or an address that is not loopback.
    """
    if not _is_loopback(host):
        raise ExchangeStartError(f"{host} is not a loopback address; the simulated exchange serves this machine only")
    host = "127.0.0.1" if host == "localhost" else host
    pairs = list(keys) or [(secrets.token_hex(16), secrets.token_hex(32))]
    accounts = [new_account(key, secret, balance) for key, secret in pairs]
    exchange = Exchange(source, speed=speed, accounts=accounts, faults=faults, clock=clock, wall=wall)
    hub = Hub(exchange, tick_s)
    server = Server(exchange, hub)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        busy = error.errno == errno.EADDRINUSE
        reason = (
            "is already in use; choose another one, or 0 for any" if busy else f"cannot be opened: {error.strerror}"
        )
        raise ExchangeStartError(f"port {port} on {host} {reason}") from error
    return RunningExchange(exchange, hub, server, runner, f"{_shown(host)}:{runner.addresses[0][1]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
