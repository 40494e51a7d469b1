"""What the passing of the market does to the participants: fills, triggers, funding, liquidation; in this order."""

from __future__ import annotations

from engine.sim.accounts import Account, cross_equity, is_cross, maintenance
from engine.sim.execution import cancel, closing_order, fill, submit, tell_balance
from engine.sim.matching import by_priority, match_book, match_print
from engine.sim.orders import Tpsl
from engine.sim.positions import Position
from engine.sim.protection import end_tpsl, struck, tell
from engine.sim.rules import funding_amount, liquidated
from engine.sim.source import MarketStep
from engine.sim.spec import FUNDING_MS, ZERO
from engine.sim.world import FundingRow, Market, World


def advance(world: World, symbol: str, step: MarketStep) -> None:
    """Carry one market forward by one step and settle everything that follows from it."""
    market = world.markets[symbol]
    before, rate = market.step.t_ms, market.funding_rate
    market.take_in(step)
    world.now = max(world.now, step.t_ms)
    _fill_resting(world, market, step)
    _strike(world, market, step)
    for settled in range((before // FUNDING_MS + 1) * FUNDING_MS, step.t_ms + 1, FUNDING_MS):
        row = FundingRow(settled, rate, market.mark)
        market.funding.append(row)
        _settle_funding(world, market, row)
    _liquidate(world)
    for account in world.accounts.values():
        tell_balance(world, account)


def _fill_resting(world: World, market: Market, step: MarketStep) -> None:
    owners = {
        order.order_id: account
        for account in world.accounts.values()
        for order in account.orders.values()
        if order.symbol == market.pair.symbol
    }
    if not owners:
        return
    resting = by_priority(owners[order_id].orders[order_id] for order_id in owners)
    for trade in step.prints:
        for order, price, qty in match_print(market.pair, [o for o in resting if o.working], trade):
            if order.working:
                fill(world, owners[order.order_id], order, price, qty, maker=True)
    for order, price, qty in match_book(market.book, [o for o in resting if o.working]):
        if order.working:
            fill(world, owners[order.order_id], order, price, qty, maker=True)


def _strike(world: World, market: Market, step: MarketStep) -> None:
    for account in world.accounts.values():
        for order in list(account.tpsl.values()):
            if order.symbol == market.pair.symbol and order.tpsl_id in account.tpsl:
                name = struck(order, step, market.pair)
                if name:
                    _trigger(world, account, order, name)


def _trigger(world: World, account: Account, guard: Tpsl, name: str) -> None:
    """Send the leg's reduce-only order; the other leg lives on only for the quantity that it has more."""
    leg, other = (guard.sl, guard.tp) if name == "sl" else (guard.tp, guard.sl)
    position = account.positions.get((guard.symbol, guard.slot))
    guard.trigger_time = world.now
    if leg is None or position is None or position.position_id != guard.position_id:
        end_tpsl(world, account, guard, "FAILED")
        return
    whole = guard.kind == "POSITION_TPSL" or leg.qty is None
    qty = position.qty if whole else min(leg.qty or ZERO, position.qty)
    left = ZERO if whole or other is None else (other.qty or ZERO) - (leg.qty or ZERO)
    if other is not None and left > 0:
        other.qty = left
        guard.tp, guard.sl = (other, None) if name == "sl" else (None, other)
        tell(world, account, guard, "UPDATE")
    else:
        end_tpsl(world, account, guard, "FILLED")
    submit(world, account, closing_order(world, position, qty, leg, origin="TPSL"))


def _settle_funding(world: World, market: Market, row: FundingRow) -> None:
    for account in world.accounts.values():
        for position in account.positions.values():
            if position.symbol != market.pair.symbol:
                continue
            payment = funding_amount(position.signed, row.mark, row.rate)
            position.funding += payment
            position.mtime = world.now
            account.wallet += payment
            account.funding += payment


def _liquidate(world: World) -> None:
    """Cancel the orders and close at mark what its margin no longer carries: cross as one, isolated each by itself."""
    for account in world.accounts.values():
        if not account.positions:
            continue
        marks = world.marks()
        cross = [p for p in account.positions.values() if is_cross(p.margin_mode)]
        if cross and liquidated(cross_equity(account, marks), maintenance(account, marks)):
            _close_by_force(world, account, cross)
            _insure(account)
        for position in list(account.positions.values()):
            mark = marks[position.symbol]
            if is_cross(position.margin_mode):
                continue
            if liquidated(position.margin + position.unrealised(mark), position.maintenance(mark)):
                margin, before = position.margin, account.wallet
                _close_by_force(world, account, [position])
                lost = before - account.wallet
                if lost > margin:
                    account.insurance += lost - margin
                    account.wallet += lost - margin


def _insure(account: Account) -> None:
    isolated = sum((p.margin for p in account.positions.values()), ZERO)
    missing = max(ZERO, isolated - account.wallet)
    account.insurance += missing
    account.wallet += missing


def _close_by_force(world: World, account: Account, positions: list[Position]) -> None:
    for position in positions:
        for order in [o for o in account.orders.values() if o.symbol == position.symbol]:
            cancel(world, account, order, "SYSTEM_CANCELED")
    for position in positions:
        order = closing_order(world, position, position.qty, None, origin="LIQUIDATION")
        position.liquidated_qty = position.qty
        account.orders[order.order_id] = order
        fill(world, account, order, world.markets[position.symbol].mark, order.qty, maker=False)
