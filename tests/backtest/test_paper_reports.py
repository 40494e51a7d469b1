"""The venue as paper trading uses it: with acknowledgements, positions and accounts, and the same trades as a backtest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from backtest_kit import COINS, SYMBOL, T0, rules, walk

from engine import FillModel, backtest, bars
from engine.core.trader import Trader
from engine.model import events as ev
from engine.runner.drive import Drive
from engine.sim.paper import PaperVenue
from engine.strategies.registry import build


@pytest.mark.parametrize("name", ["ma_cross", "ribbon", "sweep"])
def test_a_venue_that_says_more_fills_the_same(name: str) -> None:
    data, profile, params = (
        bars(walk(1_500, 8)),
        rules(),
        {"ma_cross": {}, "ribbon": {}, "sweep": {"trend": "any", "min_rr": 0.2}},
    )
    profile.venue.poll_account_s = 1e10
    profile.risk.stale_link_s = 0.0
    trader = Trader(profile, {SYMBOL: [build(name, params[name])]})
    trader.notes = False
    seen: list[ev.Event] = []
    venue = PaperVenue([COINS], FillModel(), Decimal(10_000), leverage=profile.trading.leverage)
    drive = Drive(trader, venue, data, SYMBOL, seen.append)
    drive.take(ev.SessionStarted(T0, "s", "p", "PAPER", "simulated", "0", ev.SCHEMA, "{}", "b"))
    drive.take_all(venue.hello(T0))
    drive.step_all()
    short = backtest(data, name, params=params[name], profile=profile, instrument=COINS, fill=FillModel())
    assert [(f.t, f.side, f.qty, f.price, f.fee) for f in drive.fills] == [
        (f.t, f.side, f.qty, f.price, f.fee) for f in short.fills
    ]
    assert drive.fills
    kinds = {type(event) for event in seen}
    assert {ev.OrderReport, ev.PositionReport, ev.AccountReport} <= kinds
    assert not [e for e in seen if isinstance(e, ev.Noticed) and "Mismatch" in e.kind]
    state = trader.state
    assert state.positions[SYMBOL].qty == state.positions[SYMBOL].venue_qty
    assert abs(state.account.wallet - (state.account.venue_wallet or 0)) < Decimal("1e-9")
