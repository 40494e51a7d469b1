"""What fills do to positions and money: exact decimals, average-price accounting, one position a symbol.

An opening fill moves the mean entry price; a closing fill realises (exit − entry) × quantity, signed; a fill through
zero closes first and opens the rest at its own price. What was paid is kept exactly, so over a whole trade nothing is
lost to rounding. Fees come off the wallet with every fill, funding when it is settled.
"""

from __future__ import annotations

from decimal import Decimal

from engine.model.orders import ZERO, Fill, Order, Position, Trade
from engine.model.state import Account

GRID = Decimal("1e-12")
"""Shares of a cost or a fee are whole multiples of this, so that every later sum is exact."""
GRID_BELOW = Decimal("1e15")
ONE, MINUS = Decimal(1), Decimal(-1)


def book_fill(account: Account, position: Position, fill: Fill, order: Order | None) -> Trade | None:
    """Apply one fill; sets ``fill.realised`` and returns the finished trade when the position is flat (or flipped)."""
    held, qty, fee = position.qty, fill.qty, fill.fee
    buys = fill.side == "BUY"
    fill.realised = ZERO
    account.fees += fee
    account.wallet -= fee
    was_long = held > ZERO
    if not held or was_long is buys:
        _open(position, qty if buys else -qty, fill, order)
        position.fees += fee
        return None
    size = abs(held)
    closing = min(qty, size)
    share = share_of(fee, closing, qty)
    paid = share_of(position.cost, closing, size)
    position.cost -= paid
    realised = (fill.price * closing - paid) * (ONE if was_long else MINUS)
    fill.realised = realised
    account.realised += realised
    account.wallet += realised
    position.realised += realised
    position.fees += share
    position.qty = held - closing if was_long else held + closing
    if position.qty:
        return None
    trade = _trade(position, fill, order, was_long)
    rest = qty - closing
    _clear(position)
    if rest:
        _open(position, rest if buys else -rest, fill, order)
        position.fees += fee - share
    return trade


def book_funding(account: Account, position: Position | None, amount: Decimal) -> None:
    account.funding += amount
    account.wallet += amount
    if position is not None:
        position.funding += amount


def adopt(position: Position, qty: Decimal, entry: Decimal, t: int) -> None:
    """Take over a position that the venue holds and we did not open; nothing is realised."""
    if not position.qty or position.qty * qty < 0:
        _clear(position)
        position.opened_t = t
    position.qty = qty
    position.entry = entry
    position.cost = _on_grid(entry * abs(qty))
    position.peak_qty = max(position.peak_qty, abs(qty))
    if not qty:
        _clear(position)


def share_of(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """``whole`` × ``part`` / ``of`` on the grid; all of it when the part is all."""
    return whole if part == of else _on_grid(whole * part / of)


def _on_grid(value: Decimal) -> Decimal:
    return value.quantize(GRID) if abs(value) < GRID_BELOW else value


def _open(position: Position, change: Decimal, fill: Fill, order: Order | None) -> None:
    price = fill.price
    if not position.qty:
        _clear(position)
        position.opened_t = fill.t
        position.best = float(price)
        if order is not None:
            position.strategy, position.why = order.strategy, order.why
            position.target = order.target
            if order.stop is not None:
                position.wanted_stop = order.stop
                position.risk_per_unit = abs(price - order.stop)
    total = position.qty + change
    size = abs(total)
    position.cost += price * abs(change)
    position.entry = position.cost / size
    position.qty = total
    position.peak_qty = max(position.peak_qty, size)


def _clear(position: Position) -> None:
    """Everything that belongs to one trade goes; what the venue said of the account stays."""
    position.qty = position.entry = position.cost = position.peak_qty = position.realised = position.fees = (
        position.funding
    ) = ZERO
    position.opened_t = position.bars = position.naked_since = position.protect_t = position.protect_tries = 0
    position.stop = position.wanted_stop = position.target = position.risk_per_unit = None
    position.strategy = position.why = ""
    position.stale = position.trailing = False
    position.best = 0.0
    position.close_t = 0


def _trade(position: Position, fill: Fill, order: Order | None, was_long: bool) -> Trade:
    pnl = position.realised - position.fees + position.funding
    size = position.peak_qty
    risk = position.risk_per_unit * size if position.risk_per_unit else None
    exit_price = position.entry + position.realised / size * (ONE if was_long else MINUS)
    r = float(pnl / risk) if risk else None
    return Trade(
        position.symbol, "BUY" if was_long else "SELL", size, position.opened_t, fill.t, position.entry, exit_price,
        pnl, position.fees, position.funding, r, position.bars, position.strategy, position.why,
        _exit_why(position, fill, order),
    )  # fmt: skip


def _exit_why(position: Position, fill: Fill, order: Order | None) -> str:
    """What closed it: the reason of our own order, else whichever of stop and target is nearer to the price."""
    if order is not None and order.role == "exit" and order.sent_t:
        return order.why or "exit"
    levels = (
        (position.stop or position.wanted_stop, "trailing stop" if position.trailing else "stop"),
        (position.target, "target"),
    )
    near = [(abs(fill.price - level), name) for level, name in levels if level is not None]
    return min(near)[1] if near else "closed at the venue"
