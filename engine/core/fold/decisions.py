"""Commands of a person and decisions of the trader."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core.fold.account import set_status
from engine.core.fold.base import keep, log
from engine.core.fold.session import forget_sent
from engine.model import events as ev
from engine.model.orders import FINAL
from engine.model.reasons import NOTICES, STANDING
from engine.model.state import ROWS_KEPT, Approval, Note, Rejection, State

MOST_ORDERS = ROWS_KEPT + ROWS_KEPT // 4
"""Beyond these the oldest finished ones are forgotten, down to ``ROWS_KEPT``."""


def on_command(state: State, e: ev.Command) -> None:
    shown = e.target if e.action == "approve" else f"{e.target} {e.text}".strip()
    log(state, "key", "info", f"{e.by}: {e.action} {shown}".rstrip(), e.target)
    if e.action == "approve" and e.target in state.approvals:
        state.risk.repeats.clear()
    if e.action == "resume" and state.trading == "ACTIVE":
        _count_anew(state)


def _count_anew(state: State) -> None:
    """A person has looked: losses in a row and repeated orders are counted from zero."""
    state.risk.losses_in_row = 0
    state.risk.repeats.clear()


def on_noted(state: State, e: ev.Noted) -> None:
    note = Note(e.t, state.seq, e.strategy, e.symbol, e.open_time, e.verdict, e.text)
    keep(state.notes, note)
    state.latest_note[f"{e.strategy}/{e.symbol}"] = note


def on_decided(state: State, e: ev.OrderDecided) -> None:
    order = replace(e.order)
    client_id = order.client_id
    state.orders[client_id] = order
    state.open_orders[client_id] = e.t
    state.orders_total += 1
    if order.reduce_only and order.symbol in state.positions:
        state.positions[order.symbol].close_t = e.t
    if state.keep_log:
        at = "market" if order.price is None else f"{order.price:f}"
        text = f"{order.side} {order.qty:f} {order.symbol} at {at} proposed by {order.strategy or 'operator'}"
        log(state, "order", "info", text, client_id)
    if len(state.orders) > MOST_ORDERS:
        _forget_orders(state)


def _forget_orders(state: State) -> None:
    orders = state.orders
    gone: list[tuple[str, str]] = []
    most = len(orders) - ROWS_KEPT
    for client_id, order in orders.items():
        if len(gone) == most:
            break
        if order.status in FINAL:
            gone.append((client_id, order.venue_id))
    for client_id, venue_id in gone:
        del orders[client_id]
        state.venue_ids.pop(venue_id, None)


def on_refused(state: State, e: ev.Refused) -> None:
    row = Rejection(
        e.t, state.seq, e.code, e.limit, e.value, e.text, e.client_id, e.symbol, e.side, e.qty, e.price, e.strategy, e.source
    )  # fmt: skip
    keep(state.rejections, row)
    state.rejected[e.code] = state.rejected.get(e.code, 0) + 1
    order = state.orders.get(e.client_id)
    if order is not None and order.status in ("PROPOSED", "AWAITING_APPROVAL"):
        set_status(state, order, "DENIED", e.code)
        if order.role == "entry" and order.strategy:
            state.risk.told[f"{order.strategy}/{order.symbol}/{order.side}"] = e.code
    log(state, "rejection", "warning", f"{e.code}: {e.text}", e.client_id)


def on_approval_asked(state: State, e: ev.ApprovalAsked) -> None:
    state.approvals[e.client_id] = Approval(e.client_id, e.t, e.expires_t)
    order = state.orders.get(e.client_id)
    if order is not None:
        set_status(state, order, "AWAITING_APPROVAL")


def on_approval_closed(state: State, e: ev.ApprovalClosed) -> None:
    state.approvals.pop(e.client_id, None)
    order = state.orders.get(e.client_id)
    if order is not None and e.outcome in ("declined", "expired"):
        state.risk.declined[f"{order.strategy}/{order.symbol}"] = 0
    log(
        state,
        "approval",
        "good" if e.outcome == "approved" else "info",
        f"{e.outcome} by {e.by} {e.why}".rstrip(),
        e.client_id,
    )


def on_sent(state: State, e: ev.OrderSent) -> None:
    order = state.orders.get(e.client_id)
    if order is None:
        return
    book, strategy = state.risk, order.strategy
    order.sent_t = e.t
    book.sent_t.append(e.t)
    forget_sent(state)
    if strategy and order.role == "entry":
        book.repeats[strategy] = book.repeats.get(strategy, 0) + 1
        if book.told:
            book.told.pop(f"{strategy}/{order.symbol}/{order.side}", None)
    set_status(state, order, "SUBMITTED")


def on_cancel_sent(state: State, e: ev.CancelSent) -> None:
    for client_id in e.client_ids:
        order = state.orders.get(client_id)
        if order is not None:
            order.cancel_sent_t = e.t
    log(
        state,
        "order",
        "info",
        f"cancelling {len(e.client_ids)} order(s): {e.why}",
        e.client_ids[0] if e.client_ids else "",
    )


def on_snapshot_asked(state: State, e: ev.SnapshotAsked) -> None:
    state.snapshot_asked_t = e.t


def on_query_sent(state: State, e: ev.QuerySent) -> None:
    order = state.orders.get(e.client_id)
    if order is not None:
        order.query_t = e.t


def on_trading(state: State, e: ev.TradingChanged) -> None:
    if e.state == "ACTIVE" and state.trading in ("HALTED", "SAFE"):
        state.errors.counts.clear()  # re-armed: a person has looked
    state.trading, state.trading_why, state.trading_t = e.state, e.why, e.t
    state.risk.told.clear()
    if e.state == "ACTIVE" and e.by != "preflight":  # a start is not a person who has looked
        _count_anew(state)
    level = {"ACTIVE": "good", "HALTED": "alarm", "SAFE": "alarm"}.get(e.state, "warning")
    log(state, "state", level, f"{e.state} by {e.by}: {e.why}")


def on_noticed(state: State, e: ev.Noticed) -> None:
    level, title = NOTICES.get(e.kind, ("warning", e.kind))
    log(state, e.kind, level, f"{title}: {e.text}")
    position = state.positions.get(e.symbol)
    if position is not None:
        position.stale = position.stale or e.kind == "StalePosition"
        position.trailing = position.trailing or e.kind == "TrailActivated"
    if e.kind in STANDING:
        key = f"{e.kind}/{e.symbol}"
        if e.over:
            state.alarms.pop(key, None)
        else:
            state.alarms[key] = f"{title}: {e.text}"
