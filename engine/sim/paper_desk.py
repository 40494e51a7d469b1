"""One symbol at the simulated venue: its orders, position and protective order, and what a fill does to them.

Money is exact: ``cash`` is what the account has after paying for its position, so equity is ``cash + qty × price``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import msgspec

from engine.core import ledger
from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.market import Instrument
from engine.model.orders import ZERO, Fill, Order, Position, Side, Stop
from engine.model.state import Account
from engine.sim.fillmodel import liquidation_price, slippage_bps, taken_price
from engine.sim.matching import Appetite, Book
from engine.sim.rules import funding_amount

INFINITE = float("inf")


class Working:
    """An order at the venue. It is live from ``live_t`` on and not before bar number ``live_bar``; on ticks ``queue`` is the
    quantity that stands before it.
    """

    __slots__ = ("left", "live_bar", "live_t", "order", "queue", "rests", "venue_id")

    def __init__(self, order: Order, venue_id: str, left: Decimal, live_t: int, live_bar: int) -> None:
        self.order = order
        self.venue_id = venue_id
        self.left = left
        self.live_t = live_t
        self.live_bar = live_bar
        self.queue = ZERO
        self.rests = False

    @property
    def buys(self) -> bool:
        return self.order.side == "BUY"

    @property
    def price(self) -> Decimal:
        return self.order.price or ZERO

    @property
    def remaining(self) -> Decimal:
        return self.left

    @property
    def rank(self) -> int:
        return self.live_t


@dataclass
class Desk:
    """``reports`` adds what a live venue says besides fills: acknowledgements, positions and the account."""

    instrument: Instrument
    model: FillModel
    chance: Callable[[], float]
    currency: str
    leverage: int
    reports: bool
    cash: Decimal
    account: Account
    position: Position
    qty: Decimal = ZERO
    orders: dict[str, Working] = field(default_factory=dict)
    stop: Stop | None = None
    bids: list[tuple[float, float]] = field(default_factory=list)
    asks: list[tuple[float, float]] = field(default_factory=list)
    last: float = 0.0
    mark: float = 0.0
    volume: float = 0.0
    bar: int = 0
    made: int = 0
    """Ids given out so far, for orders, trades and protective orders alike."""
    done: set[str] = field(default_factory=set)
    """Client ids that were taken once; an id is never taken twice."""
    funding: list[tuple[int, Decimal]] = field(default_factory=list)
    """(UTC nanoseconds, rate as a fraction), oldest first; ``settled`` of them are past."""
    settled: int = 0
    due: tuple[int, float] = (0, 0.0)
    """The next settlement that a live market announces: its time by the market's clock, and the rate."""
    now_ms: int = 0
    """Market time, of ticks."""
    book: Book | None = None
    """The book of ``bids`` and ``asks`` without what was taken from it; made when it is needed."""
    eaten: Appetite = field(default_factory=dict)

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def price(self) -> float:
        return self.mark or self.last

    def equity(self, price: float) -> float:
        return float(self.cash) + float(self.qty) * price


def numbered(desk: Desk, prefix: str) -> str:
    desk.made += 1
    return f"{prefix}{desk.made}"


def take_price(desk: Desk, base: float, side: Side, qty: Decimal, *, spread: bool) -> Decimal:
    """What a market order of ``qty`` pays around ``base``; ``spread`` adds half of the model's own."""
    model = desk.model
    against = model.spread_bps / 2 if spread else 0.0
    if model.slippage_bps:
        against += slippage_bps(
            model, float(qty), desk.volume, desk.chance() if model.slippage == "random" else 0.0
        )  # fmt: skip
    return taken_price(base, side == "BUY", against, desk.instrument)


def fill(desk: Desk, working: Working, qty: Decimal, price: Decimal, maker: bool, t: int) -> list[ev.Event]:
    """Fill ``qty`` of an order (a reduce-only one by no more than is held) and say everything that follows."""
    order, before = working.order, desk.qty
    reduces = order.reduce_only
    if reduces:
        held = -desk.qty if order.side == "BUY" else desk.qty
        if held <= 0:
            return [drop(desk, working, t, "reduce_only", "nothing is left to reduce")]
        qty = min(qty, held)
    working.left -= qty
    if not working.left:
        desk.orders.pop(order.client_id, None)
    out = execute(desk, working.venue_id, order.client_id, order.side, qty, price, maker, t)
    if not reduces and desk.qty and (order.stop is not None or order.target is not None):
        out += protect(desk, order.stop, order.target, t)
    return out + retire(desk, t) if desk.orders and before and before * desk.qty <= 0 else out


def execute(
    desk: Desk, venue_id: str, client_id: str, side: Side, qty: Decimal, price: Decimal, maker: bool, t: int
) -> list[ev.Event]:
    """One execution: money, position, and with the position's end the end of its protective order."""
    instrument = desk.instrument
    paid = price * qty
    fee = paid * (instrument.maker_fee if maker else instrument.taker_fee)
    before = desk.qty
    if side == "BUY":
        desk.qty = before + qty
        desk.cash -= paid + fee
    else:
        desk.qty = before - qty
        desk.cash += paid - fee
    row = Fill(t, instrument.symbol, numbered(desk, "t"), venue_id, client_id, side, qty, price, fee, maker)
    out: list[ev.Event] = [ev.FillReport(t, row)]
    if desk.stop is not None and before and before * desk.qty <= 0:
        out.append(ev.StopReport(t, desk.stop, "CANCELLED"))
        desk.stop = None
    if desk.reports:
        ledger.book_fill(desk.account, desk.position, msgspec.structs.replace(row), None)
        out += told(desk, t)
    return out


def told(desk: Desk, t: int, source: Literal["push", "snapshot"] = "push") -> list[ev.Event]:
    """The venue's word on the position and the account."""
    price = desk.price or float(desk.position.entry)
    wallet, margin = desk.account.wallet, abs(desk.qty) * desk.position.entry / desk.leverage
    cross = liquidation_price(float(desk.cash), float(desk.qty), desk.model.maintenance_pct)
    equity = wallet + desk.qty * (Decimal(repr(price)) - desk.position.entry)
    position_id = f"p-{desk.symbol}" if desk.qty else ""
    return [
        ev.PositionReport(
            t, desk.symbol, desk.qty, desk.position.entry, position_id, cross or None, desk.leverage, "CROSS", source
        ),
        ev.AccountReport(t, desk.currency, wallet, max(ZERO, equity - margin), margin, ZERO),
    ]


def protect(desk: Desk, stop: Decimal | None, target: Decimal | None, t: int) -> list[ev.Event]:
    """Put or move the position's protective order."""
    if stop is None and target is None:
        return []
    name = desk.stop.stop_id if desk.stop is not None else numbered(desk, "s")
    standing = Stop(name, desk.symbol, None, stop, target, t)
    if desk.stop is not None and desk.stop.stop == stop and desk.stop.target == target:
        return []
    desk.stop = standing
    return [ev.StopReport(t, standing, "NEW")]


def drop(desk: Desk, working: Working, t: int, code: str, message: str, status: str = "CANCELLED") -> ev.OrderReport:
    """The end of an order that was not (wholly) filled."""
    desk.orders.pop(working.order.client_id, None)
    return report(desk, working, status, t, code, message)


def report(
    desk: Desk, working: Working, status: str, t: int, code: str = "", message: str = "", source: str = "push"
) -> ev.OrderReport:
    order = working.order
    return ev.OrderReport(
        t, order.client_id, working.venue_id, desk.symbol, status, order.qty - working.left, code, message, source,  # type: ignore[arg-type]
        order.side, order.qty, order.price, order.reduce_only
    )  # fmt: skip


def close_out(desk: Desk, price: float, t: int, why: str, *, spread: bool = True) -> list[ev.Event]:
    """The venue's own market order out of the whole position: a released stop or target, or a liquidation."""
    if not desk.qty:
        return []
    side: Side = "SELL" if desk.qty > 0 else "BUY"
    qty = abs(desk.qty)
    return leave(desk, [(qty, take_price(desk, price, side, qty, spread=spread))], t, why)


def leave(desk: Desk, takes: list[tuple[Decimal, Decimal]], t: int, why: str) -> list[ev.Event]:
    """The executions (quantity, price) of the venue's own order, and what becomes of the protective and of closing orders."""
    side: Side = "SELL" if desk.qty > 0 else "BUY"
    released, desk.stop = desk.stop, None
    venue_id = numbered(desk, "v")
    out: list[ev.Event] = []
    for qty, price in takes:
        out += execute(desk, venue_id, "", side, qty, price, False, t)
    if released is not None:
        out.append(ev.StopReport(t, released, "TRIGGERED" if why in {"stop", "target"} else "CANCELLED"))
    return out if desk.qty else out + retire(desk, t)


def retire(desk: Desk, t: int) -> list[ev.Event]:
    """The position is gone, and with it the orders that could only reduce it."""
    closing = [w for w in desk.orders.values() if w.order.reduce_only]
    return [drop(desk, working, t, "reduce_only", "nothing is left to reduce") for working in closing]


def liquidation(desk: Desk) -> float:
    """Price at which the venue closes the position; zero when there is none."""
    if not desk.qty or not desk.model.liquidation:
        return 0.0
    return liquidation_price(float(desk.cash), float(desk.qty), desk.model.maintenance_pct)


def bounds(desk: Desk) -> tuple[float, float]:
    """Prices between which (exclusively) nothing happens to the position."""
    low, high = 0.0, INFINITE
    if not desk.qty:
        return low, high
    long = desk.qty > 0
    stop = desk.stop
    level = liquidation(desk)
    if stop is None:
        return (level, high) if long else (low, level or high)
    losing = [float(stop.stop)] if stop is not None and stop.stop is not None else []
    losing += [level] if level else []
    winning = [float(stop.target)] if stop is not None and stop.target is not None else []
    if long:
        return max([low, *losing]), min([high, *winning])
    return max([low, *winning]), min([high, *losing])


def settle_funding(desk: Desk, until: int, price: float) -> list[ev.Event]:
    """Funding up to and with ``until``, on the position as it is, at ``price``: longs pay a positive rate."""
    out: list[ev.Event] = []
    table = desk.funding
    while desk.settled < len(table) and table[desk.settled][0] <= until:
        t, rate = table[desk.settled]
        desk.settled += 1
        if not desk.qty or not price or not rate:
            continue
        amount = funding_amount(desk.qty, Decimal(repr(price)), rate)
        desk.cash += amount
        out.append(ev.FundingPaid(t, desk.symbol, amount))
        if desk.reports:
            ledger.book_funding(desk.account, desk.position, amount)
            out += told(desk, t)
    return out
