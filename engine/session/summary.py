"""What a session did, as one plain mapping: the last word of ``cockpit run`` and of the screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

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
        "orders": dict(sorted(Counter(order.status for order in state.orders.values()).items())),
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
        "events": state.seq,
        "recording": str(recording) if recording is not None else "",
    }
