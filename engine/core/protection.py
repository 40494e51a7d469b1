"""Looking after positions: every one has a stop at the venue, trailing stops follow, old positions are pointed out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.core.orders import on_tick
from engine.model import events as ev
from engine.model.market import SECOND_NS
from engine.model.orders import Position, Stop
from engine.model.state import State, equity

if TYPE_CHECKING:
    from engine.core.trader import Trader

ANSWER_NS = 5 * SECOND_NS
TRIES = 3
TRAIL_STEP_R = 0.1
"""A trailing stop moves in steps of at least this much R, so that it costs few requests."""


def guard(trader: Trader) -> None:
    """Once a second: a position that has stood without a stop for longer than the grace time raises an alarm and gets one.

    If the venue refuses the stop (or does not answer) three times, the position is closed: better out than unprotected.
    """
    grace = int(trader.profile.trading.naked_grace_s * SECOND_NS)
    for symbol in sorted(trader.state.positions):
        position = trader.state.positions[symbol]
        if not position.qty:
            _clear_alarms(trader, symbol)
            continue
        if not position.naked_since or trader.state.t - position.naked_since < grace:
            continue
        if f"NakedPosition/{symbol}" not in trader.state.alarms:
            text = f"{position.qty:+f} {symbol} stands without a stop at the venue; placing one"
            trader.notice("NakedPosition", symbol, text)
        if position.protect_t and trader.state.t - position.protect_t < ANSWER_NS:
            continue
        if position.venue_qty == 0 and f"PositionMismatch/{symbol}" in trader.state.alarms:
            continue  # the venue holds nothing to protect or close; the difference is an alarm of its own
        if position.protect_tries >= TRIES:
            if trader.state.t - position.close_t >= ANSWER_NS:
                trader.reduce(symbol, "no stop could be placed")
            continue
        stop = position.wanted_stop or fallback_stop(trader, position)
        if stop is not None:
            trader.decide(ev.ProtectSent(trader.state.t, symbol, stop, position.target, "", "no stop at the venue"))


def _clear_alarms(trader: Trader, symbol: str) -> None:
    for kind in ("NakedPosition", "ProtectFailed"):
        if f"{kind}/{symbol}" in trader.state.alarms:
            trader.notice(kind, symbol, "the position is closed", over=True)


def fallback_stop(trader: Trader, position: Position) -> Decimal | None:
    """A stop for a position that came without one: it costs the risk of one trade, and is at most half way to liquidation.

    Never further away than half the price.
    """
    market = trader.state.markets.get(position.symbol)
    if market is None or market.instrument is None or not market.price:
        return None
    side = 1 if position.qty > 0 else -1
    budget = max(0.0, equity(trader.state)) * trader.profile.trading.risk_pct / 100
    distance = min(budget / abs(float(position.qty)), market.price / 2)
    if position.liquidation is not None and position.liquidation > 0:
        distance = min(distance, abs(market.price - position.liquidation) / 2)
    distance = max(distance, float(market.instrument.tick))
    return on_tick(max(market.price - side * distance, float(market.instrument.tick)), market.instrument.tick)


def answered(trader: Trader, report: ev.ProtectReport) -> None:
    position = trader.state.positions.get(report.symbol)
    if report.ok is False and position is not None and position.qty and position.naked_since:
        trader.notice("ProtectFailed", report.symbol, f"{report.code} {report.message}".strip() or "no reason given")


def trail(trader: Trader, symbol: str) -> None:
    """Follow the best price with the stop once profit has reached the arming level; it never moves back."""
    state, rules = trader.state, trader.profile.trading
    position = state.positions.get(symbol)
    if (
        position is None
        or not position.qty
        or not rules.trail_arm_r
        or not position.risk_per_unit
        or position.stop is None
        or position.naked_since
        or state.recovery.open
    ):
        return
    instrument = state.markets[symbol].instrument
    side = 1 if position.qty > 0 else -1
    risk = float(position.risk_per_unit)
    profit = (position.best - float(position.entry)) * side
    if not risk or profit < rules.trail_arm_r * risk or instrument is None:
        return
    if not position.trailing:
        behind = f"{rules.trail_distance_r:g} R behind"
        trader.notice("TrailActivated", symbol, f"at {profit / risk:+.1f} R the stop starts to follow, {behind}")
    if position.protect_t and state.t - position.protect_t < ANSWER_NS:
        return
    wanted = position.best - side * rules.trail_distance_r * risk
    if (wanted - float(position.stop)) * side < TRAIL_STEP_R * risk:
        return
    stop = on_tick(wanted, instrument.tick)
    if stop <= 0 or (stop - position.stop) * side <= 0:
        return
    standing = _nearest(state, symbol, position)
    trader.decide(
        ev.ProtectSent(state.t, symbol, stop, position.target, standing.stop_id if standing else "", "trailing")
    )


def _nearest(state: State, symbol: str, position: Position) -> Stop | None:
    return next((s for s in state.stops.values() if s.symbol == symbol and s.stop == position.stop), None)


def watch_age(trader: Trader, symbol: str) -> None:
    position = trader.state.positions.get(symbol)
    limit = trader.profile.trading.stale_position_bars
    if position is not None and position.qty and position.bars >= limit and not position.stale:
        trader.notice("StalePosition", symbol, f"{symbol} has been held for {position.bars} bars, limit {limit}")
