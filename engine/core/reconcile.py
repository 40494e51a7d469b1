"""Doubt and comparison: orders without an answer are asked about until the venue tells, and its books are held against ours."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.core.exposure import SETTLE_NS
from engine.core.fold.base import position_delta
from engine.core.risk import Breach
from engine.model import events as ev
from engine.model.market import SECOND_NS

if TYPE_CHECKING:
    from engine.core.trader import Trader

WALLET_TOLERANCE = Decimal("0.01")


def chase(trader: Trader) -> None:
    """Once a second: ask about orders without a usable answer, and for a new comparison when it is due or in doubt."""
    state = trader.state
    wait = int(trader.profile.trading.unknown_retry_s * SECOND_NS)
    for client_id in list(state.open_orders):
        order = state.orders[client_id]
        silent = order.status == "UNKNOWN" or (order.status == "SUBMITTED" and state.t - order.sent_t >= wait)
        if silent and state.t - max(order.query_t, order.sent_t) >= wait:
            trader.decide(ev.QuerySent(state.t, client_id, "no answer"))
    private = state.links.get("private")
    if private is None or private.state != "up":
        return
    differs = _differences(trader)
    age = state.t - state.snapshot_asked_t
    if age >= int(trader.profile.venue.poll_account_s * SECOND_NS) or (
        (differs or state.doubt) and age >= 2 * SETTLE_NS
    ):
        trader.decide(ev.SnapshotAsked(state.t, "; ".join(differs) or "regular comparison"))


def linked(trader: Trader, report: ev.LinkReport) -> None:
    """The private stream is (again) up: what happened meanwhile is read before anything new is sent."""
    if report.link == "private" and report.state == "up" and trader.state.doubt:
        if trader.state.t - trader.state.snapshot_asked_t >= SECOND_NS:
            trader.decide(ev.SnapshotAsked(trader.state.t, "the private stream is up"))
    elif report.state == "failed" and trader.state.trading not in {"HALTED", "SAFE"}:
        why = f"the {report.link} link gave up: {report.detail}; re-arm with a reason to start it again"
        trader.decide(ev.TradingChanged(trader.state.t, "SAFE", why, "links"))
        trader.drop_approvals(Breach("safe_mode", "ACTIVE", "SAFE", why), "links")


def _differences(trader: Trader) -> list[str]:
    """What differs from the venue for longer than messages take to arrive."""
    found = []
    for symbol, position in trader.state.positions.items():
        delta = position_delta(position)
        if delta and trader.state.t - max(position.venue_t, position.changed_t) >= SETTLE_NS:
            found.append(f"{symbol}: ours {position.qty:+f}, venue {position.venue_qty:+f}")
    return found


def compared(trader: Trader, event: ev.SnapshotTaken) -> None:
    """After a full reading of the venue: what still differs is an alarm and blocks the symbol, what agrees again ends it."""
    if not event.complete:
        return
    state = trader.state
    for symbol in sorted(state.positions):
        position = state.positions[symbol]
        delta, standing = position_delta(position), f"PositionMismatch/{symbol}" in state.alarms
        if delta and not standing and state.t - position.changed_t >= SETTLE_NS:
            trader.notice("PositionMismatch", symbol, f"ours {position.qty:+f}, venue {position.venue_qty:+f}")
        elif not delta and standing:
            trader.notice("PositionMismatch", symbol, "agrees again", over=True)
    _compare_wallet(trader)
    _ask_about_the_missing(trader, event.asked_t or state.snapshot_asked_t)


def _ask_about_the_missing(trader: Trader, asked_t: int) -> None:
    """An order of ours that works by our books and that the venue did not list: its end was announced while we did not hear."""
    state = trader.state
    wait = int(trader.profile.trading.unknown_retry_s * SECOND_NS)
    for client_id in list(state.open_orders):
        order = state.orders[client_id]
        listed = max(order.seen_t, order.sent_t) >= asked_t
        if order.status in ("ACCEPTED", "PARTIALLY_FILLED") and not listed and state.t - order.query_t >= wait:
            trader.decide(ev.QuerySent(state.t, client_id, "not among the venue's open orders"))


def _compare_wallet(trader: Trader) -> None:
    account = trader.state.account
    if account.venue_wallet is None or any(p.qty for p in trader.state.positions.values()):
        return  # while a position is open, funding and fees may be on their way
    if any(trader.state.t - p.changed_t < SETTLE_NS for p in trader.state.positions.values()):
        return
    off, standing = account.venue_wallet - account.wallet, "BalanceMismatch/" in trader.state.alarms
    if abs(off) > WALLET_TOLERANCE and not standing:
        trader.notice(
            "BalanceMismatch", "", f"ours {account.wallet:.2f}, venue {account.venue_wallet:.2f} {account.currency}"
        )
    elif abs(off) <= WALLET_TOLERANCE and standing:
        trader.notice("BalanceMismatch", "", "agrees again", over=True)
