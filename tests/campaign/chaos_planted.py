"""``chaos_planted.py BUG run …``: the cockpit with a bug in it, to see whether the campaign notices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec


def drop_fill() -> None:
    """The adapter keeps every third fill to itself, the first among them, and leaves it out when the account is read."""
    from engine.model.events import FillReport
    from engine.venues.bitunix.adapter import Bitunix

    emit, snapshot = Bitunix._emit, Bitunix.snapshot

    def kept(event: Any) -> bool:
        return isinstance(event, FillReport) and int(event.fill.trade_id) % 3 == 2

    def leaky(self: Any, event: Any) -> None:
        if not kept(event):
            emit(self, event)

    async def thinned(self: Any, symbols: list[str], since: int) -> list[Any]:
        return [event for event in await snapshot(self, symbols, since) if not kept(event)]

    Bitunix._emit = leaky  # type: ignore[method-assign]
    Bitunix.snapshot = thinned  # type: ignore[method-assign]


def send_twice() -> None:
    """Every order goes out twice, the second time under a name of its own."""
    from engine.venues.bitunix.trading import Trading

    submit = Trading.submit

    async def twice(self: Any, order: Any) -> Any:
        await submit(self, msgspec.structs.replace(order, client_id=order.client_id + "b"))
        return await submit(self, order)

    Trading.submit = twice  # type: ignore[method-assign]


def no_stop() -> None:
    """Entries go out bare, protection is claimed, not made, and what the venue lists is not read."""
    from engine.model.events import ProtectReport, StopReport, StopsListed
    from engine.model.orders import Stop
    from engine.venues.bitunix.adapter import Bitunix
    from engine.venues.bitunix.trading import Trading

    submit, snapshot = Trading.submit, Bitunix.snapshot

    async def bare(self: Any, order: Any) -> Any:
        return await submit(self, msgspec.structs.replace(order, stop=None, target=None))

    async def claim(self: Any, symbol: str, _: str, __: str, stop: str, *___: Any) -> ProtectReport:
        self._emit(StopReport(self._clock(), Stop("1", symbol, None, Decimal(stop), None, self._clock()), "NEW"))
        return ProtectReport(self._clock(), symbol, True)

    async def unread(self: Any, symbols: list[str], since: int) -> list[Any]:
        return [event for event in await snapshot(self, symbols, since) if not isinstance(event, StopsListed)]

    Trading.submit = bare  # type: ignore[method-assign]
    Bitunix.protect = claim  # type: ignore[assignment]
    Bitunix.snapshot = unread  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[], None]] = {"drop-fill": drop_fill, "send-twice": send_twice, "no-stop": no_stop}

if __name__ == "__main__":
    from cockpit.__main__ import main

    PLANTS[sys.argv.pop(1)]()
    main()
