"""Private REST endpoints of trading and of protective orders (protocol sheet, sections 7 and 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engine.sim import desk, guards
from engine.sim.desk import ident, word
from engine.sim.orders import Order, Tpsl
from engine.sim.refusals import Refused
from engine.sim.routes import Params, Request, Route, Routes, page
from engine.sim.wire import order_row, tpsl_row, trade_row

Row = dict[str, Any]
CANCELED = frozenset({"CANCELED", "PART_FILLED_CANCELED", "SYSTEM_CANCELED"})


def _ids(order: Order) -> Row:
    return {"orderId": order.order_id, "clientId": order.client_id}


def _failure(params: Params, refused: Refused) -> Row:
    return {
        "orderId": ident(params, "orderId", "id"),
        "clientId": ident(params, "clientId"),
        "errorMsg": refused.msg,
        "errorCode": str(refused.code),
    }


def _list(request: Request, limit: int) -> list[dict[str, Any]]:
    rows = request.params.get("orderList")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refused(10002)
    if len(rows) > limit:
        raise Refused(20016)
    return rows


def place_order(request: Request) -> Row:
    return _ids(desk.place(request.world, request.account, request.params))


def batch_order(request: Request) -> Row:
    done, failed = [], []
    symbol = request.params.get("symbol")
    for row in _list(request, desk.MAX_BATCH):
        try:
            order = desk.place(request.world, request.account, {**row, "symbol": symbol})
            done.append({"id": order.order_id, "clientId": order.client_id})
        except Refused as refused:
            failed.append(_failure(row, refused))
    return {"successList": done, "failureList": failed}


def cancel_orders(request: Request) -> Row:
    done, failed = [], []
    for row in _list(request, desk.MAX_CANCELS):
        try:
            done.append(_ids(desk.cancel_one(request.world, request.account, row)))
        except Refused as refused:
            failed.append(_failure(row, refused))
    return {"successList": done, "failureList": failed}


def cancel_all_orders(request: Request) -> Row:
    symbol = word(request.params, "symbol")
    gone = desk.cancel_all(request.world, request.account, symbol)
    return {"successList": [_ids(order) for order in gone], "failureList": []}


def modify_order(request: Request) -> Row:
    return _ids(desk.modify(request.world, request.account, request.params))


def close_all(request: Request) -> str:
    symbol = word(request.params, "symbol")
    for position in list(request.account.positions.values()):
        if symbol in ("", position.symbol):
            desk.close(request.world, request.account, position)
    return ""


def flash_close(request: Request) -> Row:
    position = desk.position_by_id(request.account, request.params)
    desk.close(request.world, request.account, position)
    return {"positionId": position.position_id}


def order_detail(request: Request) -> Row:
    """One order; an extra ``symbol`` is a parameter error (as live)."""
    if "symbol" in request.params:
        raise Refused(10002)
    return _order_row(request, desk.find(request.account, request.params))


def _order_row(request: Request, order: Order) -> Row:
    return order_row(request.faults, request.world.markets[order.symbol].pair, order)


def _matching(request: Request, orders: Iterable[Order]) -> list[Order]:
    params = request.params
    wanted: dict[str, tuple[str, Callable[[Order], str]]] = {
        "symbol": (ident(params, "symbol").upper(), lambda o: o.symbol),
        "orderId": (ident(params, "orderId"), lambda o: o.order_id),
        "clientId": (ident(params, "clientId"), lambda o: o.client_id),
        "status": (word(params, "status"), lambda o: o.status),
        "type": (word(params, "type"), lambda o: o.kind),
    }
    return [o for o in orders if all(value in ("", of(o)) for value, of in wanted.values())]


def pending_orders(request: Request) -> Row:
    found = sorted(_matching(request, request.account.orders.values()), key=lambda o: int(o.order_id))
    rows, total = page(request.params, found, lambda o: o.ctime)
    return {"orderList": [_order_row(request, order) for order in rows], "total": str(total)}


def history_orders(request: Request) -> Row:
    """Orders that are over. ``queryCanceled`` true: only canceled ones; false: the others; without it: all."""
    found = _matching(request, request.account.done)
    asked = ident({"q": str(request.params.get("queryCanceled", ""))}, "q").lower()
    if asked in ("true", "false"):
        found = [order for order in found if (order.status in CANCELED) == (asked == "true")]
    rows, total = page(request.params, found, lambda o: o.ctime)
    return {"orderList": [_order_row(request, order) for order in rows], "total": str(total)}


def history_trades(request: Request) -> Row:
    """Fills, newest first; ``positionId`` is ignored (as live)."""
    symbol, order_id = ident(request.params, "symbol").upper(), ident(request.params, "orderId")
    found = [t for t in request.account.trades if symbol in ("", t.symbol) and order_id in ("", t.order_id)]
    rows, total = page(request.params, found, lambda t: t.ctime)
    markets = request.world.markets
    return {"tradeList": [trade_row(request.faults, markets[t.symbol].pair, t) for t in rows], "total": str(total)}


def place_tpsl(request: Request) -> Row | list[Row]:
    return _placed(request, guards.place(request.world, request.account, request.params))


def _placed(request: Request, order: Tpsl) -> Row | list[Row]:
    row = {"orderId": order.tpsl_id}
    return [row] if request.faults.tpsl_place_returns_list else row


def modify_tpsl(request: Request) -> Row:
    return {"orderId": guards.modify(request.world, request.account, request.params).tpsl_id}


def cancel_tpsl(request: Request) -> Row:
    return {"orderId": guards.cancel(request.world, request.account, request.params).tpsl_id}


def place_position_tpsl(request: Request) -> Row | list[Row]:
    placed = guards.place_for_position(request.world, request.account, request.params, replace=False)
    return _placed(request, placed)


def modify_position_tpsl(request: Request) -> Row:
    placed = guards.place_for_position(request.world, request.account, request.params, replace=True)
    return {"orderId": placed.tpsl_id}


def _chosen_tpsl(request: Request, orders: Iterable[Tpsl]) -> list[Tpsl]:
    params = request.params
    symbol, position_id = ident(params, "symbol").upper(), ident(params, "positionId")
    side, mode = word(params, "side"), word(params, "positionMode")
    long = {"BUY": True, "LONG": True, "SELL": False, "SHORT": False}.get(side)
    return [
        o
        for o in orders
        if symbol in ("", o.symbol)
        and position_id in ("", o.position_id)
        and (long is None or o.long == long)
        and mode in ("", o.position_mode)
    ]


def _tpsl_row(request: Request, order: Tpsl) -> Row:
    return tpsl_row(request.faults, request.world.markets[order.symbol].pair, order)


def pending_tpsl(request: Request) -> list[Row]:
    rows, _ = page(request.params, _chosen_tpsl(request, request.account.tpsl.values()), lambda o: o.ctime)
    return [_tpsl_row(request, order) for order in rows]


def history_tpsl(request: Request) -> Row:
    rows, total = page(request.params, _chosen_tpsl(request, request.account.tpsl_done), lambda o: o.ctime)
    return {"orderList": [_tpsl_row(request, order) for order in rows], "total": str(total)}


TRADE = "/api/v1/futures/trade"
TPSL = "/api/v1/futures/tpsl"
ROUTES: Routes = {
    ("POST", f"{TRADE}/place_order"): Route(place_order),
    ("POST", f"{TRADE}/batch_order"): Route(batch_order, 1),
    ("POST", f"{TRADE}/cancel_orders"): Route(cancel_orders, 5),
    ("POST", f"{TRADE}/cancel_all_orders"): Route(cancel_all_orders),
    ("POST", f"{TRADE}/modify_order"): Route(modify_order),
    ("POST", f"{TRADE}/close_all_position"): Route(close_all, 1),
    ("POST", f"{TRADE}/flash_close_position"): Route(flash_close, 5),
    ("GET", f"{TRADE}/get_order_detail"): Route(order_detail),
    ("GET", f"{TRADE}/get_pending_orders"): Route(pending_orders),
    ("GET", f"{TRADE}/get_history_orders"): Route(history_orders),
    ("GET", f"{TRADE}/get_history_trades"): Route(history_trades),
    ("POST", f"{TPSL}/place_order"): Route(place_tpsl),
    ("POST", f"{TPSL}/modify_order"): Route(modify_tpsl),
    ("POST", f"{TPSL}/cancel_order"): Route(cancel_tpsl),
    ("POST", f"{TPSL}/position/place_order"): Route(place_position_tpsl),
    ("POST", f"{TPSL}/position/modify_order"): Route(modify_position_tpsl),
    ("GET", f"{TPSL}/get_pending_orders"): Route(pending_tpsl),
    ("GET", f"{TPSL}/get_history_orders"): Route(history_tpsl),
}
