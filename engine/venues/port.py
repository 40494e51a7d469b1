"""The one door between the engine and any venue.

An adapter turns the venue's messages into events and the engine's decisions into requests. It keeps no opinion: what it cannot
read becomes a ``BadMessage``, what got no usable answer becomes UNKNOWN (never REJECTED).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from engine.model.errors import CockpitError
from engine.model.events import AccountReport, CancelReport, Event, OrderReport, ProtectReport
from engine.model.market import Candle, Instrument
from engine.model.orders import Order

Emit = Callable[[Event], None]
Clock = Callable[[], int]
"""UTC nanoseconds."""


class VenueError(CockpitError):
    """A request that reads (never one that trades) got no usable answer. ``hint`` says what a person can do."""

    exit_code: ClassVar[int] = 4

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, "", hint)


class AuthError(VenueError):
    """The venue does not accept our keys."""


class Venue(Protocol):
    """Every call is safe to cancel. Trading calls never raise for what the venue or the network does."""

    name: str

    async def open(self, symbols: list[str], emit: Emit) -> None:
        """Start the links and return at once; they report themselves by ``LinkReport`` and keep reconnecting on their own.

        Market events flow as soon as the public stream is subscribed. After every private login the adapter emits
        ``LinkReport(private, up)`` first and private pushes after it.
        """
        ...

    async def close(self) -> None: ...

    async def instruments(self) -> list[Instrument]:
        """Raises ``VenueError``."""
        ...

    async def account(self) -> AccountReport:
        """Raises ``VenueError`` or ``AuthError``."""
        ...

    async def clock_offset_ms(self) -> float:
        """The venue's clock less ours. Raises ``VenueError``."""
        ...

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]:
        """Closed one-minute candles with ``start ≤ open_time < end``, oldest first. Raises ``VenueError``."""
        ...

    async def snapshot(self, symbols: list[str], since: int) -> list[Event]:
        """Account, open orders, positions, protective stops and the fills since ``since`` (UTC ns of venue time).

        In this order: ``AccountReport``, ``FillReport``…, ``OrderReport``… (source ``snapshot``), ``PositionReport`` for every
        symbol (flat ones too), ``StopsListed`` for every symbol. Raises ``VenueError``: half a snapshot is none.
        """
        ...

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Raises ``VenueError``."""
        ...

    async def submit(self, order: Order) -> OrderReport: ...

    async def cancel(self, orders: list[Order]) -> list[CancelReport]:
        """Cancels in as few requests as the venue allows; one report an order, in the same order."""
        ...

    async def query(self, order: Order) -> OrderReport:
        """What became of an order; UNKNOWN without a usable answer, REJECTED with code ``not_found`` when the venue denies it."""
        ...

    async def protect(
        self, symbol: str, position_id: str, stop_id: str, stop: str, target: str | None
    ) -> ProtectReport:
        """Put a stop (and target) on the whole position, or move the protective order ``stop_id`` where one is given."""
        ...
