"""What every part of the fold uses: finding an entry of the state, keeping rows, and judging whether numbers can be true."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.model.orders import ZERO, Fill, Position
from engine.model.state import ROWS_KEPT, Link, LogLine, Market, State

HUGE = 1e15
"""No price, quantity or amount of money is larger; what is has been misread."""
LARGEST, LEAST = Decimal("1e15"), Decimal("1e-12")


def market_of(state: State, symbol: str) -> Market:
    market = state.markets.get(symbol)
    if market is None:
        market = state.markets[symbol] = Market(symbol)
    return market


def position_of(state: State, symbol: str) -> Position:
    position = state.positions.get(symbol)
    if position is None:
        position = state.positions[symbol] = Position(symbol=symbol)
    return position


def link_of(state: State, name: str) -> Link:
    link = state.links.get(name)
    if link is None:
        link = state.links[name] = Link(name)
    return link


def log(state: State, kind: str, level: str, text: str, client_id: str = "") -> None:
    keep(state.log, LogLine(state.t, state.seq, kind, level, text, client_id))


def keep(rows: list[Any], row: object, most: int = ROWS_KEPT) -> None:
    """Append, and now and then forget the oldest: linear in the number of rows over a whole session."""
    rows.append(row)
    if len(rows) > most + most // 4:
        del rows[: len(rows) - most]


def heard(state: State, link: str, t: int) -> None:
    entry = state.links.get(link) or link_of(state, link)
    entry.last_t = t
    entry.messages += 1


def is_price(value: float) -> bool:
    """A price that can be one: also False for what is not a number."""
    return 0.0 < value < HUGE


def is_amount(*values: Decimal | None) -> bool:
    for value in values:  # noqa: SIM110  # twice as fast as all(), for every fill and report
        if value is not None and not (value.is_finite() and -LARGEST < value < LARGEST):
            return False
    return True


def impossible(state: State, link: str, what: str) -> None:
    """A message whose numbers cannot be true is counted and changes nothing else."""
    link_of(state, link).bad += 1
    log(state, "bad", "warning", f"impossible numbers in {what}: ignored")


def position_delta(position: Position) -> Decimal:
    """What the venue holds beyond what our fills say; zero while the venue has said nothing."""
    return ZERO if position.venue_qty is None else position.venue_qty - position.qty


def ours(state: State, client_id: str) -> bool:
    """Whether a client id is of a kind that only this or an earlier session of the account gives out."""
    tag, _, number = client_id.rpartition("-")
    return number.isdecimal() and bool(tag) and (tag == state.session.tag or tag in state.recovery.tags)


def foreign_growth(state: State, fill: Fill) -> bool:
    """While the account is being taken over: an execution that nobody of us asked for and that opens or grows a position.

    It is not booked: what it made is foreign, and shows as a difference to the venue's position.
    """
    recovery = state.recovery
    if not recovery.open or fill.client_id in state.orders or ours(state, fill.client_id):
        return False
    position = state.positions.get(fill.symbol)
    held = position.qty if position is not None else ZERO
    change = fill.qty if fill.side == "BUY" else -fill.qty
    return held * change >= 0 or abs(change) > abs(held)
