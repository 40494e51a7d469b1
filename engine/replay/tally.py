"""What a session came to, counted while its events go by: the columns of a comparison."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from engine.model import events as ev
from engine.model.orders import ZERO, Order
from engine.model.state import State, equity


class Outcome(msgspec.Struct, kw_only=True):
    """Of the whole session. Money is in the account's currency; ``net_pnl`` is realised less fees plus funding.

    ``max_drawdown`` is the deepest fall of the equity from its highest value so far, seen once a second (floats: estimates).
    ``orders`` are those that were decided here, by status: what the venue makes of a stop is none of them.
    """

    trades: int = 0
    wins: int = 0
    net_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    max_drawdown: float = 0.0
    max_drawdown_pct: float = 0.0
    equity: float = 0.0
    fills: int = 0
    orders: dict[str, int] = {}
    rejections: dict[str, int] = {}
    position: dict[str, Decimal] = {}


class Tally:
    """``see`` every event once it is in the state."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._peak = self._fall = self._fall_pct = 0.0

    def see(self, event: ev.Event, state: State) -> None:
        kind = type(event)
        if kind is ev.Clock:
            self._measure(state)
        elif isinstance(event, ev.OrderDecided):
            client_id = event.order.client_id
            self._orders[client_id] = state.orders[client_id]

    def _measure(self, state: State) -> None:
        if not state.account.known:
            return
        now = equity(state)
        self._peak = max(self._peak, now)
        self._fall = max(self._fall, self._peak - now)
        if self._peak > 0:
            self._fall_pct = max(self._fall_pct, (self._peak - now) / self._peak * 100)

    def outcome(self, state: State) -> Outcome:
        self._measure(state)
        account = state.account
        return Outcome(
            trades=state.trades_total,
            wins=state.wins_total,
            net_pnl=account.realised - account.fees + account.funding,
            fees=account.fees,
            funding=account.funding,
            max_drawdown=self._fall,
            max_drawdown_pct=self._fall_pct,
            equity=equity(state),
            fills=state.fills_total,
            orders=dict(sorted(Counter(o.status for o in self._orders.values()).items())),
            rejections=dict(sorted(state.rejected.items())),
            position={p.symbol: p.qty for p in state.positions.values() if p.qty},
        )
