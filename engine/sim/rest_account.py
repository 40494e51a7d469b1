"""Private REST endpoints of the account and its positions (protocol sheet, sections 6 and 8)."""

from __future__ import annotations

from typing import Any

from engine.sim.accounts import Account, is_cross, leverage_of, margin_mode_of, spendable
from engine.sim.desk import ident, number, position_by_id, word
from engine.sim.execution import tell_balance, tell_position
from engine.sim.positions import Position
from engine.sim.refusals import Refused
from engine.sim.routes import Request, Route, Routes, page, whole
from engine.sim.spec import ZERO, margin_for, open_limit, round8
from engine.sim.wire import account_row, closed_position_row, position_row

Row = dict[str, Any]


def account(request: Request) -> Row | list[Row]:
    if ident(request.params, "marginCoin").upper() != "USDT":
        raise Refused(10002)
    row = account_row(request.account, request.world.marks())
    return [row] if request.faults.account_as_list else row


def leverage_and_mode(request: Request) -> Row:
    pair = request.world.market(request.params.get("symbol")).pair
    return {
        "symbol": pair.symbol,
        "marginCoin": "USDT",
        "leverage": leverage_of(request.account, pair.symbol, pair.default_leverage),
        "marginMode": margin_mode_of(request.account, pair.symbol),
    }


def change_leverage(request: Request) -> list[Row]:
    """Not while orders are open (20006); an open position's margin follows, if the wallet carries it."""
    pair = request.world.market(request.params.get("symbol")).pair
    holder, leverage = request.account, whole(request.params, "leverage")
    if leverage is None or not 1 <= leverage <= pair.max_leverage:
        raise Refused(20005)
    if any(order.symbol == pair.symbol for order in holder.orders.values()):
        raise Refused(20006)
    positions = [p for p in holder.positions.values() if p.symbol == pair.symbol]
    more = sum((margin_for(p.entry_value, leverage) + p.extra - p.margin for p in positions), ZERO)
    if more > 0 and more > spendable(holder, request.world.marks()):
        raise Refused(20003)
    if any(p.entry_value > open_limit(leverage) for p in positions):
        raise Refused(20002)
    holder.leverages[pair.symbol] = leverage
    for position in positions:
        position.leverage = leverage
        tell_position(request.world, holder, position, "UPDATE")
    tell_balance(request.world, holder)
    return [{"marginCoin": "USDT", "symbol": pair.symbol, "leverage": leverage}]


def change_margin_mode(request: Request) -> list[Row]:
    pair = request.world.market(request.params.get("symbol")).pair
    mode = word(request.params, "marginMode")
    if mode not in ("ISOLATION", "CROSS"):
        raise Refused(10002)
    orders, positions = request.account.orders.values(), request.account.positions.values()
    busy = {*(order.symbol for order in orders), *(position.symbol for position in positions)}
    if pair.symbol in busy and mode != margin_mode_of(request.account, pair.symbol):
        raise Refused(20006)
    request.account.margin_modes[pair.symbol] = mode
    return [{"marginCoin": "USDT", "symbol": pair.symbol, "marginMode": mode}]


def change_position_mode(request: Request) -> list[Row]:
    """Account-wide; refused while a position (20009) or an order (20006) is open."""
    mode = word(request.params, "positionMode")
    if mode not in ("ONE_WAY", "HEDGE"):
        raise Refused(10002)
    if mode != request.account.mode:
        if request.account.positions:
            raise Refused(20009)
        if request.account.orders:
            raise Refused(20006)
    request.account.mode = mode
    return [{"positionMode": mode}]


def adjust_margin(request: Request) -> str:
    """Move margin into (+) or out of (-) an isolated position; at most what was added can be taken out."""
    amount = number(request.params, "amount")
    if amount is None or amount == 0 or amount != round8(amount):
        raise Refused(10002)
    position = _adjusted(request)
    if is_cross(position.margin_mode):
        raise Refused(30011)
    if amount > spendable(request.account, request.world.marks()):
        raise Refused(20003)
    if position.extra + amount < 0:
        raise Refused(20008)
    position.extra += amount
    tell_position(request.world, request.account, position, "UPDATE")
    tell_balance(request.world, request.account)
    return ""


def _adjusted(request: Request) -> Position:
    if ident(request.params, "positionId"):
        return position_by_id(request.account, request.params)
    symbol = request.world.market(request.params.get("symbol")).pair.symbol
    long = word(request.params, "side") in ("LONG", "BUY")
    for position in request.account.positions.values():
        if position.symbol == symbol and position.long == long:
            return position
    raise Refused(30004)


def pending_positions(request: Request) -> list[Row]:
    marks = request.world.marks()
    return [
        position_row(request.faults, request.world.markets[p.symbol].pair, request.account, p, marks)
        for p in reversed(_chosen(request, list(request.account.positions.values())))
    ]


def closed_positions(request: Request) -> Row:
    rows, total = page(request.params, _chosen(request, request.account.closed), lambda p: p.mtime)
    markets = request.world.markets
    return {
        "positionList": [closed_position_row(request.faults, markets[p.symbol].pair, p) for p in rows],
        "total": str(total),
    }


def _chosen(request: Request, positions: list[Position]) -> list[Position]:
    symbol, wanted = ident(request.params, "symbol").upper(), ident(request.params, "positionId")
    return [p for p in positions if symbol in ("", p.symbol) and wanted in ("", p.position_id)]


def trading_settings(request: Request) -> list[Row]:
    wanted = [name for name in ident(request.params, "symbols").upper().split(",") if name]
    pairs = [market.pair for symbol, market in request.world.markets.items() if not wanted or symbol in wanted]
    return [_setting(request.account, pair.symbol, pair.default_leverage) for pair in pairs]


def _setting(holder: Account, symbol: str, default: int) -> Row:
    return {
        "symbol": symbol,
        "leverage": leverage_of(holder, symbol, default),
        "marginMode": margin_mode_of(holder, symbol),
        "positionMode": holder.mode,
    }


ACCOUNT = "/api/v1/futures/account"
POSITION = "/api/v1/futures/position"
ROUTES: Routes = {
    ("GET", ACCOUNT): Route(account),
    ("GET", f"{ACCOUNT}/get_leverage_margin_mode"): Route(leverage_and_mode),
    ("POST", f"{ACCOUNT}/change_leverage"): Route(change_leverage),
    ("POST", f"{ACCOUNT}/change_margin_mode"): Route(change_margin_mode),
    ("POST", f"{ACCOUNT}/change_position_mode"): Route(change_position_mode),
    ("POST", f"{ACCOUNT}/adjust_position_margin"): Route(adjust_margin, 5),
    ("GET", f"{ACCOUNT}/trading_settings"): Route(trading_settings),
    ("GET", f"{POSITION}/get_pending_positions"): Route(pending_positions),
    ("GET", f"{POSITION}/get_history_positions"): Route(closed_positions),
}
