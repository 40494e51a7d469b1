"""The exchange's own books, read without asking it: what is so, whatever anybody has been told."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from . import setting

if TYPE_CHECKING:
    from .world import World

ON_ITS_WAY_S = 5.0
"""A request that has not arrived by then never will."""
LATEST = 60
ZERO = Decimal(0)


class Truth:
    def __init__(self, world: World) -> None:
        self.world = world
        self.funded = 0

    @property
    def account(self) -> Any:
        return self.world.exchange.exchange.world.accounts[setting.KEY]

    def position(self) -> Decimal:
        """Signed."""
        return sum((p.qty if p.long else -p.qty for p in self.account.positions.values()), ZERO)

    def protected(self) -> bool:
        return any(guard.sl is not None for guard in self.account.tpsl.values())

    def working(self) -> list[Any]:
        return [order for order in self.account.orders.values() if order.working]

    def names(self) -> set[str]:
        return {order.client_id for order in self.working()}

    def known(self, client_id: str) -> bool:
        return client_id in self.account.by_client

    def fill_keys(self) -> set[str]:
        return {f"{row.symbol}/{row.order_id}/{row.trade_id}" for row in self.account.trades}

    def worst(self) -> Decimal:
        """The largest position that could come of what works and of what is on its way."""
        buys = sells = ZERO
        for order in self.working():
            if not order.reduce_only:
                buys, sells = (buys + order.remaining, sells) if order.buys else (buys, sells + order.remaining)
        now, refused = self.world.loop.time(), self._refused()
        for request in reversed(self.world.wire.requests.values()):
            if now - request.at_s > ON_ITS_WAY_S:
                break
            if request.reduces or self.known(request.client_id) or request.client_id in refused:
                continue
            buys, sells = (buys + request.qty, sells) if request.side == "BUY" else (buys, sells + request.qty)
        held = self.position()
        return max(abs(held + buys), abs(held - sells))

    def _refused(self) -> set[str]:
        """Orders among the latest requests that the venue has said no to."""
        latest = islice(reversed(self.world.exchange.server.received), LATEST)
        return {note["params"].get("clientId", "") for note in latest if note.get("code") and "params" in note}

    def exposure(self, when: str) -> None:
        worst, limit = self.worst(), self.world.profile.risk.symbols[setting.SYMBOL].max_position
        if worst > limit:
            self.world.violated("exposure", f"{worst} {setting.SYMBOL} could be held {when}, limit {limit}")
