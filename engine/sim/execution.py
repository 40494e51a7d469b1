"""Orders meet the book, fills meet positions and wallets, and every change is told on the private channels."""

from __future__ import annotations

from decimal import Decimal

from engine.sim.accounts import Account, balance, spendable
from engine.sim.faults import use
from engine.sim.matching import Take, stays, walk
from engine.sim.orders import Leg, Order, TradeRow
from engine.sim.positions import Position, add, reduce
from engine.sim.protection import grow_attached, position_gone
from engine.sim.refusals import Refused
from engine.sim.rules import protected
from engine.sim.spec import MAKER_FEE, TAKER_FEE, ZERO, margin_for, open_limit
from engine.sim.wire import balance_push, order_push, position_push
from engine.sim.world import Market, World

AT_ONCE = frozenset({"IOC", "FOK"})


def submit(world: World, account: Account, order: Order) -> None:
    """Accept an order and let it trade. Raises ``Refused`` before anything has changed."""
    market = world.markets[order.symbol]
    limit = _protection(market, order.buys) if order.kind == "MARKET" else order.price
    qty = closable(account, order) if order.reduce_only else order.qty
    takes = walk(market.book, order.buys, min(qty, order.qty), limit)
    check_funds(world, account, order, [] if order.effect == "POST_ONLY" else takes)
    order.ctime = order.mtime = world.now
    account.orders[order.order_id] = order
    if order.client_id:
        account.by_client[order.client_id] = order
    tell_order(world, account, order, "CREATE")
    if use(world.faults, "accept_then_reject") or not stays(order.effect, takes, min(qty, order.qty)):
        cancel(world, account, order)
        return
    _trade_now(world, account, market, order, takes)


def amend(world: World, account: Account, order: Order, qty: Decimal, price: Decimal) -> None:
    """Change a working limit order; it goes to the end of the queue and may trade at once."""
    market = world.markets[order.symbol]
    before = (order.qty, order.price)
    del account.orders[order.order_id]
    order.qty, order.price = qty, price
    room = closable(account, order) if order.reduce_only else order.remaining
    takes = walk(market.book, order.buys, min(room, order.remaining), price)
    try:
        check_funds(world, account, order, [] if order.effect == "POST_ONLY" else takes)
    except Refused:
        order.qty, order.price = before
        raise
    finally:
        account.orders[order.order_id] = order
    order.mtime = world.now
    tell_order(world, account, order, "UPDATE")
    if not stays(order.effect, takes, ZERO):
        cancel(world, account, order)
        return
    _trade_now(world, account, market, order, takes)


def _trade_now(world: World, account: Account, market: Market, order: Order, takes: list[Take]) -> None:
    market.book.consume(order.buys, takes)
    for take in takes:
        fill(world, account, order, take.price, take.qty, maker=False)
    if order.working and (order.kind == "MARKET" or order.effect in AT_ONCE):
        cancel(world, account, order)
    elif order.working:
        order.queue = market.book.visible(order.buys, order.price)
    tell_balance(world, account)


def _protection(market: Market, buys: bool) -> Decimal:
    levels = market.book.against(buys)
    return protected(buys, market.mark, levels[0].price if levels else market.mark, market.pair.protect_scope)


def opposite(account: Account, order: Order) -> Position | None:
    """The position that the order would reduce."""
    position = account.positions.get((order.symbol, order.slot))
    return position if position is not None and position.long != order.buys else None


def closable(account: Account, order: Order) -> Decimal:
    position = opposite(account, order)
    return position.qty if position is not None else ZERO


def check_funds(world: World, account: Account, order: Order, takes: list[Take]) -> None:
    """Refuse what the wallet cannot carry (20003) or the leverage's tier does not allow (20002)."""
    if order.reduce_only:
        return
    position = opposite(account, order)
    closing = position.qty if position is not None else ZERO
    taken = sum((take.qty for take in takes), ZERO)
    resting = ZERO if order.kind == "MARKET" or order.effect in AT_ONCE else (order.remaining - taken) * order.price
    opening, freed, fees = ZERO, ZERO, resting * TAKER_FEE
    for price, qty in takes:
        part = min(qty, closing)
        closing -= part
        opening += price * (qty - part)
        fees += price * qty * TAKER_FEE
        if position is not None and part:
            entry = position.entry_value * part / position.qty
            freed += margin_for(entry, position.leverage) + (part * price - entry) * (1 if position.long else -1)
    if not opening and not resting:
        return
    need = margin_for(opening, order.leverage) + margin_for(resting, order.leverage) + fees
    if need > spendable(account, world.marks()) + freed:
        raise Refused(20003)
    same = account.positions.get((order.symbol, order.slot))
    held = same.entry_value if same is not None and same.long == order.buys else ZERO
    waiting = sum(
        (
            o.remaining * o.price
            for o in account.orders.values()
            if o.symbol == order.symbol and o.buys == order.buys and not o.reduce_only
        ),
        ZERO,
    )
    if held + waiting + opening + resting > open_limit(order.leverage):
        raise Refused(20002)


def fill(world: World, account: Account, order: Order, price: Decimal, qty: Decimal, *, maker: bool) -> None:
    """One fill: at most what is left, and for reduce-only at most the position; tells order, position and trade."""
    qty = min(qty, order.remaining, closable(account, order) if order.reduce_only else order.remaining)
    if qty <= 0:
        if order.working:
            cancel(world, account, order)
        return
    rate = MAKER_FEE if maker else TAKER_FEE
    fee = price * qty * rate
    position = opposite(account, order)
    closing = min(qty, position.qty) if position is not None else ZERO
    profit = ZERO
    changed: list[tuple[Position, str]] = []
    if position is not None:
        profit = reduce(position, price, closing, price * closing * rate, world.now)
        changed.append((position, "UPDATE" if position.qty else "CLOSE"))
    opened = qty - closing
    if opened:
        entered, event = _enter(world, account, order)
        add(entered, price, opened, price * opened * rate, world.now)
        changed.append((entered, event))
    account.wallet += profit - fee
    account.realised += profit
    account.fees += fee
    order.filled += qty
    order.value += price * qty
    order.fee += fee
    order.realised += profit
    order.mtime = world.now
    order.status = "PART_FILLED" if order.remaining else "FILLED"
    if not order.remaining:
        _archive(account, order)
    account.trades.append(
        _trade(world, order, changed[0][0].position_id, Take(price, qty), fee=fee, realised=profit, maker=maker)
    )
    tell_order(world, account, order, "CLOSE" if order.status == "FILLED" else "UPDATE")
    for touched, event in changed:
        if event == "CLOSE":
            _retire(world, account, touched)
        tell_position(world, account, touched, event)
    if opened:
        grow_attached(world, account, order, changed[-1][0], opened)


def _enter(world: World, account: Account, order: Order) -> tuple[Position, str]:
    """The position that an opening fill adds to, a new one if there is none."""
    key = (order.symbol, order.slot)
    held = account.positions.get(key)
    if held is not None:
        if held.qty:
            return held, "UPDATE"
        _retire(world, account, held)
    fresh = Position(
        position_id=world.position_id(),
        symbol=order.symbol,
        slot=order.slot,
        long=order.buys,
        position_mode=order.position_mode,
        margin_mode=order.margin_mode,
        leverage=order.leverage,
        ctime=world.now,
        mtime=world.now,
    )
    account.positions[key] = fresh
    return fresh, "OPEN"


def _retire(world: World, account: Account, position: Position) -> None:
    """A closed position leaves the books, with its protective orders and the orders that could only reduce it."""
    key = (position.symbol, position.slot)
    if account.positions.get(key) is position:
        del account.positions[key]
    if position not in account.closed:
        account.closed.append(position)
    position_gone(world, account, position)
    for order in list(account.orders.values()):
        if order.reduce_only and (order.symbol, order.slot) == key and order.buys != position.long:
            cancel(world, account, order)


def _trade(
    world: World, order: Order, position_id: str, take: Take, *, fee: Decimal, realised: Decimal, maker: bool
) -> TradeRow:
    return TradeRow(
        trade_id=world.trade_id(),
        order_id=order.order_id,
        client_id=order.client_id,
        position_id=position_id,
        symbol=order.symbol,
        qty=take.qty,
        price=take.price,
        side=order.side,
        buys=order.buys,
        kind=order.kind,
        effect=order.effect,
        reduce_only=order.reduce_only,
        position_mode=order.position_mode,
        margin_mode=order.margin_mode,
        leverage=order.leverage,
        fee=fee,
        realised=realised,
        maker=maker,
        ctime=world.now,
    )


def closing_order(world: World, position: Position, qty: Decimal, leg: Leg | None, *, origin: str) -> Order:
    """A reduce-only order against the position: at market, or at the leg's limit price."""
    limit = leg.order_price if leg is not None and leg.order_type == "LIMIT" else None
    hedge = position.slot != "NET"
    return Order(
        order_id=world.order_id(),
        client_id="",
        symbol=position.symbol,
        side="BUY" if position.long == hedge else "SELL",
        buys=not position.long,
        kind="MARKET" if limit is None else "LIMIT",
        effect="IOC" if limit is None else "GTC",
        qty=qty,
        price=ZERO if limit is None else limit,
        slot=position.slot,
        reduce_only=True,
        position_mode=position.position_mode,
        margin_mode=position.margin_mode,
        leverage=position.leverage,
        origin=origin,
        ctime=world.now,
        mtime=world.now,
    )


def cancel(world: World, account: Account, order: Order, status: str = "") -> None:
    """End a working order; what it had filled stays."""
    order.status = status or ("PART_FILLED_CANCELED" if order.filled else "CANCELED")
    order.mtime = world.now
    _archive(account, order)
    tell_order(world, account, order, "CLOSE")
    tell_balance(world, account)


def _archive(account: Account, order: Order) -> None:
    if account.orders.pop(order.order_id, None) is not None:
        account.done.append(order)


def tell_order(world: World, account: Account, order: Order, event: str) -> None:
    pair = world.markets[order.symbol].pair
    world.push(account, "order", order_push(world.faults, pair, order, event))


def tell_position(world: World, account: Account, position: Position, event: str) -> None:
    market = world.markets[position.symbol]
    world.push(account, "position", position_push(world.faults, market.pair, position, event, market.mark))


def tell_balance(world: World, account: Account) -> None:
    """Push the balance if it changed since the last push."""
    now = balance(account)
    shown = (now.available, now.cross_frozen, now.isolated_frozen, now.cross_margin, now.isolated_margin)
    if shown != account.shown_balance:
        account.shown_balance = shown
        world.push(account, "balance", balance_push(now))
