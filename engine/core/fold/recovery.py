"""What an earlier session left, and what became of it: the books are taken over, then the venue's word on them."""

from __future__ import annotations

import msgspec

from engine.core import ledger
from engine.core.fold.account import set_status
from engine.core.fold.base import impossible, is_amount, log, position_delta
from engine.core.fold.stops import refresh_protection
from engine.model import events as ev
from engine.model.orders import AT_VENUE, Order
from engine.model.state import ROWS_KEPT, Recovery, State


def on_carried(state: State, e: ev.Carried) -> None:
    """Only ever the second event of a session: anywhere else, or with numbers that cannot be, it changes nothing."""
    book = e.book
    if state.seq != 2 or not _sound(book):
        impossible(state, "private", "the books of an earlier session")
        return
    state.recovery = Recovery(e.session, e.resumed, True, e.t, since=e.since, tags=list(book.tags))
    if book.account is not None:
        state.account = msgspec.structs.replace(book.account)
    if book.risk is not None:
        state.risk = msgspec.convert(msgspec.to_builtins(book.risk), type(book.risk))
    for position in book.positions:
        state.positions[position.symbol] = msgspec.structs.replace(position)
        state.recovery.positions[position.symbol] = f"{position.qty:f}"
    for stop in book.stops:
        state.stops[stop.stop_id] = stop
    for order in book.orders:
        _take_order(state, msgspec.structs.replace(order))
    state.fill_keys.update(dict.fromkeys(book.fill_keys, state.seq))
    state.alarms.update(book.alarms)
    if book.statistics is not None:
        _count_on(state, book.statistics)
    verb = "continues" if e.resumed else "follows"
    state.recovery.asked = len(state.recovery.orders)
    if e.session:
        end = "ended in order" if e.clean else "did not end in order"
        log(state, "recovery", "info", f"{verb} {e.session}, which {end}")
    else:
        log(
            state, "recovery", "warning", "nothing is taken over: what the account holds is foreign until it is adopted"
        )


def _sound(book: ev.Book) -> bool:
    a = book.account
    return (
        (a is None or is_amount(a.start, a.wallet, a.realised, a.fees, a.funding))
        and all(
            is_amount(p.qty, p.entry, p.cost, p.realised, p.fees, p.funding, p.risk_per_unit) for p in book.positions
        )
        and all(is_amount(o.qty, o.filled, o.avg_price, o.price, o.venue_filled, o.stop) for o in book.orders)
        and all(is_amount(s.qty, s.stop, s.target) for s in book.stops)
    )


def _take_order(state: State, order: Order) -> None:
    state.orders[order.client_id] = order
    if order.venue_id:
        state.venue_ids[order.venue_id] = order.client_id
    if not order.final:
        state.open_orders[order.client_id] = order.created_t
        if order.status in AT_VENUE:
            state.recovery.orders[order.client_id] = f"{order.status} {order.filled:f}"
        if order.status == "UNKNOWN":
            text = f"{order.side} {order.qty:f} {order.symbol} unknown: counted as filled until the venue says"
            state.alarms[f"UnknownOrder/{order.client_id}"] = text


def _count_on(state: State, counted: ev.Statistics) -> None:
    state.orders_total, state.fills_total = counted.orders, counted.fills
    state.trades_total, state.wins_total = counted.trades, counted.wins
    state.rejected.update(counted.rejected)
    state.trades.extend(counted.closed[-ROWS_KEPT:])


def on_settled(state: State, e: ev.Settled) -> None:
    change = _ACTS.get((e.what, e.action))
    if change is not None:
        change(state, e.target)
    recovery = state.recovery
    recovery.lines.append(e.text)
    if recovery.open:
        recovery.differences += 1
        recovery.unsolved += e.action == "alarm"
    elif recovery.unsolved:
        recovery.unsolved -= 1
    log(state, "recovery", "alarm" if e.action == "alarm" else "warning", e.text, e.target if e.what == "order" else "")


def _close_order(state: State, client_id: str) -> None:
    order = state.orders.get(client_id)
    if order is not None and not order.final:
        set_status(state, order, "CANCELLED" if order.sent_t else "DENIED", "never sent, and never will be")


def _adopt_position(state: State, symbol: str) -> None:
    position = state.positions.get(symbol)
    if position is None or position.venue_qty is None or not position_delta(position):
        return
    smaller = position.qty * position.venue_qty >= 0 and abs(position.venue_qty) < abs(position.qty)
    ledger.adopt(position, position.venue_qty, position.entry if smaller else position.venue_entry, state.t)
    position.changed_t = state.t
    refresh_protection(state, symbol)


def _adopt_balance(state: State, _: str) -> None:
    account = state.account
    if account.venue_wallet is None:
        return
    moved = account.venue_wallet - account.wallet
    account.start += moved
    account.wallet = account.venue_wallet
    if not state.recovery.open:  # a person's word that it was a transfer: what limits are measured from moves along
        book = state.risk
        book.day_start, book.week_start = book.day_start + float(moved), book.week_start + float(moved)
        book.high_water += float(moved)


_ACTS = {
    ("order", "close"): _close_order,
    ("position", "adopt"): _adopt_position,
    ("balance", "adopt"): _adopt_balance,
}


def on_recovered(state: State, e: ev.Recovered) -> None:
    recovery = state.recovery
    recovery.open, recovery.done_t = False, e.t
    if not e.asked and not e.differences:
        if recovery.session:
            log(state, "recovery", "info", f"nothing to recover from {recovery.session}")
        return
    text = (
        f"recovered from {recovery.session or 'nothing'}: {e.asked} order(s) asked about, {e.differences} difference(s)"
    )
    level = "alarm" if e.open else "good"
    log(state, "recovery", level, text + (f", {e.open} unsolved" if e.open else ""))
