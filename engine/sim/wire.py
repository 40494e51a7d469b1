"""The exchange's data in the venue's JSON: rows of REST answers and private pushes (protocol sheet, 6 to 10.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.sim.accounts import Account, Balance, Marks, balance, liq_price, margin_rate, unrealised
from engine.sim.faults import HOSTILE, Faults
from engine.sim.orders import Leg, Order, Tpsl, TradeRow
from engine.sim.positions import Position
from engine.sim.spec import Pair, text

Row = dict[str, Any]
TITLES = {"MARK_PRICE": "Mark", "LAST_PRICE": "Last"}
TRADING_SIDE = {"LONG": "BUY", "SHORT": "SELL"}


def iso(t_ms: int) -> str:
    """Market time with nine fractional digits, as private pushes carry it."""
    return f"{datetime.fromtimestamp(t_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{t_ms % 1000:03d}000000Z"


def iso_ms(t_ms: int) -> str:
    return f"{datetime.fromtimestamp(t_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{t_ms % 1000:03d}Z"


def enum(faults: Faults, word: str) -> str:
    return TITLES.get(word, word.title()) if faults.title_case_enums else word


def status(faults: Faults, word: str) -> str:
    return "NEW_" if faults.status_suffix_underscore and word == "NEW" else word


def side_of(faults: Faults, long: bool) -> str:
    word = "LONG" if long else "SHORT"
    return enum(faults, TRADING_SIDE[word] if faults.position_side == "BUY_SELL" else word)


def client(faults: Faults, client_id: str) -> str:
    return client_id + HOSTILE if faults.hostile_strings else client_id


def leg_row(faults: Faults, pair: Pair, tp: Leg | None, sl: Leg | None) -> Row:
    row: Row = {}
    for name, leg in (("tp", tp), ("sl", sl)):
        limit = leg.order_price if leg else None
        row[f"{name}Price"] = pair.price_text(leg.trigger) if leg else None
        row[f"{name}StopType"] = enum(faults, leg.stop_type) if leg else None
        row[f"{name}OrderType"] = enum(faults, leg.order_type) if leg else None
        row[f"{name}OrderPrice"] = pair.price_text(limit) if limit is not None else None
    return row


def order_row(faults: Faults, pair: Pair, order: Order) -> Row:
    return {
        "orderId": order.order_id,
        "clientId": client(faults, order.client_id),
        "symbol": order.symbol,
        "qty": pair.qty_text(order.qty),
        "tradeQty": pair.qty_text(order.filled),
        "positionMode": order.position_mode,
        "marginMode": order.margin_mode,
        "leverage": order.leverage,
        "price": "market" if order.kind == "MARKET" else pair.price_text(order.price),
        "side": enum(faults, order.side),
        "orderType": enum(faults, order.kind),
        "effect": order.effect,
        "reduceOnly": order.reduce_only,
        "status": status(faults, order.status),
        "fee": text(order.fee),
        "realizedPNL": text(order.realised),
        **leg_row(faults, pair, order.tp, order.sl),
        "ctime": str(order.ctime),
        "mtime": str(order.mtime),
    }


def order_push(faults: Faults, pair: Pair, order: Order, event: str) -> Row:
    """The order channel's data; it never shows the attached stop (seen live)."""
    return {
        "event": event,
        "orderId": order.order_id,
        "symbol": order.symbol,
        "positionType": order.margin_mode,
        "positionMode": order.position_mode,
        "side": enum(faults, order.side),
        "effect": order.effect,
        "type": enum(faults, order.kind),
        "qty": pair.qty_text(order.qty),
        "reductionOnly": order.reduce_only,
        "price": "0" if order.kind == "MARKET" else pair.price_text(order.price),
        "ctime": iso(order.ctime),
        "mtime": iso(order.mtime),
        "leverage": str(order.leverage),
        "orderStatus": status(faults, order.status),
        "fee": text(order.fee),
        "averagePrice": text(order.average.quantize(Decimal("1e-12"))),
        "dealAmount": pair.qty_text(order.filled),
        "clientId": client(faults, order.client_id),
    }


def trade_row(faults: Faults, pair: Pair, trade: TradeRow) -> Row:
    return {
        "tradeId": trade.trade_id,
        "orderId": trade.order_id,
        "symbol": trade.symbol,
        "qty": pair.qty_text(trade.qty),
        "positionMode": trade.position_mode,
        "marginMode": trade.margin_mode,
        "leverage": trade.leverage,
        "price": pair.price_text(trade.price),
        "side": enum(faults, trade.side),
        "orderType": enum(faults, trade.kind),
        "effect": trade.effect,
        "clientId": client(faults, trade.client_id),
        "reduceOnly": trade.reduce_only,
        "fee": text(trade.fee),
        "realizedPNL": text(trade.realised),
        "ctime": str(trade.ctime),
        "roleType": "MAKER" if trade.maker else "TAKER",
    }


def position_row(faults: Faults, pair: Pair, account: Account, position: Position, marks: Marks) -> Row:
    return {
        "positionId": position.position_id,
        "symbol": position.symbol,
        "qty": pair.qty_text(position.qty),
        "entryValue": text(position.entry_value),
        "side": side_of(faults, position.long),
        "marginMode": position.margin_mode,
        "positionMode": position.position_mode,
        "leverage": position.leverage,
        "fee": text(position.fee),
        "funding": text(position.funding),
        "realizedPNL": text(position.net),
        "margin": text(position.margin),
        "unrealizedPNL": text(position.unrealised(marks[position.symbol])),
        "liqPrice": pair.price_text(liq_price(account, position, marks)),
        "marginRate": f"{margin_rate(account, position, marks):.4f}",
        "avgOpenPrice": text(position.average.quantize(Decimal("1e-8"))),
        "ctime": str(position.ctime),
        "mtime": str(position.mtime),
    }


def position_push(faults: Faults, pair: Pair, position: Position, event: str, mark: Decimal) -> Row:
    return {
        "event": event,
        "positionId": position.position_id,
        "marginMode": position.margin_mode,
        "positionMode": position.position_mode,
        "side": side_of(faults, position.long),
        "leverage": str(position.leverage),
        "margin": text(position.margin),
        "ctime": iso(position.ctime),
        "qty": pair.qty_text(position.qty),
        "entryValue": text(position.entry_value),
        "symbol": position.symbol,
        "realizedPNL": text(position.net),
        "unrealizedPNL": text(position.unrealised(mark)),
        "funding": text(position.funding),
        "fee": text(position.fee),
    }


def closed_position_row(faults: Faults, pair: Pair, position: Position) -> Row:
    opened, closed = position.opened_qty, position.closed_qty
    return {
        "positionId": position.position_id,
        "symbol": position.symbol,
        "maxQty": pair.qty_text(position.max_qty),
        "entryPrice": text((position.opened_value / opened).quantize(Decimal("1e-8"))) if opened else "0",
        "closePrice": text((position.closed_value / closed).quantize(Decimal("1e-8"))) if closed else "0",
        "liqQty": pair.qty_text(position.liquidated_qty),
        "side": side_of(faults, position.long),
        "marginMode": position.margin_mode,
        "positionMode": position.position_mode,
        "leverage": str(position.leverage),
        "fee": text(position.fee),
        "funding": text(position.funding),
        "realizedPNL": text(position.net),
        "liqPrice": "0",
        "ctime": str(position.ctime),
        "mtime": str(position.mtime),
    }


def account_row(account: Account, marks: Marks) -> Row:
    now = balance(account)
    return {
        "marginCoin": "USDT",
        "available": text(now.available),
        "frozen": text(now.frozen),
        "margin": text(now.margin),
        "transfer": text(now.available),
        "positionMode": account.mode,
        "crossUnrealizedPNL": text(unrealised(account, marks, cross=True)),
        "isolationUnrealizedPNL": text(unrealised(account, marks, cross=False)),
        "bonus": "0",
    }


def balance_push(now: Balance) -> Row:
    return {
        "coin": "USDT",
        "available": text(now.available),
        "frozen": text(now.frozen),
        "isolationFrozen": text(now.isolated_frozen),
        "crossFrozen": text(now.cross_frozen),
        "margin": text(now.margin),
        "isolationMargin": text(now.isolated_margin),
        "crossMargin": text(now.cross_margin),
        "expMoney": "0",
    }


def tpsl_row(faults: Faults, pair: Pair, order: Tpsl) -> Row:
    """A pending or past protective order; the id field is ``id``."""
    return {
        "id": order.tpsl_id,
        "positionId": order.position_id,
        "symbol": order.symbol,
        "base": pair.base,
        "quote": pair.quote,
        "side": side_of(faults, order.long),
        "positionMode": order.position_mode,
        "marginMode": order.margin_mode,
        "leverage": order.leverage,
        "type": order.kind,
        **leg_row(faults, pair, order.tp, order.sl),
        "tpQty": _leg_qty(pair, order.tp),
        "slQty": _leg_qty(pair, order.sl),
        "status": status(faults, order.status),
        "ctime": str(order.ctime),
        "triggerTime": str(order.trigger_time) if order.trigger_time else None,
    }


def tpsl_push(faults: Faults, pair: Pair, order: Tpsl, event: str) -> Row:
    return {
        "event": event,
        "status": status(faults, order.status),
        "positionId": order.position_id,
        "orderId": order.tpsl_id,
        "symbol": order.symbol,
        "leverage": str(order.leverage),
        "side": side_of(faults, order.long),
        "positionMode": order.position_mode,
        "ctime": iso(order.ctime),
        "type": order.kind,
        "tpQty": _leg_qty(pair, order.tp),
        "slQty": _leg_qty(pair, order.sl),
        **leg_row(faults, pair, order.tp, order.sl),
    }


def _leg_qty(pair: Pair, leg: Leg | None) -> str | None:
    return pair.qty_text(leg.qty) if leg and leg.qty is not None else None
