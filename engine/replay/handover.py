"""From a recorded venue to a simulated one: when that can be done without loss, and the simulated venue in that state."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.fold.base import position_delta
from engine.core.orders import working
from engine.model.fill_settings import FillModel
from engine.model.market import Instrument
from engine.model.orders import ZERO, Order, Position, Stop, sign
from engine.model.settings import Profile
from engine.model.state import Market, State
from engine.sim.paper import PaperVenue
from engine.sim.paper_desk import Desk, Working
from engine.sim.paper_feed import IDS_A_DESK
from engine.sim.paper_ticks import join_queue

ANSWER_NS = 5_000_000_000
"""For so long an answer about a stop may be on its way."""


def settled(state: State) -> bool:
    """Whether the state holds everything that the venue knows: no answer, fill or stop is on its way."""
    if not state.account.known or not state.snapshot_t or state.doubt or state.snapshot_asked_t > state.snapshot_t:
        return False
    if not any(market.instrument for market in state.markets.values()):
        return False
    if not all(_order_settled(state, state.orders[client_id]) for client_id in state.open_orders):
        return False
    return all(_position_settled(state, position) for position in state.positions.values())


def _order_settled(state: State, order: Order) -> bool:
    if not working(order):
        return True
    if order.status not in ("ACCEPTED", "PARTIALLY_FILLED") or order.price is None or not _listed(state, order.symbol):
        return False
    return not order.ending and not order.cancel_sent_t and (order.status == "ACCEPTED" or order.filled > 0)


def _position_settled(state: State, position: Position) -> bool:
    if position_delta(position):
        return False
    if not position.qty:
        return True
    if not _listed(state, position.symbol):
        return False
    naked = position.naked_since and state.t - position.naked_since < ANSWER_NS
    moving = position.wanted_stop != position.stop and state.t - position.protect_t < ANSWER_NS
    return not naked and not moving


def _listed(state: State, symbol: str) -> Instrument | None:
    market = state.markets.get(symbol)
    return market.instrument if market is not None else None


def carried(state: State, profile: Profile, model: FillModel) -> PaperVenue:
    """A simulated venue that holds the account, positions, protective and working orders of a settled ``state``.

    Working orders are the state's own objects, as the simulated venue wants them; a limit joins the end of its queue.
    """
    listed = [market.instrument for market in state.markets.values() if market.instrument is not None]
    venue = PaperVenue(
        listed, model, state.account.wallet, by="ticks", currency=state.account.currency, leverage=profile.trading.leverage
    )  # fmt: skip
    account = msgspec.structs.replace(state.account)
    share = state.account.wallet / len(listed)
    for n, desk in enumerate(venue.desks.values()):
        desk.account = account
        desk.made = state.seq + n * IDS_A_DESK  # ids that neither the recording nor another desk has
        _give_position(desk, state, share)
        _give_market(desk, state.markets[desk.symbol])
        _give_orders(desk, state)
    return venue


def _give_position(desk: Desk, state: State, share: Decimal) -> None:
    position = msgspec.structs.replace(state.positions.get(desk.symbol) or Position(symbol=desk.symbol))
    desk.position, desk.qty = position, position.qty
    desk.cash = share - (position.cost * sign(position.side) if position.qty else ZERO)
    standing = [stop for stop in state.stops.values() if stop.symbol == desk.symbol]
    if position.qty and standing:
        target = next((stop.target for stop in standing if stop.target is not None), None)
        desk.stop = Stop(standing[0].stop_id, desk.symbol, None, position.stop, target, standing[0].t)


def _give_market(desk: Desk, market: Market) -> None:
    desk.bids, desk.asks, desk.last, desk.mark = market.bids, market.asks, market.last, market.mark
    desk.due = (market.next_funding_t, market.funding_rate or 0.0)


def _give_orders(desk: Desk, state: State) -> None:
    desk.done = set(state.orders)
    for client_id in state.open_orders:
        order = state.orders[client_id]
        if order.symbol != desk.symbol or not working(order) or order.price is None:
            continue
        desk.orders[client_id] = Working(order, order.venue_id, order.left, 0, 0)
        join_queue(desk, desk.orders[client_id])
