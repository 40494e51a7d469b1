"""The venue's word on account, positions and orders, and what fills do to them."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core import ledger
from engine.core.fold.base import (
    LEAST,
    foreign_growth,
    impossible,
    is_amount,
    keep,
    log,
    ours,
    position_delta,
    position_of,
)
from engine.core.fold.errors import charge
from engine.core.fold.session import DAY_NS
from engine.core.fold.stops import drop_stops, refresh_protection
from engine.core.orders import may_become, working
from engine.model import events as ev
from engine.model.orders import FINAL, ZERO, Fill, Order
from engine.model.state import State

VISIBLE_AFTER_NS = 5_000_000_000


def on_account(state: State, e: ev.AccountReport) -> None:
    if not is_amount(e.wallet, e.available, e.margin, e.frozen):
        impossible(state, "private", "an account report")
        return
    account = state.account
    account.currency = e.currency
    account.venue_wallet, account.venue_t = e.wallet, e.t
    account.venue_available, account.venue_margin, account.venue_frozen = e.available, e.margin, e.frozen
    if not account.known:
        account.known = True
        account.start = account.wallet = e.wallet
        start = float(e.wallet)
        day = e.t // DAY_NS
        state.risk.day, state.risk.day_start = day, start
        state.risk.week, state.risk.week_start = (day + 3) // 7, start
        state.risk.high_water = start
        state.equity.append((e.t, start))


def on_position(state: State, e: ev.PositionReport) -> None:
    if not is_amount(e.qty, e.entry) or e.entry < 0 or (e.qty and abs(e.qty) < LEAST):
        impossible(state, "private", f"a position report of {e.symbol}")
        return
    if not e.qty and e.symbol not in state.positions:
        return
    position = position_of(state, e.symbol)
    position.venue_qty, position.venue_t, position.venue_entry = e.qty, e.t, e.entry
    position.position_id = e.position_id
    position.leverage, position.margin_mode = e.leverage or position.leverage, e.margin_mode or position.margin_mode
    if e.liquidation is not None or not e.qty:
        position.liquidation = e.liquidation
    if e.source == "snapshot" and not state.snapshot_t and e.qty != position.qty and not state.recovery.began_t:
        ledger.adopt(position, e.qty, e.entry, e.t)
        position.changed_t = e.t
        refresh_protection(state, e.symbol)


def on_order_report(state: State, e: ev.OrderReport) -> None:
    if not is_amount(e.filled, e.qty, e.price) or e.filled < 0 or e.qty < 0:
        impossible(state, "private", f"an order report of {e.symbol}")
        return
    order = find_order(state, e.client_id, e.venue_id)
    if order is None:
        if e.status in FINAL or not (e.client_id or e.venue_id):
            return
        order = _found(state, e)
        state.orders[order.client_id] = order
        state.open_orders[order.client_id] = e.t
    if e.venue_id:
        order.venue_id = e.venue_id
        state.venue_ids[e.venue_id] = order.client_id
    status = e.status
    absent = e.source == "query" and e.code == "not_found"
    if not absent and status != "UNKNOWN":
        order.seen_t, order.misses = e.t, 0
    if status == "ACCEPTED" and e.filled:
        status = "PARTIALLY_FILLED"
    if status == "FILLED" and order.filled < order.qty:
        return  # our own fills decide when an order is filled
    if absent and not _really_absent(state, order):
        return
    if status == "REJECTED" and order.filled:
        status = "CANCELLED"
    if status == "REJECTED" and e.source == "reply" and order.status == "ACCEPTED":
        return  # the refusal of a repeated request, after the first one was taken
    if not may_become(order, status) or (e.filled < order.filled and status not in FINAL):
        return
    if status in ("CANCELLED", "EXPIRED") and order.filled < e.filled <= order.qty:
        order.ending, order.venue_filled = status, e.filled
        return  # the fills that the venue counts are still on their way, and count as working until then
    if order.status != status:
        if status == "UNKNOWN":
            charge(state, "order")
        set_status(state, order, status, f"{e.code} {e.message}".strip())


def _really_absent(state: State, order: Order) -> bool:
    """One "not found" proves nothing: the venue may not show a new order yet. Twice, later, with no position to explain, does."""
    order.misses += 1
    position = state.positions.get(order.symbol)
    explained = position is None or not position_delta(position)
    return order.misses >= 2 and state.t - order.sent_t >= VISIBLE_AFTER_NS and explained


def find_order(state: State, client_id: str, venue_id: str) -> Order | None:
    return state.orders.get(client_id) or state.orders.get(state.venue_ids.get(venue_id, ""))


_LOST = "ours by its name; the record of its decision is lost"


def _found(state: State, e: ev.OrderReport) -> Order:
    """An order that we know nothing of: by its name it may be one of ours whose record was lost."""
    lost = ours(state, e.client_id)
    venues_own = e.reduce_only and not e.client_id  # a triggered stop or target becomes an order that the venue makes
    return Order(
        client_id=e.client_id or f"venue-{e.venue_id}",
        symbol=e.symbol,
        side=e.side,
        kind="MARKET" if e.price is None else "LIMIT",
        qty=e.qty,
        price=e.price,
        reduce_only=e.reduce_only,
        role="exit" if venues_own or (lost and e.reduce_only) else "entry" if lost else "foreign",
        why=_LOST if lost else "the venue's, from a protective order" if venues_own else "not sent by this session",
        status="ACCEPTED",
        sent_t=e.t if lost else 0,
        created_t=e.t,
        updated_t=e.t,
    )


_STATUS_LEVEL = {"UNKNOWN": "alarm", "REJECTED": "warning", "FILLED": "good"}


def set_status(state: State, order: Order, status: str, detail: str = "") -> None:
    order.status = status  # type: ignore[assignment]
    order.updated_t = state.t
    order.detail = detail
    if status in FINAL:
        state.open_orders.pop(order.client_id, None)
        if state.approvals:
            state.approvals.pop(order.client_id, None)
    else:
        state.open_orders.setdefault(order.client_id, state.t)
    if state.alarms:
        state.alarms.pop(f"UnknownOrder/{order.client_id}", None)
    if status != "UNKNOWN" and not state.keep_log:
        return
    text = f"{order.side} {order.qty:f} {order.symbol} {status.lower().replace('_', ' ')}"
    log(state, "order", _STATUS_LEVEL.get(status, "info"), f"{text}  {detail}".rstrip(), order.client_id)
    if status == "UNKNOWN":
        state.alarms[f"UnknownOrder/{order.client_id}"] = f"{text}: no answer, counted as filled until the venue says"


def on_cancel_report(state: State, e: ev.CancelReport) -> None:
    order = state.orders.get(e.client_id)
    if order is not None and e.ok is not True and not order.final:
        order.cancel_sent_t = 0
        log(
            state,
            "order",
            "warning",
            f"cancel of {e.client_id} {'refused' if e.ok is False else 'unanswered'}: {e.message}",
            e.client_id,
        )


def on_fill(state: State, e: ev.FillReport) -> None:
    fill = replace(e.fill)
    symbol, venue_id, price = fill.symbol, fill.venue_order_id, fill.price
    key = f"{symbol}/{venue_id}/{fill.trade_id}"
    if key in state.fill_keys:
        return
    if not is_amount(fill.qty, price, fill.fee) or fill.qty < LEAST or price <= ZERO:
        impossible(state, "private", f"a fill of {symbol}")
        return
    state.fill_keys[key] = state.seq
    if state.recovery.open and foreign_growth(state, fill):
        return
    order = find_order(state, fill.client_id, venue_id)
    position = position_of(state, symbol)
    stop = position.stop
    trade = ledger.book_fill(state.account, position, fill, order)
    position.changed_t = e.t
    if trade is not None:
        drop_stops(state, trade, price, stop)
    if order is not None:
        _fill_order(state, order, fill)
    state.fills_total += 1
    keep(state.fills, fill)
    if state.keep_log:
        text = f"{fill.side} {fill.qty:f} {symbol} at {price:f} fee {fill.fee:f}"
        log(state, "fill", "good", text, fill.client_id)
    refresh_protection(state, symbol)
    if trade is not None:
        position.idle_bars = 0
        state.trades_total += 1
        pnl, book = trade.pnl, state.risk
        won = pnl > ZERO
        state.wins_total += won
        if pnl:
            book.losses_in_row = 0 if won else book.losses_in_row + 1
        book.last_exit_t = e.t
        keep(state.trades, trade)
        if state.keep_log:
            text = f"{trade.symbol} closed by {trade.exit_why}: {trade.pnl:+.2f}"
            log(state, "trade", "good" if won else "warning", text, fill.client_id)


def _fill_order(state: State, order: Order, fill: Fill) -> None:
    if order.filled:
        paid = (order.avg_price or ZERO) * order.filled + fill.price * fill.qty
        order.filled += fill.qty
        order.avg_price = paid / order.filled
    else:
        order.filled, order.avg_price = fill.qty, fill.price
    order.seen_t = state.t
    if not order.venue_id and (venue_id := fill.venue_order_id):
        order.venue_id = venue_id
        state.venue_ids[venue_id] = order.client_id
    status: str = "FILLED" if order.filled >= order.qty else "PARTIALLY_FILLED"
    if status != "FILLED" and order.ending and order.filled >= order.venue_filled:
        status = order.ending
    if order.status in ("CANCELLED", "EXPIRED") and status != "FILLED":
        order.updated_t = state.t
        return
    set_status(state, order, status)


def on_funding(state: State, e: ev.FundingPaid) -> None:
    if not is_amount(e.amount):
        impossible(state, "private", f"funding of {e.symbol}")
        return
    ledger.book_funding(state.account, state.positions.get(e.symbol), e.amount)
    log(state, "funding", "info", f"funding {e.amount:+f} on {e.symbol}")


def on_snapshot(state: State, e: ev.SnapshotTaken) -> None:
    if not e.complete:
        return
    state.snapshot_t = e.t
    private, asked_t = state.links.get("private"), e.asked_t or state.snapshot_asked_t
    if private is None or asked_t >= private.changed_t:
        state.doubt = False  # one that was asked for before the link broke proves nothing about what happened meanwhile
    for client_id in list(state.open_orders):
        order = state.orders[client_id]
        if working(order) and not order.sent_t and order.seen_t < asked_t:
            set_status(state, order, "CANCELLED", "not among the venue's orders any more")
