"""The error budget: too many errors of links, venue and screen together, and no entry is sent until a person has looked.

What an error costs is a table (``engine.core.fold.errors.PRICES``). Re-arming, with a reason, fills the budget again. A backtest
has no links and no budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.fold.errors import bill, spent
from engine.core.risk import Breach
from engine.model import events as ev

if TYPE_CHECKING:
    from engine.core.trader import Trader

KINDS: tuple[type[ev.Event], ...] = (ev.OrderReport, ev.BreakerReport, ev.BadMessage, ev.LinkReport, ev.ScreenFailed)
"""Inputs that may cost something."""


def watch(trader: Trader) -> None:
    state, budget = trader.state, trader.profile.errors.budget
    if state.trading in ("HALTED", "SAFE") or spent(state.errors) < budget:
        return
    why = f"the error budget of {budget} is spent: {bill(state.errors)}; a person must look, then re-arm"
    trader.decide(ev.TradingChanged(state.t, "SAFE", why, "errors"))
    trader.drop_approvals(Breach("safe_mode", "ACTIVE", "SAFE", why), "errors")
