"""Messages as the venue writes them, and a listener for the public stream."""

from __future__ import annotations

import json
from typing import Any

from engine.model.events import CandleTick, Event
from engine.venues.bitunix.clock import VenueClock
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.public import Public

T0 = 1_767_225_600_000_000_000

ORDER: dict[str, Any] = {
    "event": "UPDATE",
    "orderId": "1910000000000000001",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "qty": "0.0100",
    "reductionOnly": False,
    "price": "95000.5",
    "orderStatus": "PART_FILLED",
    "dealAmount": "0.0040",
    "clientId": "demo-1",
}
POSITION: dict[str, Any] = {
    "event": "OPEN",
    "positionId": "77001",
    "marginMode": "CROSS",
    "side": "LONG",
    "leverage": "20",
    "qty": "0.0040",
    "entryValue": "380.002",
    "symbol": "BTCUSDT",
    "funding": "0",
}
TRADE: dict[str, Any] = {
    "tradeId": 5,
    "orderId": "19",
    "symbol": "BTCUSDT",
    "qty": "0.5",
    "price": "100.5",
    "side": "SELL",
    "clientId": None,
    "fee": "0.03",
    "realizedPNL": "-1.25",
    "ctime": "1767225600123",
    "roleType": "MAKER",
}
STOP: dict[str, Any] = {
    "id": "31",
    "positionId": "77001",
    "symbol": "BTCUSDT",
    "type": "TPSL",
    "slPrice": "94000.0",
    "slQty": "0.0100",
    "tpPrice": None,
    "tpQty": None,
    "ctime": "1767225600123",
    "status": "NEW",
}


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []
        complaints = Complaints(lambda: T0, self.events.append)
        self.public = Public(
            ["BTCUSDT"],
            clock=lambda: T0,
            venue_clock=VenueClock(),
            emit=self.events.append,
            complaints=complaints,
            mark_up=lambda: None,
        )

    def push(self, channel: str, ns: int, data: Any) -> None:
        message = {"ch": channel, "symbol": "BTCUSDT", "ts": ns // 1_000_000, "data": data}
        self.public.take(json.dumps(message).encode(), message)

    def kline(self, ns: int, close: float, volume: float = 1.0) -> None:
        self.push(
            "market_kline_1min", ns, {"o": "100", "h": "110", "l": "90", "c": close, "b": volume, "q": volume * close}
        )

    def trade(self, ns: int, price: float, qty: float = 0.5, side: str = "buy") -> None:
        self.push("trade", ns, [{"t": ns // 1_000_000, "p": str(price), "v": str(qty), "s": side}])

    def closed(self) -> list[CandleTick]:
        return [event for event in self.events if isinstance(event, CandleTick) and event.closed]
