"""Requests that trade. None of them raises for what the venue or the network does; what may have landed is UNKNOWN."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from engine.model.events import CancelReport, OrderReport
from engine.model.orders import Order, OrderStatus
from engine.venues.bitunix import codes, parse_account, wire
from engine.venues.bitunix.fills import Fills
from engine.venues.bitunix.names import Names
from engine.venues.bitunix.rest import Rest, RestError
from engine.venues.bitunix.wire import Unreadable
from engine.venues.port import Clock

TRADE = "/api/v1/futures/trade"
ENTRY_PATIENCE_S = 0.25
"""An entry that cannot leave at once is refused: a late order is worse than none."""
URGENT_PATIENCE_S = 10.0
BATCH = 20
"""Orders a cancel request; halved when the venue calls that too many."""

Source = Literal["push", "reply", "query", "snapshot"]


class Trading:
    def __init__(self, rest: Rest, clock: Clock, names: Names, fills: Fills) -> None:
        self._rest = rest
        self._clock = clock
        self._names = names
        self._fills = fills

    async def submit(self, order: Order) -> OrderReport:
        urgent = order.reduce_only
        self._names.sent(order.client_id)
        try:
            data = await self._rest.post(
                f"{TRADE}/place_order",
                order_body(order),
                lane="reserve" if urgent else "normal",
                patience_s=URGENT_PATIENCE_S if urgent else ENTRY_PATIENCE_S,
            )
            venue_id = wire.ident(wire.as_object(data, "place_order"), "orderId")
        except RestError as error:
            if error.code == str(codes.DUPLICATE_CLIENT_ID):
                return await self._already_there(order, error)
            status: OrderStatus = "UNKNOWN" if error.outcome == "unknown" else "REJECTED"
            return self._report(order, status, "reply", error.code, error.message)
        except Unreadable as error:
            return self._report(order, "UNKNOWN", "reply", "no_answer", error.why)
        self._names.learn(venue_id, order.client_id, confirmed=True)
        report = self._report(order, "ACCEPTED", "reply")
        report.venue_id = venue_id
        return report

    async def _already_there(self, order: Order, error: RestError) -> OrderReport:
        """A duplicate client id means that the order landed before, unless another order has the id."""
        found = await self.query(order)
        same = (found.side, found.qty, found.reduce_only) == (order.side, order.qty, order.reduce_only)
        if found.status == "REJECTED" or not same:
            return self._report(order, "REJECTED", "reply", error.code, error.message)
        return found

    async def query(self, order: Order) -> OrderReport:
        ours = order.role != "foreign" and bool(order.client_id)
        params = {"clientId": order.client_id} if ours else {"orderId": order.venue_id}
        try:
            data = await self._rest.ask(f"{TRADE}/get_order_detail", params)
            if data is None:
                return self._report(order, "REJECTED", "query", "not_found", "the venue has no such order")
            report = parse_account.order(self._clock(), wire.one_or_many(data, "order")[0], "query")
        except RestError as error:
            if error.code == str(codes.NOT_FOUND):
                return self._report(order, "REJECTED", "query", "not_found", error.message)
            return self._report(order, "UNKNOWN", "query", error.code, error.message)
        except (Unreadable, IndexError) as error:
            why = error.why if isinstance(error, Unreadable) else "empty answer"
            return self._report(order, "UNKNOWN", "query", "no_answer", why)
        if report.symbol != order.symbol:
            return self._report(order, "UNKNOWN", "query", "no_answer", "the answer is about another symbol")
        self._names.learn(report.venue_id, order.client_id if ours else report.client_id, confirmed=ours)
        report.client_id = order.client_id
        self._fills.want(report.venue_id, report.filled)
        return report

    async def cancel(self, orders: list[Order]) -> list[CancelReport]:
        """All batches at once: nobody waits for the answer to another's cancel."""
        batches = []
        for symbol in dict.fromkeys(order.symbol for order in orders):
            of_symbol = [order for order in orders if order.symbol == symbol]
            batches += [(symbol, of_symbol[start : start + BATCH]) for start in range(0, len(of_symbol), BATCH)]
        reports: dict[str, CancelReport] = {}
        answers = await asyncio.gather(
            *(self._cancel_batch(symbol, b) for symbol, b in batches), return_exceptions=True
        )
        for done in answers:
            if isinstance(done, BaseException):
                raise done  # a fault of our own, told when no other batch is kept waiting by it
            reports |= done
        return [reports[_key(order)] for order in orders]

    async def _cancel_batch(self, symbol: str, orders: list[Order]) -> dict[str, CancelReport]:
        body = {"symbol": symbol, "orderList": [_handle(order) for order in orders]}
        try:
            data = await self._rest.post(
                f"{TRADE}/cancel_orders",
                body,
                lane="reserve",
                patience_s=URGENT_PATIENCE_S,
                groups=("account", "cancel"),
            )
            taken = {name for row in _rows(data, "successList") for name in _names_of(row)}
            refused = {name: row for row in _rows(data, "failureList") for name in _names_of(row)}
        except RestError as error:
            if error.code == str(codes.TOO_LARGE) and len(orders) > 1:
                half = len(orders) // 2
                first = await self._cancel_batch(symbol, orders[:half])
                return first | await self._cancel_batch(symbol, orders[half:])
            ok = None if error.outcome == "unknown" else False
            return {_key(order): self._cancelled(order, ok, error.code, error.message) for order in orders}
        except Unreadable as error:
            return {_key(order): self._cancelled(order, None, "no_answer", error.why) for order in orders}
        return {_key(order): self._outcome(order, taken, refused) for order in orders}

    def _outcome(self, order: Order, taken: set[str], refused: Mapping[str, Mapping[str, Any]]) -> CancelReport:
        ids = [name for name in (order.venue_id, order.client_id) if name]
        row = next((refused[name] for name in ids if name in refused), None)
        if row is not None:
            code = wire.pick(row, "errorCode")
            shown = (
                code if isinstance(code, int) else wire.text({"code": code if isinstance(code, str) else ""}, "code")
            )
            message = row.get("errorMsg")
            return self._cancelled(
                order, False, str(shown), wire.text({"m": message}, "m") if isinstance(message, str) else ""
            )
        if any(name in taken for name in ids):
            return self._cancelled(order, True)
        return self._cancelled(order, None, "no_answer", "the venue did not mention the order")

    def _cancelled(self, order: Order, ok: bool | None, code: str = "", message: str = "") -> CancelReport:
        return CancelReport(self._clock(), order.client_id, ok, code, message)

    def _report(
        self, order: Order, status: OrderStatus, source: Source, code: str = "", message: str = ""
    ) -> OrderReport:
        return OrderReport(
            self._clock(),
            client_id=order.client_id,
            venue_id=order.venue_id,
            symbol=order.symbol,
            status=status,
            filled=Decimal(0),
            code=code,
            message=message,
            source=source,
            side=order.side,
            qty=order.qty,
            price=order.price,
            reduce_only=order.reduce_only,
        )


def order_body(order: Order) -> dict[str, object]:
    """The body of ``place_order`` in one-way mode: closing is the opposite side with ``reduceOnly`` and nothing else."""
    body: dict[str, object] = {
        "symbol": order.symbol,
        "side": order.side,
        "orderType": order.kind,
        "qty": plain(order.qty),
        "reduceOnly": order.reduce_only,
        "clientId": order.client_id,
    }
    if not order.reduce_only:
        body["tradeSide"] = "OPEN"
        body |= leg("sl", order.stop) | leg("tp", order.target)
    if order.kind == "LIMIT" and order.price is not None:
        body |= {"price": plain(order.price), "effect": order.tif}
    return body


def leg(name: Literal["sl", "tp"], price: Decimal | None) -> dict[str, object]:
    """An attached stop or target: triggered by the mark price, carried out at market."""
    if price is None:
        return {}
    return {f"{name}Price": plain(price), f"{name}StopType": "MARK_PRICE", f"{name}OrderType": "MARKET"}


def plain(value: Decimal) -> str:
    """Fixed decimals, never an exponent."""
    return format(value, "f")


def _key(order: Order) -> str:
    return order.client_id or order.venue_id


def _handle(order: Order) -> dict[str, str]:
    return {"orderId": order.venue_id} if order.venue_id else {"clientId": order.client_id}


def _rows(data: Any, name: str) -> list[Mapping[str, Any]]:
    return wire.listed(wire.as_object(data, "cancel_orders").get(name), name)


def _names_of(row: Mapping[str, Any]) -> list[str]:
    """The ids that a row of an answer goes by; the documentation calls the first ``id`` and ``orderId``."""
    found = (row.get("orderId"), row.get("id"), row.get("clientId"))
    return [str(value) for value in found if isinstance(value, (str, int)) and value != ""]
