"""Accounts: wallet, modes, positions, orders, and the figures that follow from them (protocol sheet, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.sim.orders import Order, Tpsl, TradeRow
from engine.sim.positions import Position, liquidation_price
from engine.sim.spec import TAKER_FEE, ZERO, margin_for

Marks = Mapping[str, Decimal]


class Account(msgspec.Struct, kw_only=True):
    """One participant. ``wallet`` == ``initial`` + ``realised`` - ``fees`` + ``funding`` + ``insurance``, exactly.

    ``insurance`` is what the fund covers when a liquidation loses more than there was.
    """

    api_key: str
    secret: str
    initial: Decimal
    wallet: Decimal
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    insurance: Decimal = ZERO
    mode: str = "ONE_WAY"
    leverages: dict[str, int] = {}
    margin_modes: dict[str, str] = {}
    positions: dict[tuple[str, str], Position] = {}
    closed: list[Position] = []
    orders: dict[str, Order] = {}
    done: list[Order] = []
    by_client: dict[str, Order] = {}
    trades: list[TradeRow] = []
    tpsl: dict[str, Tpsl] = {}
    tpsl_done: list[Tpsl] = []
    shown_balance: tuple[Decimal, ...] = ()


def new_account(api_key: str, secret: str, balance: Decimal) -> Account:
    return Account(api_key=api_key, secret=secret, initial=balance, wallet=balance)


def is_cross(margin_mode: str) -> bool:
    return margin_mode == "CROSS"


def frozen_of(order: Order) -> Decimal:
    """Margin that a working order holds: qty × price / leverage; orders that can only close hold none."""
    return ZERO if order.reduce_only else margin_for(order.remaining * order.price, order.leverage)


def fee_reserve(order: Order) -> Decimal:
    """Worst-case fees of a working order: kept back from new orders, not shown on the wire."""
    return ZERO if order.reduce_only else order.remaining * order.price * TAKER_FEE


class Balance(msgspec.Struct, frozen=True):
    """Figures of the wire. available + cross and isolated frozen + cross and isolated margin == wallet, exactly."""

    available: Decimal
    cross_frozen: Decimal
    isolated_frozen: Decimal
    cross_margin: Decimal
    isolated_margin: Decimal

    @property
    def frozen(self) -> Decimal:
        return self.cross_frozen + self.isolated_frozen

    @property
    def margin(self) -> Decimal:
        return self.cross_margin + self.isolated_margin


def balance(account: Account) -> Balance:
    frozen = {True: ZERO, False: ZERO}
    margin = {True: ZERO, False: ZERO}
    for order in account.orders.values():
        frozen[is_cross(order.margin_mode)] += frozen_of(order)
    for position in account.positions.values():
        margin[is_cross(position.margin_mode)] += position.margin
    held = frozen[True] + frozen[False] + margin[True] + margin[False]
    return Balance(
        available=account.wallet - held,
        cross_frozen=frozen[True],
        isolated_frozen=frozen[False],
        cross_margin=margin[True],
        isolated_margin=margin[False],
    )


def unrealised(account: Account, marks: Marks, *, cross: bool) -> Decimal:
    return sum(
        (p.unrealised(marks[p.symbol]) for p in account.positions.values() if is_cross(p.margin_mode) == cross), ZERO
    )


def spendable(account: Account, marks: Marks) -> Decimal:
    """What a new order may use: available, less the fees of working orders and the cross positions' open loss."""
    reserved = sum((fee_reserve(order) for order in account.orders.values()), ZERO)
    return balance(account).available - reserved + min(ZERO, unrealised(account, marks, cross=True))


def cross_equity(account: Account, marks: Marks) -> Decimal:
    """What stands behind the cross positions: wallet without isolated margins, plus their open profit."""
    isolated = sum((p.margin for p in account.positions.values() if not is_cross(p.margin_mode)), ZERO)
    return account.wallet - isolated + unrealised(account, marks, cross=True)


def maintenance(account: Account, marks: Marks) -> Decimal:
    """Maintenance margin of all cross positions."""
    cross = (p for p in account.positions.values() if is_cross(p.margin_mode))
    return sum((p.maintenance(marks[p.symbol]) for p in cross), ZERO)


def backing(account: Account, position: Position, marks: Marks) -> Decimal:
    """What the account leaves for one position before it is liquidated."""
    if not is_cross(position.margin_mode):
        return position.margin
    mark = marks[position.symbol]
    others = maintenance(account, marks) - position.maintenance(mark)
    return cross_equity(account, marks) - position.unrealised(mark) - others


def liq_price(account: Account, position: Position, marks: Marks) -> Decimal:
    return liquidation_price(position, backing(account, position, marks), marks[position.symbol])


def margin_rate(account: Account, position: Position, marks: Marks) -> Decimal:
    """Maintenance margin over what backs it; at 1 the position is liquidated."""
    mark = marks[position.symbol]
    if is_cross(position.margin_mode):
        need, have = maintenance(account, marks), cross_equity(account, marks)
    else:
        need, have = position.maintenance(mark), position.margin + position.unrealised(mark)
    return need / have if have > 0 else Decimal(1)


def leverage_of(account: Account, symbol: str, default: int) -> int:
    return account.leverages.get(symbol, default)


def margin_mode_of(account: Account, symbol: str) -> str:
    return account.margin_modes.get(symbol, "CROSS")
