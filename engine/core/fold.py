"""The fold: how each event changes the state. Live, recovery and replay use this one function and nothing else.

``apply`` never decides anything and never fails on what an adapter may send: an out-of-order or impossible message leaves the
state as it was, apart from what the log shows.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from engine.core import ledger
from engine.core.orders import may_become, working
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import FINAL, ZERO, Fill, Order, Position, Stop, Trade
from engine.model.reasons import NOTICES
from engine.model.state import (
    CANDLES_KEPT,
    ROWS_KEPT,
    Approval,
    Gate,
    Link,
    LogLine,
    Market,
    Note,
    Rejection,
    State,
    Step,
    equity,
)

DAY_NS = 86_400_000_000_000
EQUITY_EVERY_NS = 10_000_000_000
EQUITY_KEPT = 8_640
VISIBLE_AFTER_NS = 5_000_000_000
HUGE = 1e15
"""No price, quantity or amount of money is larger; what is has been misread."""
LARGEST, LEAST = Decimal("1e15"), Decimal("1e-12")


def apply(state: State, event: ev.Event) -> None:
    """Change ``state`` by one event; sequence numbers count every applied event from 1."""
    state.seq += 1
    state.t = event.t
    change = _CHANGES.get(type(event))
    if change is not None:
        change(state, event)


def market_of(state: State, symbol: str) -> Market:
    market = state.markets.get(symbol)
    if market is None:
        market = state.markets[symbol] = Market(symbol)
    return market


def position_of(state: State, symbol: str) -> Position:
    position = state.positions.get(symbol)
    if position is None:
        position = state.positions[symbol] = Position(symbol=symbol)
    return position


def link_of(state: State, name: str) -> Link:
    link = state.links.get(name)
    if link is None:
        link = state.links[name] = Link(name)
    return link


def log(state: State, kind: str, level: str, text: str, client_id: str = "") -> None:
    _keep(state.log, LogLine(state.t, state.seq, kind, level, text, client_id))


def _keep(rows: list[Any], row: object, most: int = ROWS_KEPT) -> None:
    """Append, and now and then forget the oldest: linear in the number of rows over a whole session."""
    rows.append(row)
    if len(rows) > most + most // 4:
        del rows[: len(rows) - most]


def _heard(state: State, link: str, t: int) -> None:
    entry = link_of(state, link)
    entry.last_t = t
    entry.messages += 1


def _price(value: float) -> bool:
    """A price that can be one: also False for what is not a number."""
    return 0.0 < value < HUGE


def _amount(*values: Decimal | None) -> bool:
    for value in values:  # noqa: SIM110  # twice as fast as all(), for every fill and report
        if value is not None and not (value.is_finite() and -LARGEST < value < LARGEST):
            return False
    return True


def _impossible(state: State, link: str, what: str) -> None:
    """A message whose numbers cannot be true is counted and changes nothing else."""
    link_of(state, link).bad += 1
    log(state, "bad", "warning", f"impossible numbers in {what}: ignored")


# --- session ---------------------------------------------------------------------------------------------------


def _session_started(state: State, e: ev.SessionStarted) -> None:
    info = state.session
    info.id, info.tag, info.profile, info.mode = e.session, e.tag, e.profile, e.mode
    info.venue, info.version, info.started_t = e.venue, e.version, e.t
    log(state, "session", "info", f"session {e.session} started on profile {e.profile}")


def _session_ended(state: State, e: ev.SessionEnded) -> None:
    state.session.ended, state.session.clean = e.reason, e.clean
    log(state, "session", "info" if e.clean else "warning", f"session ended: {e.reason}")


def _shutdown_step(state: State, e: ev.ShutdownStep) -> None:
    step = Step(e.step, e.name, e.status, e.detail)
    if state.steps and state.steps[-1].step == e.step:
        state.steps[-1] = step
    else:
        state.steps.append(step)
    if e.status != "running":
        log(
            state,
            "shutdown",
            "info" if e.status == "ok" else "warning",
            f"{e.step}. {e.name}: {e.status} {e.detail}".rstrip(),
        )


def _gate(state: State, e: ev.GateReport) -> None:
    before = state.gates.get(e.gate)
    state.gates[e.gate] = Gate(e.gate, e.status, e.required, e.detail)
    if e.status == "fail" and (before is None or before.status != "fail"):
        log(state, "preflight", "warning", f"{e.gate}: {e.detail}")


def _clock(state: State, e: ev.Clock) -> None:
    state.loop_lag_ms, state.journal_lag_ms = e.loop_lag_ms, e.journal_lag_ms
    state.echoes += 1
    if not state.account.known:
        return
    now = equity(state)
    book = state.risk
    day = e.t // DAY_NS
    if day > book.day:
        book.day, book.day_start = day, now
    week = (day + 3) // 7  # 1970-01-01 was a Thursday
    if week > book.week:
        book.week, book.week_start = week, now
    book.high_water = max(book.high_water, now)
    _forget_sent(state)
    if not state.equity or e.t - state.equity[-1][0] >= EQUITY_EVERY_NS:
        _keep(state.equity, (e.t, now), EQUITY_KEPT)


def _forget_sent(state: State) -> None:
    sent = state.risk.sent_t
    while len(sent) > 1 and sent[0] <= state.t - MINUTE_NS:
        del sent[0]


# --- market ----------------------------------------------------------------------------------------------------


def _instrument(state: State, e: ev.InstrumentListed) -> None:
    i = e.instrument
    sizes = (i.min_qty, i.max_limit_qty, i.max_market_qty, i.min_notional, i.maker_fee, i.taker_fee)
    if not (_amount(i.tick, i.step, *sizes) and i.tick >= LEAST and i.step >= LEAST):
        _impossible(state, "rest", f"the terms of {i.symbol}")
        return
    market_of(state, i.symbol).instrument = i


def _candles_loaded(state: State, e: ev.CandlesLoaded) -> None:
    market = market_of(state, e.symbol)
    known = {candle.open_time: candle for candle in market.candles}
    known.update((candle.open_time, candle) for candle in e.candles if _candle_ok(candle))
    market.candles = [known[t] for t in sorted(known)][-CANDLES_KEPT:]
    if market.candles and not market.last:
        market.last = market.candles[-1].close
    market.gap_from = 0


def _candle_ok(c: Candle) -> bool:
    return _price(c.open) and _price(c.high) and _price(c.low) and _price(c.close) and 0.0 <= c.volume < HUGE


def _candle(state: State, e: ev.CandleTick) -> None:
    _heard(state, "public", e.t)
    if not _candle_ok(e.candle):
        link_of(state, "public").bad += 1
        return
    market = market_of(state, e.symbol)
    if not e.closed:
        state.echoes += e.candle == market.live and e.candle.close == market.last
        market.live = e.candle
        market.last, market.last_t = e.candle.close, e.t
        return
    if market.live is not None and market.live.open_time <= e.candle.open_time:
        market.live = None
    _close_candle(state, market, e.candle)


def _close_candle(state: State, market: Market, candle: Candle) -> None:
    rows = market.candles
    if rows and candle.open_time <= rows[-1].open_time:
        for i in range(len(rows) - 1, max(-1, len(rows) - 10), -1):
            if rows[i].open_time == candle.open_time:
                rows[i] = candle
        return
    if rows and candle.open_time >= rows[-1].open_time + 2 * MINUTE_NS:
        market.gap_from = market.gap_from or rows[-1].open_time + MINUTE_NS
        market.gaps += 1
    _keep(rows, candle, CANDLES_KEPT)
    _count_bar(state, market.symbol)


def _count_bar(state: State, symbol: str) -> None:
    position = state.positions.get(symbol)
    if position is not None:
        if position.qty:
            position.bars += 1
        elif position.idle_bars >= 0:
            position.idle_bars += 1
    for client_id in state.open_orders:
        order = state.orders[client_id]
        if order.symbol == symbol:
            order.bars += 1
    for key in state.risk.declined:
        if key.endswith(f"/{symbol}"):
            state.risk.declined[key] += 1


def _book(state: State, e: ev.BookTick) -> None:
    _heard(state, "public", e.t)
    if not all(_price(price) and 0.0 <= size < HUGE for side in (e.bids, e.asks) for price, size in side):
        link_of(state, "public").bad += 1
        return
    market = market_of(state, e.symbol)
    state.echoes += e.bids == market.bids and e.asks == market.asks
    market.bids, market.asks, market.quote_t = e.bids, e.asks, e.t
    market.venue_t = max(market.venue_t, e.venue_t)


def _trade_tick(state: State, e: ev.TradeTick) -> None:
    _heard(state, "public", e.t)
    if not _price(e.price):
        link_of(state, "public").bad += 1
        return
    market = market_of(state, e.symbol)
    market.last, market.last_side, market.last_t = e.price, e.side, e.t
    market.venue_t = max(market.venue_t, e.venue_t)


def _ticker(state: State, e: ev.TickerTick) -> None:
    _heard(state, "public", e.t)
    if not (_price(e.open) and _price(e.high) and _price(e.low) and 0.0 <= e.volume < HUGE):
        link_of(state, "public").bad += 1
        return
    market = market_of(state, e.symbol)
    day = (e.open, e.high, e.low, e.volume)
    state.echoes += day == (market.day_open, market.day_high, market.day_low, market.day_volume)
    market.day_open, market.day_high, market.day_low, market.day_volume = day


def _mark(state: State, e: ev.MarkTick) -> None:
    _heard(state, "public", e.t)
    if not (_price(e.mark) and _price(e.index) and -1.0 < e.funding_rate < 1.0):
        link_of(state, "public").bad += 1
        return
    market = market_of(state, e.symbol)
    state.echoes += (e.mark, e.index, e.funding_rate) == (market.mark, market.index, market.funding_rate)
    market.mark, market.index, market.mark_t = e.mark, e.index, e.t
    market.funding_rate, market.next_funding_t = e.funding_rate, e.next_funding_t
    market.venue_t = max(market.venue_t, e.venue_t)
    position = state.positions.get(e.symbol)
    if position is not None and position.qty:
        position.best = max(position.best, e.mark) if position.qty > 0 else min(position.best or e.mark, e.mark)


# --- account ---------------------------------------------------------------------------------------------------


def _account(state: State, e: ev.AccountReport) -> None:
    if not _amount(e.wallet, e.available, e.margin, e.frozen):
        _impossible(state, "private", "an account report")
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


def _position(state: State, e: ev.PositionReport) -> None:
    if not _amount(e.qty, e.entry) or e.entry < 0 or (e.qty and abs(e.qty) < LEAST):
        _impossible(state, "private", f"a position report of {e.symbol}")
        return
    if not e.qty and e.symbol not in state.positions:
        return
    position = position_of(state, e.symbol)
    position.venue_qty, position.venue_t = e.qty, e.t
    position.position_id = e.position_id
    position.leverage, position.margin_mode = e.leverage or position.leverage, e.margin_mode or position.margin_mode
    if e.liquidation is not None or not e.qty:
        position.liquidation = e.liquidation
    if e.source == "snapshot" and not state.snapshot_t and e.qty != position.qty:
        ledger.adopt(position, e.qty, e.entry, e.t)
        position.changed_t = e.t
        _refresh_protection(state, e.symbol)


def _order_report(state: State, e: ev.OrderReport) -> None:
    if not _amount(e.filled, e.qty, e.price) or e.filled < 0 or e.qty < 0:
        _impossible(state, "private", f"an order report of {e.symbol}")
        return
    order = find_order(state, e.client_id, e.venue_id)
    if order is None:
        if e.status in FINAL or not (e.client_id or e.venue_id):
            return
        order = _foreign(e)
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
        _set_status(state, order, status, f"{e.code} {e.message}".strip())


def _really_absent(state: State, order: Order) -> bool:
    """One "not found" proves nothing: the venue may not show a new order yet. Twice, later, with no position to explain, does."""
    order.misses += 1
    position = state.positions.get(order.symbol)
    explained = position is None or not position_delta(position)
    return order.misses >= 2 and state.t - order.sent_t >= VISIBLE_AFTER_NS and explained


def find_order(state: State, client_id: str, venue_id: str) -> Order | None:
    return state.orders.get(client_id) or state.orders.get(state.venue_ids.get(venue_id, ""))


def _foreign(e: ev.OrderReport) -> Order:
    venues_own = e.reduce_only and not e.client_id  # a triggered stop or target becomes an order that the venue makes
    return Order(
        client_id=e.client_id or f"venue-{e.venue_id}",
        symbol=e.symbol,
        side=e.side,
        kind="MARKET" if e.price is None else "LIMIT",
        qty=e.qty,
        price=e.price,
        reduce_only=e.reduce_only,
        role="exit" if venues_own else "foreign",
        why="the venue's, from a protective order" if venues_own else "not sent by this session",
        status="ACCEPTED",
        created_t=e.t,
        updated_t=e.t,
    )


_STATUS_LEVEL = {"UNKNOWN": "alarm", "REJECTED": "warning", "FILLED": "good"}


def _set_status(state: State, order: Order, status: str, detail: str = "") -> None:
    order.status = status  # type: ignore[assignment]
    order.updated_t = state.t
    order.detail = detail
    if status in FINAL:
        state.open_orders.pop(order.client_id, None)
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


def _cancel_report(state: State, e: ev.CancelReport) -> None:
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


def _fill(state: State, e: ev.FillReport) -> None:
    fill = msgspec.structs.replace(e.fill)
    key = f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}"
    if key in state.fill_keys:
        return
    if not _amount(fill.qty, fill.price, fill.fee) or fill.qty < LEAST or fill.price <= 0:
        _impossible(state, "private", f"a fill of {fill.symbol}")
        return
    state.fill_keys[key] = state.seq
    order = find_order(state, fill.client_id, fill.venue_order_id)
    position = position_of(state, fill.symbol)
    stop = position.stop
    trade = ledger.book_fill(state.account, position, fill, order)
    position.changed_t = e.t
    if trade is not None:
        _drop_stops(state, trade, fill.price, stop)
    if order is not None:
        _fill_order(state, order, fill)
    state.fills_total += 1
    _keep(state.fills, fill)
    if state.keep_log:
        text = f"{fill.side} {fill.qty:f} {fill.symbol} at {fill.price:f} fee {fill.fee:f}"
        log(state, "fill", "good", text, fill.client_id)
    _refresh_protection(state, fill.symbol)
    if trade is not None:
        position.idle_bars = 0
        state.trades_total += 1
        won = trade.pnl > 0
        state.wins_total += won
        if trade.pnl:
            state.risk.losses_in_row = 0 if won else state.risk.losses_in_row + 1
        state.risk.last_exit_t = e.t
        _keep(state.trades, trade)
        if state.keep_log:
            text = f"{trade.symbol} closed by {trade.exit_why}: {trade.pnl:+.2f}"
            log(state, "trade", "good" if won else "warning", text, fill.client_id)


def _fill_order(state: State, order: Order, fill: Fill) -> None:
    paid = (order.avg_price or ZERO) * order.filled + fill.price * fill.qty
    order.filled += fill.qty
    order.avg_price = paid / order.filled
    order.seen_t = state.t
    if not order.venue_id and fill.venue_order_id:
        order.venue_id = fill.venue_order_id
        state.venue_ids[fill.venue_order_id] = order.client_id
    status: str = "FILLED" if order.filled >= order.qty else "PARTIALLY_FILLED"
    if status != "FILLED" and order.ending and order.filled >= order.venue_filled:
        status = order.ending
    if order.status in ("CANCELLED", "EXPIRED") and status != "FILLED":
        order.updated_t = state.t
        return
    _set_status(state, order, status)


def _drop_stops(state: State, trade: Trade, price: Decimal, stop: Decimal | None) -> None:
    """The protective orders of a closed position end with it, also before the venue says so; one for the other side stays."""
    if not state.stops:
        return
    side = 1 if trade.side == "BUY" else -1
    for row in [s for s in state.stops.values() if s.symbol == trade.symbol]:
        at = row.stop if row.stop is not None else row.target
        behind = 1 if row.stop is not None else -1
        if at is not None and (row.stop == stop or (price - at) * side * behind >= 0):
            del state.stops[row.stop_id]


def _stop_ok(stop: Stop) -> bool:
    return _amount(stop.qty, stop.stop, stop.target) and all(
        x is None or x > 0 for x in (stop.qty, stop.stop, stop.target)
    )


def _stop(state: State, e: ev.StopReport) -> None:
    stop = e.stop
    if not _stop_ok(stop):
        _impossible(state, "private", f"a protective order of {stop.symbol}")
        return
    if e.status == "NEW":
        state.stops[stop.stop_id] = stop
    else:
        state.stops.pop(stop.stop_id, None)
        log(
            state,
            "stop",
            "warning" if e.status == "FAILED" else "info",
            f"protective order {e.status.lower()} {stop.symbol}",
        )
    _refresh_protection(state, stop.symbol)


def _stops(state: State, e: ev.StopsListed) -> None:
    for stop_id in [s.stop_id for s in state.stops.values() if s.symbol == e.symbol]:
        del state.stops[stop_id]
    for stop in e.stops:
        if stop.symbol == e.symbol and _stop_ok(stop):
            state.stops[stop.stop_id] = stop
    _refresh_protection(state, e.symbol)


def _refresh_protection(state: State, symbol: str) -> None:
    """The position's stop is the nearest one that stands at the venue; it is naked until stops cover all of it."""
    position = state.positions.get(symbol)
    if position is None or not position.qty:
        return
    if not state.stops:
        position.stop = None
        if not position.naked_since:
            position.naked_since, position.protect_tries = state.t, 0
        return
    side = 1 if position.qty > 0 else -1
    standing = [s for s in state.stops.values() if s.symbol == symbol]
    guards = [(s.stop, s.qty) for s in standing if s.stop is not None and _protects(state, position, s.stop)]
    targets = [s.target for s in standing if s.target is not None and (s.target - position.entry) * side > 0]
    nearest = max if side > 0 else min
    position.stop = nearest(stop for stop, _ in guards) if guards else None
    if targets:
        position.target = targets[0]
    if position.stop is not None and position.risk_per_unit is None and (position.entry - position.stop) * side > 0:
        position.risk_per_unit = abs(position.entry - position.stop)
    covered = any(qty is None for _, qty in guards) or sum(q or ZERO for _, q in guards) >= abs(position.qty)
    if not covered:
        if not position.naked_since:
            position.naked_since, position.protect_tries = state.t, 0
        return
    position.naked_since = position.protect_tries = 0
    if position.stop == position.wanted_stop:
        position.protect_t = 0
    position.wanted_stop = position.stop
    state.alarms.pop(f"ProtectFailed/{symbol}", None)
    state.alarms.pop(f"NakedPosition/{symbol}", None)


def _protects(state: State, position: Position, stop: Decimal) -> bool:
    """On the losing side of the entry or of the present price: a stop left from a position of the other side is on neither."""
    side = 1 if position.qty > 0 else -1
    market = state.markets.get(position.symbol)
    price = market.price if market is not None else 0.0
    return (position.entry - stop) * side > 0 or not price or (price - float(stop)) * side > 0


def _funding(state: State, e: ev.FundingPaid) -> None:
    if not _amount(e.amount):
        _impossible(state, "private", f"funding of {e.symbol}")
        return
    ledger.book_funding(state.account, state.positions.get(e.symbol), e.amount)
    log(state, "funding", "info", f"funding {e.amount:+f} on {e.symbol}")


def _snapshot(state: State, e: ev.SnapshotTaken) -> None:
    if not e.complete:
        return
    state.snapshot_t = e.t
    private = state.links.get("private")
    if private is None or state.snapshot_asked_t >= private.changed_t:
        state.doubt = False  # one that was asked for before the link broke proves nothing about what happened meanwhile
    for client_id in list(state.open_orders):
        order = state.orders[client_id]
        if working(order) and not order.sent_t and order.seen_t < state.snapshot_asked_t:
            _set_status(state, order, "CANCELLED", "not among the venue's orders any more")


# --- links -----------------------------------------------------------------------------------------------------


def _link(state: State, e: ev.LinkReport) -> None:
    link = link_of(state, e.link)
    if link.state != e.state:
        link.changed_t = e.t
        level = {"up": "good", "connecting": "info"}.get(e.state, "warning")
        log(state, "link", level, f"{e.link} {e.state} {e.detail}".rstrip())
        if e.link == "private" and e.state != "up":
            state.doubt = True
    link.state = e.state
    link.reconnects, link.missed, link.detail = e.reconnects, e.missed, e.detail
    if e.latency_ms is not None:
        link.latency_ms = e.latency_ms
    if e.state == "up":
        link.last_t = e.t


def _bad(state: State, e: ev.BadMessage) -> None:
    link_of(state, e.link).bad += 1
    log(state, "bad", "warning", f"unreadable message on {e.link} ({e.why}) ×{e.count}")


def _screen_failed(state: State, e: ev.ScreenFailed) -> None:
    log(state, "screen", "warning", f"{e.where}: {e.text}")


# --- the operator and the decisions ----------------------------------------------------------------------------


def _command(state: State, e: ev.Command) -> None:
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


def _noted(state: State, e: ev.Noted) -> None:
    note = Note(e.t, state.seq, e.strategy, e.symbol, e.open_time, e.verdict, e.text)
    _keep(state.notes, note)
    state.latest_note[f"{e.strategy}/{e.symbol}"] = note


def _decided(state: State, e: ev.OrderDecided) -> None:
    order = msgspec.structs.replace(e.order)
    state.orders[order.client_id] = order
    state.open_orders[order.client_id] = e.t
    state.orders_total += 1
    if order.reduce_only and order.symbol in state.positions:
        state.positions[order.symbol].close_t = e.t
    if state.keep_log:
        at = "market" if order.price is None else f"{order.price:f}"
        text = f"{order.side} {order.qty:f} {order.symbol} at {at} proposed by {order.strategy or 'operator'}"
        log(state, "order", "info", text, order.client_id)
    _forget_orders(state)


def _forget_orders(state: State) -> None:
    if len(state.orders) <= ROWS_KEPT + ROWS_KEPT // 4:
        return
    final = [cid for cid, order in state.orders.items() if order.final]
    for cid in final[: len(state.orders) - ROWS_KEPT]:
        state.venue_ids.pop(state.orders.pop(cid).venue_id, None)


def _refused(state: State, e: ev.Refused) -> None:
    row = Rejection(
        e.t, state.seq, e.code, e.limit, e.value, e.text, e.client_id, e.symbol, e.side, e.qty, e.price, e.strategy, e.source
    )  # fmt: skip
    _keep(state.rejections, row)
    state.rejected[e.code] = state.rejected.get(e.code, 0) + 1
    order = state.orders.get(e.client_id)
    if order is not None and order.status in ("PROPOSED", "AWAITING_APPROVAL"):
        _set_status(state, order, "DENIED", e.code)
    log(state, "rejection", "warning", f"{e.code}: {e.text}", e.client_id)


def _approval_asked(state: State, e: ev.ApprovalAsked) -> None:
    state.approvals[e.client_id] = Approval(e.client_id, e.t, e.expires_t)
    order = state.orders.get(e.client_id)
    if order is not None:
        _set_status(state, order, "AWAITING_APPROVAL")


def _approval_closed(state: State, e: ev.ApprovalClosed) -> None:
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


def _sent(state: State, e: ev.OrderSent) -> None:
    order = state.orders.get(e.client_id)
    if order is None:
        return
    order.sent_t = e.t
    state.risk.sent_t.append(e.t)
    _forget_sent(state)
    if order.role == "entry" and order.strategy:
        state.risk.repeats[order.strategy] = state.risk.repeats.get(order.strategy, 0) + 1
    _set_status(state, order, "SUBMITTED")


def _cancel_sent(state: State, e: ev.CancelSent) -> None:
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


def _protect_sent(state: State, e: ev.ProtectSent) -> None:
    position = state.positions.get(e.symbol)
    if position is not None:
        position.wanted_stop = e.stop
        position.protect_t = e.t
        position.protect_tries += 1
    target = f", target {e.target:f}" if e.target is not None else ""
    log(state, "stop", "info", f"stop {e.stop:f}{target} on {e.symbol}: {e.why}")


def _protect_report(state: State, e: ev.ProtectReport) -> None:
    position = state.positions.get(e.symbol)
    if position is not None and position.naked_since:
        if e.ok:
            position.protect_tries = max(0, position.protect_tries - 1)  # taken; whether it stands is read
        elif e.ok is False:
            position.protect_t = 0
    if e.ok is not True:
        log(
            state,
            "stop",
            "warning",
            f"stop on {e.symbol} {'refused' if e.ok is False else 'unanswered'}: {e.code} {e.message}".rstrip(),
        )


def _snapshot_asked(state: State, e: ev.SnapshotAsked) -> None:
    state.snapshot_asked_t = e.t


def _query_sent(state: State, e: ev.QuerySent) -> None:
    order = state.orders.get(e.client_id)
    if order is not None:
        order.query_t = e.t


def _trading(state: State, e: ev.TradingChanged) -> None:
    state.trading, state.trading_why, state.trading_t = e.state, e.why, e.t
    if e.state == "ACTIVE":
        _count_anew(state)
    level = {"ACTIVE": "good", "HALTED": "alarm", "SAFE": "alarm"}.get(e.state, "warning")
    log(state, "state", level, f"{e.state} by {e.by}: {e.why}")


_STANDING = frozenset({"NakedPosition", "PositionMismatch", "BalanceMismatch", "ProtectFailed"})


def _noticed(state: State, e: ev.Noticed) -> None:
    level, title = NOTICES.get(e.kind, ("warning", e.kind))
    log(state, e.kind, level, f"{title}: {e.text}")
    position = state.positions.get(e.symbol)
    if position is not None:
        position.stale = position.stale or e.kind == "StalePosition"
        position.trailing = position.trailing or e.kind == "TrailActivated"
    if e.kind in _STANDING:
        key = f"{e.kind}/{e.symbol}"
        if e.over:
            state.alarms.pop(key, None)
        else:
            state.alarms[key] = f"{title}: {e.text}"


_CHANGES: dict[type[ev.Event], Callable[[State, Any], None]] = {
    ev.SessionStarted: _session_started,
    ev.SessionEnded: _session_ended,
    ev.ShutdownStep: _shutdown_step,
    ev.GateReport: _gate,
    ev.Clock: _clock,
    ev.InstrumentListed: _instrument,
    ev.CandlesLoaded: _candles_loaded,
    ev.CandleTick: _candle,
    ev.BookTick: _book,
    ev.TradeTick: _trade_tick,
    ev.TickerTick: _ticker,
    ev.MarkTick: _mark,
    ev.AccountReport: _account,
    ev.PositionReport: _position,
    ev.OrderReport: _order_report,
    ev.CancelReport: _cancel_report,
    ev.FillReport: _fill,
    ev.StopReport: _stop,
    ev.StopsListed: _stops,
    ev.FundingPaid: _funding,
    ev.SnapshotTaken: _snapshot,
    ev.LinkReport: _link,
    ev.BadMessage: _bad,
    ev.Command: _command,
    ev.ScreenFailed: _screen_failed,
    ev.Noted: _noted,
    ev.OrderDecided: _decided,
    ev.Refused: _refused,
    ev.ApprovalAsked: _approval_asked,
    ev.ApprovalClosed: _approval_closed,
    ev.OrderSent: _sent,
    ev.CancelSent: _cancel_sent,
    ev.ProtectSent: _protect_sent,
    ev.ProtectReport: _protect_report,
    ev.QuerySent: _query_sent,
    ev.SnapshotAsked: _snapshot_asked,
    ev.TradingChanged: _trading,
    ev.Noticed: _noticed,
}


def position_delta(position: Position) -> Decimal:
    """What the venue holds beyond what our fills say; zero while the venue has said nothing."""
    return ZERO if position.venue_qty is None else position.venue_qty - position.qty
