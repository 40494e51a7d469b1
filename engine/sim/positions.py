"""Positions in exact decimals: what opening, closing and funding do to one."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.ledger import share_of
from engine.sim import fillmodel
from engine.sim.spec import CENT8, ZERO, margin_for, tier_of


class Position(msgspec.Struct, kw_only=True):
    """One open (or closed) position. ``entry_value`` is Σ price × qty of what is still open: nothing is rounded away.

    ``gross`` is the realised profit before ``fee`` and ``funding``; ``extra`` is margin added by hand (isolated).
    """

    position_id: str
    symbol: str
    slot: str
    long: bool
    position_mode: str
    margin_mode: str
    leverage: int
    qty: Decimal = ZERO
    entry_value: Decimal = ZERO
    extra: Decimal = ZERO
    gross: Decimal = ZERO
    fee: Decimal = ZERO
    funding: Decimal = ZERO
    max_qty: Decimal = ZERO
    opened_qty: Decimal = ZERO
    opened_value: Decimal = ZERO
    closed_qty: Decimal = ZERO
    closed_value: Decimal = ZERO
    liquidated_qty: Decimal = ZERO
    ctime: int = 0
    mtime: int = 0

    @property
    def signed(self) -> Decimal:
        """Negative when short."""
        return self.qty if self.long else -self.qty

    @property
    def average(self) -> Decimal:
        return self.entry_value / self.qty if self.qty else ZERO

    @property
    def margin(self) -> Decimal:
        return margin_for(self.entry_value, self.leverage) + self.extra

    @property
    def net(self) -> Decimal:
        """Realised profit after fees, as the wire's ``realizedPNL``."""
        return self.gross - self.fee

    def unrealised(self, mark: Decimal) -> Decimal:
        value = mark * self.qty
        return value - self.entry_value if self.long else self.entry_value - value

    def maintenance(self, mark: Decimal) -> Decimal:
        value = mark * self.qty
        return value * tier_of(value).maintenance


def add(position: Position, price: Decimal, qty: Decimal, fee: Decimal, now: int) -> None:
    """Open more."""
    position.qty += qty
    position.entry_value += price * qty
    position.opened_qty += qty
    position.opened_value += price * qty
    position.fee += fee
    position.max_qty = max(position.max_qty, position.qty)
    position.mtime = now


def reduce(position: Position, price: Decimal, qty: Decimal, fee: Decimal, now: int) -> Decimal:
    """Close ``qty`` (≤ the position's) and return the realised profit before fees.

    A part releases its share of the entry value; the last part releases all that is left.
    """
    released = share_of(position.entry_value, qty, position.qty)
    profit = price * qty - released if position.long else released - price * qty
    position.extra -= share_of(position.extra, qty, position.qty)
    position.qty -= qty
    position.entry_value -= released
    position.closed_qty += qty
    position.closed_value += price * qty
    position.gross += profit
    position.fee += fee
    position.mtime = now
    return profit


def liquidation_price(position: Position, backing: Decimal, mark: Decimal) -> Decimal:
    """Mark price at which ``backing`` + unrealised profit meets the maintenance margin; zero means none.

    ``backing`` is the isolated margin, or in cross what the rest of the account leaves for this position.
    """
    rate = tier_of(mark * position.qty).maintenance
    paid = position.entry_value if position.long else -position.entry_value
    return fillmodel.liquidation_price(backing - paid, position.signed, rate * 100).quantize(CENT8)
