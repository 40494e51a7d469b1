"""What a session on paper and its re-run share: the account that is opened, and which events reach it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from desk import SYMBOL, profile

from engine.core.fold import apply
from engine.model import events as ev
from engine.model.fill_settings import FillModel
from engine.model.market import Instrument
from engine.model.orders import Fill, Order
from engine.model.state import State
from engine.sim.paper_feed import by_market_time, open_account, taken

D = Decimal
OTHER = "ETHUSDT"


def instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol,
        symbol[:3],
        "USDT",
        D("0.1"),
        D("0.001"),
        D("0.001"),
        D(100),
        D(100),
        D(0),
        100,
        D("0.0002"),
        D("0.0006"),
    )


def two_symbols() -> Any:
    chosen = msgspec.structs.replace(profile(), symbols=[SYMBOL, OTHER], fill=FillModel())
    return open_account(chosen, [instrument(SYMBOL), instrument(OTHER)])


def test_ids_are_given_out_once_over_all_symbols() -> None:
    venue, said = two_symbols(), []
    for symbol in (SYMBOL, OTHER):
        said += venue.tick(ev.BookTick(1, symbol, [(99.9, 5.0)], [(100.1, 5.0)], 1))
        for n in range(3):
            order = Order(client_id=f"{symbol}{n}", symbol=symbol, side="BUY", kind="MARKET", qty=D(1), stop=D(90 + n))
            said += venue.submit(order, 2)
    fills = [e.fill for e in said if isinstance(e, ev.FillReport)]
    stops = [(e.stop.symbol, e.stop.stop_id) for e in said if isinstance(e, ev.StopReport)]
    assert len(fills) == len({f.trade_id for f in fills}) == len({f.venue_order_id for f in fills}) == 6
    assert len({name for _, name in stops}) == len(set(stops)) == 2


def test_an_account_begins_with_the_profiles_balance_on_all_its_symbols() -> None:
    venue = two_symbols()
    assert venue.cash == profile().exchange.balance_quote
    assert sum(desk.cash for desk in venue.desks.values()) == venue.cash


def test_what_the_fold_held_for_impossible_does_not_reach_the_venue() -> None:
    state = State()
    good: list[ev.Event] = [
        ev.BookTick(1, SYMBOL, [(99.9, 1.0)], [(100.1, 1.0)], 1),
        ev.TradeTick(1, SYMBOL, 100.0, 1.0, "BUY", 1),
        ev.MarkTick(1, SYMBOL, 100.0, 100.0, 0.0001, 2, 1),
    ]
    bad: list[ev.Event] = [
        ev.BookTick(2, SYMBOL, [(float("nan"), 1.0)], [(100.1, 1.0)], 2),
        ev.TradeTick(2, SYMBOL, -1.0, 1.0, "BUY", 2),
        ev.TradeTick(2, SYMBOL, 100.0, float("inf"), "BUY", 2),
        ev.MarkTick(2, SYMBOL, float("inf"), 100.0, 0.0001, 2, 2),
    ]
    for event in [*good, *bad]:
        apply(state, event)
        assert taken(state, event) is (event in good)
    assert not taken(state, ev.Clock(3))
    assert not taken(state, ev.MarkTick(3, OTHER, 1.0, 1.0, 0.0, 0, 0))


def test_a_fill_bears_the_markets_time_and_nothing_else_is_changed() -> None:
    state = State()
    apply(state, ev.BookTick(5, SYMBOL, [(99.9, 1.0)], [(100.1, 1.0)], 777))
    fill = ev.FillReport(5, Fill(5, SYMBOL, "t", "v", "a", "BUY", D(1), D(100), D(0), False))
    seen = by_market_time(state, fill)
    assert isinstance(seen, ev.FillReport)
    assert (seen.t, seen.fill.t, fill.fill.t) == (5, 777, 5)
    clock = ev.Clock(6)
    assert by_market_time(state, clock) is clock
