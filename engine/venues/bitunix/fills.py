"""Fills, of which the venue has no channel: growth of an order's filled quantity is a reason to read its trades."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

import msgspec

from engine.model.events import FillReport, OrderReport
from engine.model.orders import Fill
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import Clock, Emit, VenueError

TRIES = 8
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0
BETWEEN_S = 0.2
"""Between two readings of one order's trades: many small fills share a reading and leave room for orders."""
MAX_READINGS = 200
"""Orders whose trades are read at a time; the next snapshot brings the others'."""
_KEPT = 5_000


class _Told(msgspec.Struct, gc=False):
    """The trades of one order that are accounted for, and the quantity that the venue says there is."""

    trades: set[str]
    qty: Decimal
    wanted: Decimal


class Fills:
    """Every trade of an order is emitted once; a trade is known by its order and its own id.

    What somebody's open orders had filled before the first snapshot is part of what the session found, and is not emitted.
    Until then only the trades of our own orders are.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[list[Fill]]],
        *,
        is_ours: Callable[[str], bool],
        emit: Emit,
        clock: Clock,
        rng: random.Random,
        complaints: Complaints,
    ) -> None:
        self._read = read
        self._is_ours = is_ours
        self._begun = False
        self._emit = emit
        self._clock = clock
        self._rng = rng
        self._complaints = complaints
        self._orders: dict[str, _Told] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def want(self, order_id: str, qty: Decimal) -> None:
        """The venue says that ``qty`` of the order is filled: emits what is missing, soon."""
        told = self._told(order_id)
        told.wanted = max(told.wanted, qty)
        self._follow(order_id, told)

    async def begin(self, orders: Iterable[OrderReport]) -> None:
        """The session's first snapshot, with its open orders: their trades up to there are accounted for from now on.

        Raises ``VenueError``. Does nothing at later snapshots.
        """
        if self._begun:
            return
        for order in orders:
            if order.filled > 0 and not self._is_ours(order.venue_id):
                left = order.filled
                for fill in await self._read(order.venue_id):
                    if left > 0:
                        self.note(fill)
                    left -= fill.qty
        self._begun = True
        for order_id, told in list(self._orders.items()):
            self._follow(order_id, told)

    def _follow(self, order_id: str, told: _Told) -> None:
        known = self._begun or self._is_ours(order_id)
        task = self._tasks.get(order_id)
        if known and told.qty < told.wanted and (task is None or task.done()):
            if len(self._tasks) >= MAX_READINGS:
                self._complaints.add("private", "too many orders with new fills at once", order_id)
                return
            task = asyncio.create_task(self._catch_up(order_id, told), name=f"bitunix fills {order_id}")
            self._tasks[order_id] = task
            task.add_done_callback(lambda done: self._forget(order_id, done))

    def _forget(self, order_id: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(order_id) is done:
            del self._tasks[order_id]

    def note(self, fill: Fill) -> bool:
        """Accounts for a fill; False when it was accounted for."""
        told = self._told(fill.venue_order_id)
        if fill.trade_id in told.trades:
            return False
        told.trades.add(fill.trade_id)
        told.qty += fill.qty
        return True

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _told(self, order_id: str) -> _Told:
        told = self._orders.get(order_id)
        if told is None:
            if len(self._orders) >= _KEPT:
                done = next((key for key in self._orders if key not in self._tasks), None)
                if done is not None:
                    del self._orders[done]
            told = self._orders[order_id] = _Told(set(), Decimal(0), Decimal(0))
        return told

    async def _catch_up(self, order_id: str, told: _Told) -> None:
        failures = 0
        while told.qty < told.wanted:
            before = told.qty
            try:
                for fill in await self._read(order_id):
                    if self.note(fill):
                        self._emit(FillReport(self._clock(), fill))
            except (VenueError, Unreadable):
                pass
            except Exception as error:
                self._complaints.add("private", f"internal error ({type(error).__name__})")
            if told.qty >= told.wanted:
                return
            failures = failures + 1 if told.qty == before else 0
            if failures >= TRIES:
                self._complaints.add("private", "the trades of an order cannot be read", order_id)
                return
            longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**failures)
            await asyncio.sleep(max(BETWEEN_S if not failures else 0.0, self._rng.uniform(longest / 2, longest)))
