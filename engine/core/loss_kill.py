"""With ``trading.on_loss_limit: kill`` a loss limit that is reached throws the kill switch.

Once a breach: the alarm of its kind then stands, over re-arming too (the gate refuses entries all the same), until the loss has
shrunk to ``OVER`` of the limit. A new UTC day or week begins with no loss, which ends it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core import operator
from engine.core.risk.losses import limits_of, reached
from engine.core.risk.pace import lost_pct
from engine.model.state import equity

if TYPE_CHECKING:
    from engine.core.trader import Trader

OVER = 0.9
"""An equity that hovers at the limit is one breach, not many."""


def watch(trader: Trader) -> None:
    """After money or a price has changed."""
    state = trader.state
    if state.recovery.open or not state.account.known:
        return
    own, why = equity(state), ""
    for kind, what, _, start, limit in limits_of(state.risk, trader.profile.risk):
        standing = f"{kind}/" in state.alarms
        if not standing and reached(own, start, limit):
            text = f"{what} {lost_pct(own, start):.2f} %, limit {limit:g} %"
            why = why or text
            trader.notice(kind, "", text)
        elif standing and lost_pct(own, start) < limit * OVER:
            trader.notice(kind, "", f"{what} {lost_pct(own, start):.2f} %, limit {limit:g} %", over=True)
    if why:
        operator.halt(trader, f"loss limit: {why}", "loss limit")
