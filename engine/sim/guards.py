"""Requests for protective orders (protocol sheet, section 9): quantity TPSL orders and the position's pair."""

from __future__ import annotations

from engine.sim.accounts import Account
from engine.sim.desk import Params, ident, leg, position_by_id
from engine.sim.orders import Tpsl
from engine.sim.positions import Position
from engine.sim.protection import check_legs, check_liquidation, check_qty, end_tpsl, new_tpsl, tell
from engine.sim.refusals import Refused
from engine.sim.world import World


def place(world: World, account: Account, params: Params) -> Tpsl:
    """A new quantity order on a position; a leg without a quantity covers all of it."""
    market = world.market(params.get("symbol"))
    position = position_by_id(account, params)
    tp, sl = leg(market.pair, params, "tp"), leg(market.pair, params, "sl")
    if tp is None and sl is None:
        raise Refused(30006)
    check_legs(tp, sl, position.long, market)
    check_liquidation(world, account, position, sl)
    check_qty(position, tp, sl, market.pair.min_qty)
    return new_tpsl(world, account, position, "TPSL", tp=tp, sl=sl)


def modify(world: World, account: Account, params: Params) -> Tpsl:
    """Change the given legs of a protective order; an omitted leg, or an omitted quantity, stays as it is."""
    order = _find(account, params)
    market = world.markets[order.symbol]
    position = position_by_id(account, {"positionId": order.position_id})
    tp, sl = leg(market.pair, params, "tp"), leg(market.pair, params, "sl")
    if tp is None and sl is None:
        raise Refused(30006)
    check_legs(tp, sl, position.long, market)
    check_liquidation(world, account, position, sl)
    for new, old in ((tp, order.tp), (sl, order.sl)):
        if new is not None and new.qty is None and old is not None:
            new.qty = old.qty
    if order.kind == "TPSL":
        check_qty(position, tp, sl, market.pair.min_qty)
    order.tp, order.sl = tp or order.tp, sl or order.sl
    order.mtime = world.now
    tell(world, account, order, "UPDATE")
    return order


def cancel(world: World, account: Account, params: Params) -> Tpsl:
    order = _find(account, params)
    end_tpsl(world, account, order, "CANCELED")
    return order


def place_for_position(world: World, account: Account, params: Params, *, replace: bool) -> Tpsl:
    """Set the position's pair, market orders for all of it. ``replace``: an omitted leg is deleted, else it stays."""
    market = world.market(params.get("symbol"))
    position = position_by_id(account, params)
    tp, sl = leg(market.pair, params, "tp"), leg(market.pair, params, "sl")
    if tp is None and sl is None:
        raise Refused(30006)
    check_legs(tp, sl, position.long, market)
    check_liquidation(world, account, position, sl)
    for each in (tp, sl):
        if each is not None:
            each.order_type, each.order_price, each.qty = "MARKET", None, None
    held = _pair_of(account, position)
    if held is None:
        return new_tpsl(world, account, position, "POSITION_TPSL", tp=tp, sl=sl)
    held.tp, held.sl = (tp, sl) if replace else (tp or held.tp, sl or held.sl)
    held.mtime = world.now
    tell(world, account, held, "UPDATE")
    return held


def _pair_of(account: Account, position: Position) -> Tpsl | None:
    mine = (o for o in account.tpsl.values() if o.position_id == position.position_id)
    return next((o for o in mine if o.kind == "POSITION_TPSL"), None)


def _find(account: Account, params: Params) -> Tpsl:
    wanted = ident(params, "orderId", "id")
    found = account.tpsl.get(wanted)
    if found is None:
        over = any(o.tpsl_id == wanted for o in account.tpsl_done)
        raise Refused(30011 if over else 20007)
    return found
