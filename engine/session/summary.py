"""What a session did, as one plain mapping: the last word of ``cockpit run`` and of the screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from engine.model.orders import Order
from engine.model.state import State, equity, unrealised


def summarise(state: State, recording: Path | None) -> dict[str, Any]:
    """Money as strings with all digits, estimates as rounded floats, times in UTC nanoseconds."""
    account = state.account
    return {
        "session": state.session.id,
        "profile": state.session.profile,
        "mode": state.session.mode,
        "ended": state.session.ended,
        "clean": state.session.clean,
        "orders": dict(sorted(Counter(order.status for order in _own(state)).items())),
        "rejections": dict(sorted(state.rejected.items())),
        "fills": state.fills_total,
        "trades": state.trades_total,
        "wins": state.wins_total,
        "realised_pnl": f"{account.realised:f}",
        "fees": f"{account.fees:f}",
        "funding": f"{account.funding:f}",
        "net_pnl": f"{account.realised - account.fees + account.funding:f}",
        "position": {p.symbol: f"{p.qty:f}" for p in state.positions.values() if p.qty},
        "unrealised_pnl": round(sum(unrealised(state, p) for p in state.positions.values()), 2),
        "wallet": f"{account.wallet:f}",
        "equity": round(equity(state), 2),
        "currency": account.currency,
        "trading": state.trading,
        "alarms": sorted(state.alarms.values()),
        "recovered": _recovered(state),
        "events": state.seq,
        "recording": str(recording) if recording is not None else "",
    }


def _own(state: State) -> list[Order]:
    """The session's orders: those of an earlier one only where this one continues it."""
    recovery = state.recovery
    earlier = set() if recovery.resumed else set(recovery.tags)
    return [order for order in state.orders.values() if order.client_id.rpartition("-")[0] not in earlier]


def _recovered(state: State) -> dict[str, Any]:
    """What was taken over from an earlier session; empty when there was none."""
    recovery = state.recovery
    if not recovery.began_t:
        return {}
    return {
        "session": recovery.session,
        "resumed": recovery.resumed,
        "complete": not recovery.open,
        "asked": recovery.asked,
        "differences": recovery.lines,
        "unsolved": recovery.unsolved,
    }
