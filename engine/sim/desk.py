"""The order desk: requests of section 7 of the protocol sheet, checked and turned into orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.sim.accounts import Account, leverage_of, margin_mode_of
from engine.sim.execution import amend, cancel, closing_order, submit
from engine.sim.faults import use
from engine.sim.orders import Leg, Order
from engine.sim.positions import Position
from engine.sim.protection import check_legs
from engine.sim.refusals import Refused
from engine.sim.spec import ZERO, Pair
from engine.sim.world import Market, World

Params = Mapping[str, Any]
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
EFFECTS = frozenset({"GTC", "IOC", "FOK", "POST_ONLY"})
STOP_TYPES = {"MARK_PRICE": "MARK_PRICE", "MARK": "MARK_PRICE", "LAST_PRICE": "LAST_PRICE", "LAST": "LAST_PRICE"}
MAX_CLIENT_ID = 64
MAX_BATCH = 5
MAX_CANCELS = 20


def number(params: Params, key: str) -> Decimal | None:
    """A fixed-point number given as text or number; None if absent; 10002 for anything else."""
    value = params.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise Refused(10002)
    shown = format(Decimal(str(value)), "f") if isinstance(value, int | float) else value
    if not isinstance(shown, str) or not NUMBER.fullmatch(shown):
        raise Refused(10002)
    return Decimal(shown)


def word(params: Params, key: str, default: str = "") -> str:
    """An enum-like text in capitals."""
    value = params.get(key)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise Refused(10002)
    return value.upper()


def ident(params: Params, *keys: str) -> str:
    """The first id present among ``keys``, as text."""
    for key in keys:
        value = params.get(key)
        if value not in (None, ""):
            if not isinstance(value, str | int) or isinstance(value, bool):
                raise Refused(10002)
            return str(value)
    return ""


def flag(params: Params, key: str) -> bool:
    value = params.get(key)
    return value is True or (isinstance(value, str) and value.lower() == "true")


def on_tick(pair: Pair, price: Decimal) -> Decimal:
    if price <= 0 or price != price.quantize(pair.tick):
        raise Refused(10002)
    return price.quantize(pair.tick)


def on_step(pair: Pair, qty: Decimal | None) -> Decimal:
    """A quantity in whole steps: 10002 for too many decimals, 30016 and 30017 for too little."""
    if qty is None:
        raise Refused(10002)
    if qty <= 0:
        raise Refused(30016)
    if qty != round(qty, pair.qty_digits):
        raise Refused(10002)
    if qty < pair.min_qty:
        raise Refused(30017)
    return round(qty, pair.qty_digits)


def leg(pair: Pair, params: Params, name: str) -> Leg | None:
    """The ``tp`` or ``sl`` fields of a request."""
    trigger = number(params, f"{name}Price")
    if trigger is None:
        return None
    if trigger <= 0:
        raise Refused(30041)
    stop_type = STOP_TYPES.get(word(params, f"{name}StopType", "MARK_PRICE"))
    order_type = word(params, f"{name}OrderType", "MARKET")
    limit = number(params, f"{name}OrderPrice")
    if stop_type is None or order_type not in ("MARKET", "LIMIT") or (order_type == "LIMIT" and limit is None):
        raise Refused(10002)
    qty = number(params, f"{name}Qty")
    return Leg(
        trigger=on_tick(pair, trigger),
        stop_type=stop_type,
        order_type=order_type,
        order_price=on_tick(pair, limit) if order_type == "LIMIT" and limit is not None else None,
        qty=None if qty is None else on_step(pair, qty),
    )


def place(world: World, account: Account, params: Params) -> Order:
    """Place one order; the result is accepted, and perhaps already filled or cancelled."""
    if use(world.faults, "reject"):
        raise Refused(world.faults.reject_code)
    market = world.market(params.get("symbol"))
    client_id = ident(params, "clientId")
    if len(client_id) > MAX_CLIENT_ID:
        raise Refused(10002)
    if client_id and client_id in account.by_client:
        raise Refused(30042)
    order = _order(world, account, market, params, client_id)
    submit(world, account, order)
    return order


def _order(world: World, account: Account, market: Market, params: Params, client_id: str) -> Order:
    pair = market.pair
    side = word(params, "side")
    kind = word(params, "orderType") or word(params, "type")
    effect = word(params, "effect", "GTC") if kind == "LIMIT" else "IOC"
    if side not in ("BUY", "SELL") or kind not in ("LIMIT", "MARKET") or effect not in EFFECTS:
        raise Refused(10002)
    qty = on_step(pair, number(params, "qty"))
    if qty > (pair.max_limit_qty if kind == "LIMIT" else pair.max_market_qty):
        raise Refused(30013)
    price = _limit_price(market, params, side) if kind == "LIMIT" else ZERO
    slot, buys, closes = _direction(account, market, params, side)
    tp, sl = leg(pair, params, "tp"), leg(pair, params, "sl")
    if not closes:
        check_legs(tp, sl, buys, market, price if kind == "LIMIT" else None)
    return Order(
        order_id=world.order_id(),
        client_id=client_id,
        symbol=pair.symbol,
        side=side,
        buys=buys,
        kind=kind,
        effect=effect,
        qty=qty,
        price=price,
        slot=slot,
        reduce_only=closes,
        position_mode=account.mode,
        margin_mode=margin_mode_of(account, pair.symbol),
        leverage=leverage_of(account, pair.symbol, pair.default_leverage),
        tp=None if closes else tp,
        sl=None if closes else sl,
    )


def _limit_price(market: Market, params: Params, side: str) -> Decimal:
    price = number(params, "price")
    if price is None:
        raise Refused(10002)
    price = on_tick(market.pair, price)
    lowest = market.mark * (1 + market.pair.min_buy_offset)
    highest = market.mark * (1 + market.pair.max_sell_offset)
    if (side == "BUY" and price < lowest) or (side == "SELL" and price > highest):
        raise Refused(10008)
    return price


def _direction(account: Account, market: Market, params: Params, side: str) -> tuple[str, bool, bool]:
    """(slot, buys, closes). In HEDGE ``side`` names the position's direction, so closing a long is side BUY."""
    trade_side = word(params, "tradeSide")
    if account.mode == "ONE_WAY":
        buys = side == "BUY"
        closes = flag(params, "reduceOnly") or trade_side == "CLOSE"
        if closes:
            _must_reduce(account.positions.get((market.pair.symbol, "NET")), buys)
        return "NET", buys, closes
    if trade_side not in ("OPEN", "CLOSE"):
        raise Refused(10002)
    slot = "LONG" if side == "BUY" else "SHORT"
    if trade_side == "OPEN":
        if flag(params, "reduceOnly"):
            raise Refused(30019)
        return slot, side == "BUY", False
    position = account.positions.get((market.pair.symbol, slot))
    wanted = ident(params, "positionId")
    if position is None or (wanted and wanted != position.position_id):
        raise Refused(30004)
    return slot, side == "SELL", True


def _must_reduce(position: Position | None, buys: bool) -> None:
    if position is None:
        raise Refused(30018)
    if position.long == buys:
        raise Refused(30019)


def find(account: Account, params: Params) -> Order:
    """An order, working or done, by ``orderId`` (or ``id``) or ``clientId``; raises 20007."""
    order_id, client_id = ident(params, "orderId", "id"), ident(params, "clientId")
    if not order_id and not client_id:
        raise Refused(10002)
    if order_id:
        found = account.orders.get(order_id) or next((o for o in account.done if o.order_id == order_id), None)
    else:
        found = account.by_client.get(client_id)
    if found is None:
        raise Refused(20007)
    return found


def cancel_one(world: World, account: Account, params: Params) -> Order:
    """Cancel a working order; 20007 if it was never there, 30011 if it is over."""
    order = find(account, params)
    if not order.working:
        raise Refused(30011)
    if not use(world.faults, "ignore_cancel"):
        cancel(world, account, order)
    return order


def cancel_all(world: World, account: Account, symbol: str) -> list[Order]:
    orders = [o for o in account.orders.values() if not symbol or o.symbol == symbol]
    for order in orders:
        cancel(world, account, order)
    return orders


def modify(world: World, account: Account, params: Params) -> Order:
    """Change quantity and price (both are needed) and, if given, the attached legs of a working limit order."""
    order = find(account, params)
    if not order.working or order.kind != "LIMIT":
        raise Refused(30011)
    market = world.markets[order.symbol]
    qty, price = on_step(market.pair, number(params, "qty")), number(params, "price")
    if price is None or qty <= order.filled:
        raise Refused(10002)
    price = on_tick(market.pair, price)
    tp, sl = leg(market.pair, params, "tp"), leg(market.pair, params, "sl")
    check_legs(tp, sl, order.buys, market, price)
    before = order.tp, order.sl
    if not order.reduce_only:
        order.tp, order.sl = tp or order.tp, sl or order.sl
    try:
        amend(world, account, order, qty, price)
    except Refused:
        order.tp, order.sl = before
        raise
    return order


def close(world: World, account: Account, position: Position) -> Order:
    """Close a position at market."""
    order = closing_order(world, position, position.qty, None, origin="CLOSE")
    submit(world, account, order)
    return order


def position_by_id(account: Account, params: Params) -> Position:
    """An open position by ``positionId``; raises 30004."""
    wanted = ident(params, "positionId")
    found = next((p for p in account.positions.values() if p.position_id == wanted), None)
    if found is None:
        raise Refused(30004)
    return found
