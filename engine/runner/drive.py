"""Bars through a trader and a simulated venue: stepped one by one, or with the quiet ones folded many at a time.

Both ways give the same decisions, fills and state. ``step_all`` sends every bar's quote, mark, clock and candle through
``Trader.step``. ``run`` does that only for bars in which something can happen besides the strategy's own wish: an order works, a
price reaches a stop, a target, the trailing level or liquidation, funding falls due, a timer of the trader runs out, or the data
has a gap. On all other bars it asks the strategy directly and, when that wants to act, first brings the state up to that bar.

Market data is not journaled but referred to, so its events get no sequence number of their own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from engine.core.protection import TRAIL_STEP_R
from engine.core.trader import Answer, Trader
from engine.model import events as ev
from engine.model.market import MINUTE_NS, SECOND_NS, Candle
from engine.model.orders import Fill, Order, Position, Trade, sign
from engine.model.state import Market, equity
from engine.runner.catchup import catch_up, points
from engine.runner.data import Bars
from engine.sim.paper import PaperVenue
from engine.strategies.base import View

SLACK = 1e-9
"""Relative distance from a level at which a bar is looked at closely, far over the noise of floats."""
INFINITE = float("inf")
NEVER = 1 << 61
"""A time beyond all that a venue can name."""


class Drive:
    """One run, with all that it gave: the state keeps only the newest rows.

    ``steps`` counts events that went through the trader, ``quiet`` the bars that did not; ``curve`` is the equity at each close.
    """

    def __init__(
        self, trader: Trader, venue: PaperVenue, bars: Bars, symbol: str, record: Callable[[ev.Event], object] | None = None
    ) -> None:  # fmt: skip
        self.trader = trader
        self.venue = venue
        self.bars = bars
        self.symbol = symbol
        self.record = record
        self.state = trader.state
        self.curve = array("d")
        self.steps = 0
        self.quiet = 0
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.refusals: list[ev.Refused] = []

    # --- events --------------------------------------------------------------------------------------------------

    def take(self, event: ev.Event) -> None:
        """An input that is journaled, what the trader decides on it, and what the venue answers to that."""
        if self.record is not None:
            self.record(event)
        self.steps += 1
        decisions = self.trader.step(event)
        if type(event) is ev.FillReport:
            self.fills.append(self.state.fills[-1])
            if self.state.trades_total > len(self.trades):
                self.trades.append(self.state.trades[-1])
        if decisions:
            self._carry(decisions)

    def take_all(self, events: list[ev.Event]) -> None:
        for event in events:
            self.take(event)

    def _market(self, event: ev.Event) -> None:
        """An input that the recording refers to by the data's hash and row."""
        self.state.seq -= 1
        self.steps += 1
        decisions = self.trader.step(event)
        if decisions:
            self._carry(decisions)

    def _carry(self, decisions: list[ev.Event]) -> None:
        record, carry, state = self.record, self.venue.carry, self.state
        answers: list[ev.Event] = []
        for decision in decisions:
            if record is not None:
                record(decision)
            kind = type(decision)
            if kind is ev.OrderDecided:
                self.orders.append(state.orders[decision.order.client_id])  # type: ignore[attr-defined]
            elif kind is ev.Refused:
                self.refusals.append(decision)  # type: ignore[arg-type]
            elif kind is not ev.Noted:
                answers += carry(decision, state)
        for answer in answers:
            self.take(answer)

    # --- every bar through the trader ----------------------------------------------------------------------------

    def step_all(self, told: Callable[[int], object] | None = None) -> None:
        """``told`` hears of every bar's number."""
        for row, candle in enumerate(self.bars.candles):
            self.take_all(self.venue.opens(self.symbol, candle))
            self.take_all(self.venue.trades(self.symbol, candle))
            self._step_market(row)
            if told is not None:
                told(row)

    def _step_market(self, row: int) -> None:
        candle, symbol = self.bars.candles[row], self.symbol
        t = candle.open_time + MINUTE_NS
        for event in self.venue.quote(symbol, candle):
            self._market(event)
        self._market(ev.Clock(t))
        self.curve.append(equity(self.state))
        self._market(ev.CandleTick(t, symbol, candle, True))

    # --- quiet bars many at a time -------------------------------------------------------------------------------

    def run(self, told: Callable[[int], object] | None = None) -> None:
        """``told`` hears of the number of the last bar, now and then."""
        venue, symbol, candles = self.venue, self.symbol, self.bars.candles
        desk = venue.desks[symbol]
        start = (candles[0].open_time, float(self.state.account.start))
        row, end = 0, len(candles)
        while row < end:
            candle = candles[row]
            if desk.orders or venue.next_funding(symbol) < candle.open_time + MINUTE_NS:
                self.take_all(venue.opens(symbol, candle))
            stop, low, high = self._quiet_until(row)
            if desk.orders or stop <= row or candle.low <= low or candle.high >= high:
                self.take_all(venue.trades(symbol, candle))
                self._step_market(row)
                row += 1
            else:
                row = self._cruise(row, stop, low, high)
            if told is not None:
                told(row - 1)
        self.state.equity[:] = points(start, candles, self.curve)

    def _cruise(self, first: int, stop: int, low: float, high: float) -> int:
        """Ask the strategies from bar ``first`` to before ``stop``, or to a bar that leaves the prices; gives the next bar."""
        trader, bars, symbol = self.trader, self.bars, self.symbol
        market = self.state.markets[symbol]
        strategies = trader.strategies[symbol]
        row, answers = _ask(trader, market, strategies, bars, first, stop, low, high)
        last = row - 1 if answers is None else row
        candle = bars.candles[last]
        self.quiet += last + 1 - first
        catch_up(
            self.state, market, bars, first, last, self.venue.book(symbol, candle.close), self.venue.rate(symbol), self.curve
        )  # fmt: skip
        self.venue.passed(symbol, candle, last + 1 - first)
        if answers is not None:
            self._carry(trader.answer(symbol, candle, answers))
        return last + 1

    def _quiet_until(self, row: int) -> tuple[int, float, float]:
        """The first bar from ``row`` on that must be stepped whatever its prices are, and the prices at which one must be."""
        state, symbol, bars = self.state, self.symbol, self.bars
        if (
            state.open_orders
            or state.approvals
            or state.alarms
            or state.doubt
            or state.risk.declined
            or state.markets[symbol].gap_from
        ):
            return row, 0.0, INFINITE
        odd, stop = bars.odd, len(bars.candles)
        if odd:
            at = bisect_left(odd, row)
            stop = odd[at] if at < len(odd) else stop
        closes = bars.candles[row].open_time + MINUTE_NS
        funding = self.venue.next_funding(symbol)
        if funding < NEVER:
            stop = min(stop, row + _bars_until(funding, closes))
        low, high = self.venue.bounds(symbol)
        position = state.positions.get(symbol)
        if position is None or not position.qty:
            return stop, low, high
        rules = self.trader.profile.trading
        if not position.stale:
            stop = min(stop, row + max(0, rules.stale_position_bars - 1 - position.bars))
        if position.naked_since:
            due = position.naked_since + int(rules.naked_grace_s * SECOND_NS)
            return min(stop, row + _bars_until(due, closes)), low, high
        level = trail_level(position, rules.trail_arm_r, rules.trail_distance_r)
        if level is None:
            return stop, low, high
        if position.qty > 0:
            return (row if position.best >= level else stop), low, min(high, level)
        return (row if position.best <= level else stop), max(low, level), high


def _bars_until(t: int, closes: int) -> int:
    """Bars that close before ``t``, when the next one closes at ``closes``."""
    return max(0, -((closes - t) // MINUTE_NS))


def trail_level(position: Position, arm_r: float, distance_r: float) -> float | None:
    """The price from which ``protection.trail`` has something to do; None when it never has."""
    if not arm_r or not position.risk_per_unit or position.stop is None:
        return None
    side = 1 if position.qty > 0 else -1
    risk, entry = float(position.risk_per_unit), float(position.entry)
    armed = entry + side * arm_r * risk
    moves = float(position.stop) + side * (distance_r + TRAIL_STEP_R) * risk
    level = (max(armed, moves) if side > 0 else min(armed, moves)) if position.trailing else armed
    return level * (1 - side * SLACK)


def _ask(
    trader: Trader, market: Market, strategies: list[Any], bars: Bars, first: int, stop: int, low: float, high: float
) -> tuple[int, list[Answer] | None]:
    """Bars in which only a strategy can act: the row at which one does and all answers, or the first row not asked and None.

    The first bar's prices are known to be inside. Counts what the fold counts bar by bar, since strategies may look at it.
    """
    assert market.instrument is not None
    candles = bars.candles
    view = trader.view(market, market.instrument)
    position = view.position or Position(symbol=market.symbol)
    held, side, idle = bool(position.qty), sign(position.side), not position.qty and position.idle_bars >= 0
    count, best = position.bars if held else position.idle_bars, position.best
    guarded = low >= bars.low or high <= bars.high
    alone: Any = strategies[0] if len(strategies) == 1 else _Together(strategies)
    observe, decide = alone.observe, alone.decide
    for row in range(first, stop):
        candle = candles[row]
        if guarded and (candle.low <= low or candle.high >= high):
            return row, None
        if held:
            count += 1
            position.bars = count
            close = candle.close
            if (close - best) * side > 0:
                position.best = best = close
        elif idle:
            count += 1
            position.idle_bars = view.bars_since_exit = count
        observe(candle)
        intents = decide(candle, view)
        if intents:
            return row, [(alone, intents)] if alone is strategies[0] else alone.answers
    return stop, None


class _Together:
    """Several strategies that are asked like one."""

    def __init__(self, strategies: list[Any]) -> None:
        self.strategies = strategies
        self.answers: list[Answer] = []

    def observe(self, candle: Candle) -> None:
        for strategy in self.strategies:
            strategy.observe(candle)

    def decide(self, candle: Candle, view: View) -> bool:
        self.answers = [(strategy, strategy.decide(candle, view)) for strategy in self.strategies]
        return any(intents for _, intents in self.answers)
