"""A connection that only leads out: it reads, cancels and closes. For a process beside the engine, with no way to open anything.

Two locks: there is no function that takes an order, and underneath, requests that could open one do not leave.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from typing import Any

from engine.model.events import CancelReport, OrderReport, PositionReport
from engine.model.orders import Order, Side
from engine.model.settings import VenueSettings
from engine.venues.bitunix import hosts
from engine.venues.bitunix.budget import Budget, Lane
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.fills import Fills
from engine.venues.bitunix.names import Names
from engine.venues.bitunix.reads import Reads
from engine.venues.bitunix.rest import Keys, Rest, RestError, Revealing
from engine.venues.bitunix.trading import TRADE, Trading
from engine.venues.port import Clock

CANCEL, PLACE = f"{TRADE}/cancel_orders", f"{TRADE}/place_order"


class OnlyOut(Rest):
    """REST that sends nothing but reads, cancels and orders that the venue itself keeps from opening anything."""

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        lane: Lane = "normal",
        patience_s: float,
        groups: tuple[str, ...] = ("account",),
    ) -> Any:
        if path != CANCEL and not (path == PLACE and body.get("reduceOnly") is True and "tradeSide" not in body):
            raise RestError("not_sent", "not_sent", f"{path} does not lead out of a position")
        return await super().post(path, body, lane=lane, patience_s=patience_s, groups=groups)


class Exits:
    """``working`` and ``held`` raise ``VenueError``; ``cancel`` and ``close_out`` never raise for what the venue does."""

    def __init__(
        self,
        settings: VenueSettings,
        key: str | Revealing,
        secret: str | Revealing,
        *,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        base, _, _ = hosts.addresses(settings)
        venue_clock, names = VenueClock(), Names()
        complaints = Complaints(clock, _nobody)
        self._rest = OnlyOut(
            base,
            Keys(key, secret),
            settings,
            clock=clock,
            venue_clock=venue_clock,
            budget=Budget(settings.requests_per_s, settings.cancel_reserve_per_s, time.monotonic),
            rng=rng,
            told=lambda *_: None,
        )
        self._reads = Reads(self._rest, clock=clock, venue_clock=venue_clock, complaints=complaints, names=names)
        fills = Fills(
            self._reads.fills_of, is_ours=names.is_ours, emit=_nobody, clock=clock, rng=rng, complaints=complaints
        )
        self._trading = Trading(self._rest, clock, names, fills)
        self._tag, self._count = f"out{clock() // 1_000_000_000:x}{secrets.token_hex(2)}", 0

    def __repr__(self) -> str:
        return "Exits(***)"

    async def close(self) -> None:
        await self._rest.close()

    async def working(self) -> list[OrderReport]:
        """The account's open orders; stops and targets of positions are not among them."""
        return await self._reads.open_orders("reserve")

    async def held(self) -> list[PositionReport]:
        return [row.report for row in await self._reads.positions("reserve") if row.report.qty]

    async def cancel(self, orders: list[OrderReport]) -> list[CancelReport]:
        return await self._trading.cancel([_as_order(report) for report in orders])

    async def close_out(self, position: PositionReport) -> OrderReport:
        """Close a whole position at market, reduce-only."""
        self._count += 1
        side: Side = "SELL" if position.qty > 0 else "BUY"
        order = Order(
            client_id=f"{self._tag}-{self._count}",
            symbol=position.symbol,
            side=side,
            kind="MARKET",
            qty=abs(position.qty),
            reduce_only=True,
            role="exit",
        )
        return await asyncio.shield(self._trading.submit(order))


def _as_order(report: OrderReport) -> Order:
    return Order(
        client_id=report.client_id,
        venue_id=report.venue_id,
        symbol=report.symbol,
        side=report.side,
        kind="LIMIT",
        qty=report.qty,
        price=report.price,
    )


def _nobody(_: object) -> None:
    """No session listens here."""
