"""The fold: how each event changes the state. Live, recovery and replay use this one function and nothing else.

``apply`` never decides anything and never fails on what an adapter may send: an out-of-order or impossible message
leaves the state as it was, apart from what the log shows. Each event type has its function in one of the modules here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core.fold import account, decisions, errors, market, recovery, session, stops
from engine.model import events as ev
from engine.model.state import State


def apply(state: State, event: ev.Event) -> None:
    """Change ``state`` by one event; sequence numbers count every applied event from 1."""
    state.seq += 1
    state.t = event.t
    change = _CHANGES.get(type(event))
    if change is not None:
        change(state, event)


_CHANGES: dict[type[ev.Event], Callable[[State, Any], None]] = {
    ev.SessionStarted: session.on_session_started,
    ev.SessionEnded: session.on_session_ended,
    ev.ShutdownStep: session.on_shutdown_step,
    ev.GateReport: session.on_gate,
    ev.Clock: session.on_clock,
    ev.InstrumentListed: market.on_instrument,
    ev.CandlesLoaded: market.on_candles_loaded,
    ev.CandleTick: market.on_candle,
    ev.BookTick: market.on_book,
    ev.TradeTick: market.on_trade_tick,
    ev.TickerTick: market.on_ticker,
    ev.MarkTick: market.on_mark,
    ev.AccountReport: account.on_account,
    ev.PositionReport: account.on_position,
    ev.OrderReport: account.on_order_report,
    ev.CancelReport: account.on_cancel_report,
    ev.FillReport: account.on_fill,
    ev.StopReport: stops.on_stop,
    ev.StopsListed: stops.on_stops,
    ev.FundingPaid: account.on_funding,
    ev.SnapshotTaken: account.on_snapshot,
    ev.LinkReport: session.on_link,
    ev.BreakerReport: errors.on_breaker,
    ev.BadMessage: session.on_bad,
    ev.Command: decisions.on_command,
    ev.ScreenFailed: session.on_screen_failed,
    ev.Noted: decisions.on_noted,
    ev.OrderDecided: decisions.on_decided,
    ev.Refused: decisions.on_refused,
    ev.ApprovalAsked: decisions.on_approval_asked,
    ev.ApprovalClosed: decisions.on_approval_closed,
    ev.OrderSent: decisions.on_sent,
    ev.CancelSent: decisions.on_cancel_sent,
    ev.ProtectSent: stops.on_protect_sent,
    ev.ProtectReport: stops.on_protect_report,
    ev.QuerySent: decisions.on_query_sent,
    ev.SnapshotAsked: decisions.on_snapshot_asked,
    ev.TradingChanged: decisions.on_trading,
    ev.Noticed: decisions.on_noticed,
    ev.Carried: recovery.on_carried,
    ev.Settled: recovery.on_settled,
    ev.Recovered: recovery.on_recovered,
}
