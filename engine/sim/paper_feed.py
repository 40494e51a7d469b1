"""What a session on paper and a re-run of its recording must do alike: the account that is opened, and what reaches it.

Both give the simulated venue an event after the trader has folded it, take the venue's answers to it first and then those to
the trader's decisions, and hand the answers to the trader one by one, each followed by the answers that it leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from engine.core.fold.base import HUGE
from engine.model import events as ev
from engine.model.market import Instrument
from engine.model.settings import Profile
from engine.model.state import State
from engine.sim.paper import PaperVenue

IDS_A_DESK = 1_000_000_000
"""Ids are counted by symbol: each symbol has its own range, so that no id is given out twice."""
Opening = Callable[[Profile, Iterable[Instrument]], PaperVenue]


def open_account(profile: Profile, instruments: Iterable[Instrument]) -> PaperVenue:
    """The simulated venue of a profile, on ticks, with a fresh account; the same for the same profile and instruments."""
    listed = list(instruments)
    venue = PaperVenue(
        listed,
        profile.fill,
        profile.exchange.balance_quote,
        by="ticks",
        seed=profile.exchange.seed or 0,
        currency=listed[0].quote if listed else "",
        leverage=profile.trading.leverage,
    )
    for n, desk in enumerate(venue.desks.values()):
        desk.made = n * IDS_A_DESK
    return venue


def taken(state: State, event: ev.Event) -> bool:
    """Whether a quote, print or mark is one that the fold, which has just seen it, held for possible."""
    market = state.markets.get(getattr(event, "symbol", ""))
    if market is None:
        return False
    if isinstance(event, ev.BookTick):
        return market.bids is event.bids
    if isinstance(event, ev.TradeTick):
        return market.last == event.price and 0.0 <= event.qty < HUGE
    return isinstance(event, ev.MarkTick) and market.mark == event.mark


def by_market_time(state: State, event: ev.Event) -> ev.Event:
    """A fill bears the market's time, as candles do; that differs from ours where the market is a fast simulation."""
    if not isinstance(event, ev.FillReport):
        return event
    market = state.markets.get(event.fill.symbol)
    t = market.venue_t if market is not None and market.venue_t else event.t
    return msgspec.structs.replace(event, fill=msgspec.structs.replace(event.fill, t=t))
