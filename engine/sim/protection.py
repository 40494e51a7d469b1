"""Take-profit and stop-loss orders: their legs, their checks, and how they live with their position."""

from __future__ import annotations

from decimal import Decimal

from engine.sim.accounts import Account, liq_price
from engine.sim.orders import Leg, Order, Tpsl
from engine.sim.positions import Position
from engine.sim.refusals import Refused
from engine.sim.rules import reached
from engine.sim.source import MarketStep
from engine.sim.spec import ZERO, Pair
from engine.sim.wire import tpsl_push
from engine.sim.world import Market, World

WRONG_SIDE: dict[tuple[str, bool, str], int] = {
    ("tp", True, "ENTRY"): 30008,
    ("tp", False, "ENTRY"): 30007,
    ("sl", True, "ENTRY"): 30010,
    ("sl", False, "ENTRY"): 30009,
    ("tp", True, "MARK_PRICE"): 30020,
    ("tp", False, "MARK_PRICE"): 30021,
    ("sl", True, "MARK_PRICE"): 30023,
    ("sl", False, "MARK_PRICE"): 30022,
    ("tp", True, "LAST_PRICE"): 30026,
    ("tp", False, "LAST_PRICE"): 30027,
    ("sl", True, "LAST_PRICE"): 30029,
    ("sl", False, "LAST_PRICE"): 30028,
}
"""(leg, long, reference) → code, when the trigger is on the wrong side of the reference price."""


def check_legs(tp: Leg | None, sl: Leg | None, long: bool, market: Market, entry: Decimal | None = None) -> None:
    """Refuse triggers on the wrong side of ``entry`` (a limit order's price), or of mark or last."""
    for name, leg in (("tp", tp), ("sl", sl)):
        if leg is None:
            continue
        if leg.trigger <= 0:
            raise Refused(30041)
        current = market.mark if leg.stop_type == "MARK_PRICE" else market.last
        reference, label = (current, leg.stop_type) if entry is None else (entry, "ENTRY")
        must_be_above = (name == "tp") == long
        if leg.trigger <= reference if must_be_above else leg.trigger >= reference:
            raise Refused(WRONG_SIDE[name, long, label])


def check_liquidation(world: World, account: Account, position: Position, sl: Leg | None) -> None:
    """A stop beyond the liquidation price would never be reached."""
    liquidation = liq_price(account, position, world.marks())
    if sl is None or liquidation <= 0:
        return
    if position.long and sl.trigger <= liquidation:
        raise Refused(30024)
    if not position.long and sl.trigger >= liquidation:
        raise Refused(30025)


def check_qty(position: Position, tp: Leg | None, sl: Leg | None, min_qty: Decimal) -> None:
    """Quantities of legs against the position's; a leg without one gets the whole position."""
    for leg in (tp, sl):
        if leg is None:
            continue
        if leg.qty is None:
            leg.qty = position.qty
        if leg.qty < min_qty:
            raise Refused(30017)
        if leg.qty > position.qty:
            raise Refused(30038)


def new_tpsl(world: World, account: Account, position: Position, kind: str, *, tp: Leg | None, sl: Leg | None) -> Tpsl:
    """Put a protective order in force."""
    order = Tpsl(
        tpsl_id=world.order_id(),
        kind=kind,
        position_id=position.position_id,
        symbol=position.symbol,
        slot=position.slot,
        long=position.long,
        margin_mode=position.margin_mode,
        position_mode=position.position_mode,
        leverage=position.leverage,
        tp=tp,
        sl=sl,
        ctime=world.now,
        mtime=world.now,
    )
    account.tpsl[order.tpsl_id] = order
    tell(world, account, order, "CREATE")
    return order


def grow_attached(world: World, account: Account, entry: Order, position: Position, opened: Decimal) -> None:
    """The legs of an entry order become a protective order at its first fill, and grow with every further one."""
    if (entry.tp is None and entry.sl is None) or opened <= 0:
        return
    held = account.tpsl.get(entry.tpsl_id)
    if held is None:
        tp, sl = (_sized(leg, opened) for leg in (entry.tp, entry.sl))
        entry.tpsl_id = new_tpsl(world, account, position, "TPSL", tp=tp, sl=sl).tpsl_id
        return
    for leg in (held.tp, held.sl):
        if leg is not None:
            leg.qty = (leg.qty or ZERO) + opened
    held.mtime = world.now
    tell(world, account, held, "UPDATE")


def _sized(leg: Leg | None, qty: Decimal) -> Leg | None:
    return None if leg is None else Leg(leg.trigger, leg.stop_type, leg.order_type, leg.order_price, qty)


def end_tpsl(world: World, account: Account, order: Tpsl, status: str) -> None:
    """FILLED (triggered), CANCELED, SYSTEM_CANCELED or FAILED."""
    if account.tpsl.pop(order.tpsl_id, None) is None:
        return
    order.status = status
    order.mtime = world.now
    account.tpsl_done.append(order)
    tell(world, account, order, "CLOSE")


def position_gone(world: World, account: Account, position: Position) -> None:
    """Nothing is left to protect."""
    for order in [o for o in account.tpsl.values() if o.position_id == position.position_id]:
        end_tpsl(world, account, order, "SYSTEM_CANCELED")


def tell(world: World, account: Account, order: Tpsl, event: str) -> None:
    pair = world.markets[order.symbol].pair
    world.push(account, "tpsl", tpsl_push(world.faults, pair, order, event))


def struck(order: Tpsl, step: MarketStep, pair: Pair) -> str:
    """Which leg the step triggers: ``sl``, ``tp`` or nothing. If both could have been, the stop comes first.

    An order born in this very step has not seen its prints.
    """
    prints = [] if order.ctime >= step.t_ms else [trade.price for trade in step.prints]
    mark, seen = pair.price(step.mark), [pair.price(price) for price in (*prints, step.last)]
    for name, leg in (("sl", order.sl), ("tp", order.tp)):
        if leg is None:
            continue
        low, high = (mark, mark) if leg.stop_type == "MARK_PRICE" else (min(seen), max(seen))
        if reached(leg.trigger, low, high, stop=name == "sl", long=order.long):
            return name
    return ""
