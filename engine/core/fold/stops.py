"""Protective orders, and whether they cover the position."""

from __future__ import annotations

from decimal import Decimal

from engine.core.fold.base import impossible, is_amount, log
from engine.model import events as ev
from engine.model.orders import ZERO, Position, Stop, Trade
from engine.model.state import State


def drop_stops(state: State, trade: Trade, price: Decimal, stop: Decimal | None) -> None:
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
    return is_amount(stop.qty, stop.stop, stop.target) and all(
        x is None or x > 0 for x in (stop.qty, stop.stop, stop.target)
    )


def on_stop(state: State, e: ev.StopReport) -> None:
    stop = e.stop
    if not _stop_ok(stop):
        impossible(state, "private", f"a protective order of {stop.symbol}")
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
    refresh_protection(state, stop.symbol)


def on_stops(state: State, e: ev.StopsListed) -> None:
    for stop_id in [s.stop_id for s in state.stops.values() if s.symbol == e.symbol]:
        del state.stops[stop_id]
    for stop in e.stops:
        if stop.symbol == e.symbol and _stop_ok(stop):
            state.stops[stop.stop_id] = stop
    refresh_protection(state, e.symbol)


def refresh_protection(state: State, symbol: str) -> None:
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


def on_protect_sent(state: State, e: ev.ProtectSent) -> None:
    position = state.positions.get(e.symbol)
    if position is not None:
        position.wanted_stop = e.stop
        position.protect_t = e.t
        position.protect_tries += 1
    target = f", target {e.target:f}" if e.target is not None else ""
    log(state, "stop", "info", f"stop {e.stop:f}{target} on {e.symbol}: {e.why}")


def on_protect_report(state: State, e: ev.ProtectReport) -> None:
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
