"""Private messages and rows → account events, in exact decimals. REST and pushes name the same things differently."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from engine.model.events import AccountReport, OrderReport, PositionReport, StopReport
from engine.model.orders import Fill, OrderStatus, Stop, sign
from engine.venues.bitunix import wire
from engine.venues.bitunix.wire import Unreadable

Row = Mapping[str, Any]
ZERO = Decimal(0)
COIN = "USDT"

STATUSES: dict[str, OrderStatus] = {
    "INIT": "ACCEPTED",
    "NEW": "ACCEPTED",
    "PART_FILLED": "PARTIALLY_FILLED",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "CANCELLED": "CANCELLED",
    "PART_FILLED_CANCELED": "CANCELLED",
    "SYSTEM_CANCELED": "CANCELLED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
}
"""An unknown status is UNKNOWN: somebody has to ask."""

StopStatus = Literal["NEW", "CANCELLED", "TRIGGERED", "FAILED"]
STOP_STATUSES: dict[str, StopStatus] = {
    "INIT": "NEW",
    "NEW": "NEW",
    "CANCELED": "CANCELLED",
    "CANCELLED": "CANCELLED",
    "SYSTEM_CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
    "FILLED": "TRIGGERED",
    "TRIGGERED": "TRIGGERED",
    "FAILED": "FAILED",
}
_STOP_EVENTS: dict[str, StopStatus] = {"CREATE": "NEW", "UPDATE": "NEW", "CLOSE": "CANCELLED"}


class PositionRow(msgspec.Struct, gc=False):
    """One position as the venue tells it. ``funding`` is what was received (positive) over its life."""

    report: PositionReport
    position_id: str
    funding: Decimal
    opened: bool


class StopRow(msgspec.Struct, gc=False):
    """A protective order with what a change of it needs. ``whole`` is the position's own pair, not an order with a quantity."""

    stop: Stop
    position_id: str
    whole: bool
    stop_qty: Decimal | None
    target_qty: Decimal | None


def account(t: int, data: Any) -> tuple[AccountReport, str]:
    """The account and its position mode (``ONE_WAY`` or ``HEDGE``) from a REST answer: one object or a list of one."""
    row = _ours(wire.one_or_many(data, "account"), "marginCoin")
    return _account(t, row), wire.word(row, "positionMode")


def balance(t: int, row: Row) -> AccountReport | None:
    """The account from a push; None for another coin than the one we trade in."""
    return _account(t, row) if wire.word(row, "coin", "marginCoin") in ("", COIN) else None


def _ours(rows: list[Row], name: str) -> Row:
    for row in rows:
        if wire.word(row, name) in ("", COIN):
            return row
    raise Unreadable("account without our currency")


def _account(t: int, row: Row) -> AccountReport:
    """Wallet = available + frozen + margin: equity without unrealised profit (protocol sheet, section 6)."""
    available, frozen = wire.decimal(row, "available"), wire.decimal(row, "frozen")
    margin = wire.decimal(row, "margin")
    return AccountReport(t, COIN, available + frozen + margin, available, margin, frozen)


def order(t: int, row: Row, source: Literal["push", "reply", "query", "snapshot"]) -> OrderReport:
    qty = wire.decimal(row, "qty")
    filled = wire.decimal_or(row, ZERO, "dealAmount", "tradeQty")
    if qty < 0 or filled < 0:
        raise Unreadable("order quantity is negative")
    return OrderReport(
        t,
        client_id=wire.text(row, "clientId", limit=64),
        venue_id=wire.ident(row, "orderId"),
        symbol=wire.ident(row, "symbol").upper(),
        status=STATUSES.get(wire.word(row, "orderStatus", "status"), "UNKNOWN"),
        filled=filled,
        source=source,
        side=wire.side(row, "side"),
        qty=qty,
        price=None if wire.word(row, "type", "orderType") == "MARKET" else wire.price_or_none(row, "price"),
        reduce_only=wire.flag(row, "reductionOnly", "reduceOnly"),
    )


def trade(row: Row) -> Fill:
    qty = wire.decimal(row, "qty")
    if qty <= 0:
        raise Unreadable("trade quantity is not positive")
    return Fill(
        t=wire.time_ns(row, "ctime"),
        symbol=wire.ident(row, "symbol").upper(),
        trade_id=wire.ident(row, "tradeId"),
        venue_order_id=wire.ident(row, "orderId"),
        client_id=wire.text(row, "clientId", limit=64),
        side=wire.side(row, "side"),
        qty=qty,
        price=wire.decimal(row, "price"),
        fee=wire.decimal_or(row, ZERO, "fee"),
        maker=wire.word(row, "roleType") == "MAKER",
        realised=wire.decimal_or(row, ZERO, "realizedPNL"),
    )


def position(t: int, row: Row, source: Literal["push", "snapshot"]) -> PositionRow:
    """Pushes carry no mean price and no liquidation price: the mean is the entry value over the quantity."""
    event = wire.word(row, "event")
    qty = ZERO if event == "CLOSE" else wire.decimal(row, "qty")
    if qty < 0:
        raise Unreadable("position quantity is negative")
    liquidation = wire.price_or_none(row, "liqPrice")
    position_id = wire.ident(row, "positionId")
    report = PositionReport(
        t,
        symbol=wire.ident(row, "symbol").upper(),
        qty=qty * sign(wire.side(row, "side")) if qty else ZERO,
        entry=_entry(row, qty),
        position_id=position_id if qty else "",
        liquidation=None if liquidation is None else float(liquidation),
        leverage=wire.whole(row, "leverage") if wire.pick(row, "leverage") is not None else 0,
        margin_mode=wire.word(row, "marginMode", "positionType"),
        source=source,
    )
    return PositionRow(report, position_id, wire.decimal_or(row, ZERO, "funding"), event == "OPEN")


def _entry(row: Row, qty: Decimal) -> Decimal:
    if not qty:
        return ZERO
    if wire.pick(row, "avgOpenPrice") is not None:
        return wire.decimal(row, "avgOpenPrice")
    return wire.decimal(row, "entryValue") / qty


def flat(t: int, symbol: str) -> PositionReport:
    return PositionReport(t, symbol, ZERO, ZERO, "", None, 0, "", "snapshot")


def stop(row: Row) -> StopRow:
    """A protective order of a REST list (its id is ``id``) or of a push (``orderId``)."""
    stop_qty, target_qty = wire.price_or_none(row, "slQty"), wire.price_or_none(row, "tpQty")
    price, target = wire.price_or_none(row, "slPrice"), wire.price_or_none(row, "tpPrice")
    whole = "POSITION" in wire.word(row, "type") or (stop_qty is None and target_qty is None)
    at = wire.pick(row, "ctime")
    return StopRow(
        Stop(
            stop_id=wire.ident(row, "id", "orderId"),
            symbol=wire.ident(row, "symbol").upper(),
            qty=None if whole else (stop_qty if stop_qty is not None else target_qty),
            stop=price,
            target=target,
            t=0 if at is None else wire.to_ns(at, "ctime"),
        ),
        wire.ident(row, "positionId") if wire.pick(row, "positionId") is not None else "",
        whole,
        stop_qty,
        target_qty,
    )


def stop_report(t: int, row: Row) -> StopReport:
    word = wire.word(row, "status")
    status = STOP_STATUSES.get(word) if word else _STOP_EVENTS.get(wire.word(row, "event"))
    if status is None:
        raise Unreadable("tpsl status is unknown")
    return StopReport(t, stop(row).stop, status)
