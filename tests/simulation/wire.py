"""What may leave: every order request is judged before its first byte is on its way."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .life import Life
    from .transport import SimTransport
    from .world import World

PLACE = b"/api/v1/futures/trade/place_order"
CANCEL = b"/api/v1/futures/trade/cancel_orders"
_NAME = re.compile(rb'"clientId":"([^"]*)"')
_QTY = re.compile(rb'"qty":"([^"]*)"')
_REDUCES = re.compile(rb'"reduceOnly":true')
_SIDE = re.compile(rb'"side":"([A-Z]*)"')


class Request(NamedTuple):
    """An order as it left. ``at_s`` is virtual time."""

    client_id: str
    side: str
    qty: Decimal
    reduces: bool
    at_s: float
    life: int


class Head(NamedTuple):
    what: bytes
    committed: int


class Wire:
    """Reads along. Client libraries write a request's head and body on their own; both may come in one write."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests: dict[str, Request] = {}
        self.cancels_s: list[float] = []
        self._heads: dict[int, Head] = {}

    def tap(self, end: SimTransport, data: bytes) -> None:
        life = self.world.life
        if life is None or end.owner is not life.process or life.journal is None:
            return
        if data.startswith(b"POST "):
            path = data[5 : data.index(b" ", 5)]
            if path not in (PLACE, CANCEL):
                self._heads.pop(end.number, None)
                return
            self._heads[end.number] = Head(path, life.journal.committed)
            _, _, data = data.partition(b"\r\n\r\n")
        head = self._heads.get(end.number)
        if head is None or not data.startswith(b"{"):
            return
        del self._heads[end.number]
        if head.what == CANCEL:
            self.cancels_s.append(self.world.loop.time())
            return
        self._order(life, data, head.committed)

    def _order(self, life: Life, body: bytes, committed: int) -> None:
        found, qty, side = _NAME.search(body), _QTY.search(body), _SIDE.search(body)
        if found is None or qty is None or side is None:
            self.world.violated("wire", f"an order without a name, side or quantity: {body[:120]!r}")
            return
        name, reduces = found[1].decode(), _REDUCES.search(body) is not None
        decided = life.rules.sent.get(name)
        if decided is None:
            self.world.violated("intent first", f"{name} left without a decision")
        elif decided > committed:
            self.world.violated(
                "intent first", f"{name}, decided in event {decided}, left when {committed} was durable"
            )
        if name in self.requests:
            self.world.violated("once", f"{name} left again")
        if not reduces and life.state.trading in ("HALTED", "SAFE"):
            self.world.violated("gate", f"entry {name} left while trading was {life.state.trading}")
        now = self.world.loop.time()
        self.requests[name] = Request(name, side[1].decode(), Decimal(qty[1].decode()), reduces, now, life.number)
        self.world.count("orders")
        self.world.truth.exposure(f"when {name} left")
