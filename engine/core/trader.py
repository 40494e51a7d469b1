"""The trader: one step an event. It folds the event into the state, then decides, and returns its decisions in order.

Every decision is applied to the state the moment it is made, so the journal of inputs and decisions, folded again, gives the same
state; and the same inputs through a new trader give the same decisions. Effects are decisions too (``OrderSent``, ``CancelSent``,
``QuerySent``, ``ProtectSent``, ``SnapshotAsked``, ``HistoryAsked``, ``LinksAsked``): the session carries them out, once durable.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from engine.core import errors, loss_kill, operator, protection, reconcile, recovery, sizing
from engine.core.exposure import closing, to_close
from engine.core.fold import apply
from engine.core.fold.account import find_order
from engine.core.orders import entry_price, from_intent, on_ticks, pieces, reducing, sensible, terms
from engine.core.risk import Approved, Bar, Breach, barred, gate, working_entries
from engine.model import events as ev
from engine.model.market import MINUTE_NS, SECOND_NS, Candle, Instrument
from engine.model.orders import ZERO, Intent, Order, Side, sign
from engine.model.settings import Profile
from engine.model.state import CANDLES_KEPT, Market, State, equity
from engine.strategies.base import Strategy, View

Answer = tuple[Strategy[Any], list[Intent]]


class Trader:
    """The deterministic decision maker of a session. ``strategies`` maps a symbol to its strategies, first come first served."""

    def __init__(self, profile: Profile, strategies: dict[str, list[Strategy[Any]]]) -> None:
        self.profile = profile
        self.strategies = strategies
        self.state = State()
        self.notes = True
        """Also note why nothing was done; a backtest of many bars does without."""
        self._decided: list[ev.Event] = []
        self._status_before = ""
        self._bar_before = -1
        self._handlers: dict[type[ev.Event], Callable[[Any], None]] = {
            ev.CandleTick: self._on_candle,
            ev.CandlesLoaded: self._on_candles_loaded,
            ev.MarkTick: lambda e: protection.trail(self, e.symbol),
            ev.Clock: self._on_clock,
            ev.Command: lambda e: recovery.obey(self, e),
            ev.OrderReport: self._on_order_report,
            ev.ProtectReport: lambda e: protection.answered(self, e),
            ev.LinkReport: lambda e: reconcile.linked(self, e),
            ev.SnapshotTaken: lambda e: recovery.compared(self, e),
            ev.Carried: lambda e: recovery.begin(self, e),
            ev.Reported: lambda e: self.notice(e.kind, "", e.text, over=e.over),
        }
        if profile.trading.on_loss_limit == "kill":
            for kind in (ev.FillReport, ev.FundingPaid, ev.MarkTick, ev.TradeTick, ev.Clock):
                self._handlers[kind] = self._and_watch_losses(self._handlers.get(kind))
        if profile.errors.budget and profile.mode != "BACKTEST":
            for costly in errors.KINDS:
                self._handlers[costly] = self._and_watch_errors(self._handlers.get(costly))
        self._looks: dict[type[ev.Event], Callable[[Any], None]] = {
            ev.OrderReport: self._look_at_order,
            ev.CandleTick: self._look_at_candles,
        }
        """What an event is about to change is remembered where the decision depends on the difference."""

    def _and_watch_losses(self, handler: Callable[[Any], None] | None) -> Callable[[Any], None]:
        """Events that change money, prices or the day; the kill switch comes before whatever else they lead to."""

        def handle(event: ev.Event) -> None:
            loss_kill.watch(self)
            if handler is not None:
                handler(event)

        return handle

    def _and_watch_errors(self, handler: Callable[[Any], None] | None) -> Callable[[Any], None]:
        def handle(event: ev.Event) -> None:
            if handler is not None:
                handler(event)
            errors.watch(self)

        return handle

    def step(self, event: ev.Event) -> list[ev.Event]:
        """Take one input; returns the decisions that follow from it, already applied, in the order they were made."""
        self._decided = []
        kind = type(event)
        if kind in self._looks:
            self._looks[kind](event)
        apply(self.state, event)
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(event)
        return self._decided

    def _look_at_order(self, e: ev.OrderReport) -> None:
        order = find_order(self.state, e.client_id, e.venue_id)
        self._status_before = "" if order is None else order.status

    def _look_at_candles(self, e: ev.CandleTick) -> None:
        if e.closed:
            market = self.state.markets.get(e.symbol)
            self._bar_before = market.candles[-1].open_time if market is not None and market.candles else -1

    def decide(self, decision: ev.Event) -> None:
        """Make a decision: it changes the state now and is returned by the step under way."""
        self._decided.append(decision)
        apply(self.state, decision)

    # --- candles ----------------------------------------------------------------------------------------------

    def _on_candle(self, e: ev.CandleTick) -> None:
        market = self.state.markets.get(e.symbol)
        if not e.closed or market is None or e.candle.open_time <= self._bar_before:
            return  # still running, told before, or a correction
        if not market.candles or market.candles[-1] is not e.candle:
            return  # the fold did not take it
        if e.candle.volume == 0:
            self.notice("LowVolume", e.symbol, f"the candle of {e.symbol} traded nothing")
        waiting = bool(market.gap_from)
        if waiting:
            self._ask_for_gap(market, e.candle)
        self._expire_limits(e.symbol)
        protection.watch_age(self, e.symbol)
        for strategy in self.strategies.get(e.symbol, ()):
            strategy.observe(e.candle)
        if not waiting:
            self._consult(market, e.candle)

    def _ask_for_gap(self, market: Market, candle: Candle) -> None:
        """Said once a gap, asked for at every candle until an answer comes."""
        missing = (candle.open_time - self._bar_before) // MINUTE_NS - 1
        if missing > 0:
            text = f"{missing} candle(s) missing before the last one of {market.symbol}"
            self.notice("GapDetected", market.symbol, text)
        start = max(market.gap_from, candle.open_time - CANDLES_KEPT * MINUTE_NS)
        self.decide(ev.HistoryAsked(self.state.t, market.symbol, start, candle.open_time))

    def _on_candles_loaded(self, e: ev.CandlesLoaded) -> None:
        """History has changed: strategies see it again from the start."""
        self.strategies[e.symbol] = [type(s)(s.params) for s in self.strategies.get(e.symbol, ())]
        for strategy in self.strategies[e.symbol]:
            for candle in self.state.markets[e.symbol].candles:
                strategy.observe(candle)

    def _consult(self, market: Market, candle: Candle) -> None:
        strategies = self.strategies.get(market.symbol, ())
        if strategies and market.instrument is not None and not self.state.recovery.open:
            view = self.view(market, market.instrument)
            self._hear(market.symbol, candle, [(strategy, strategy.decide(candle, view)) for strategy in strategies])

    def view(self, market: Market, instrument: Instrument) -> View:
        """What the strategies of a symbol may know at this point besides candles."""
        position = self.state.positions.get(market.symbol)
        idle = position.idle_bars if position is not None and position.idle_bars >= 0 else None
        return View(instrument, position, bool(working_entries(self.state, market.symbol)), market.funding_rate, idle)

    def answer(self, symbol: str, candle: Candle, answers: list[Answer]) -> list[ev.Event]:
        """The rest of a step whose strategies have been asked already, by a runner that asks them itself."""
        self._decided = []
        self._hear(symbol, candle, answers)
        return self._decided

    def _hear(self, symbol: str, candle: Candle, answers: list[Answer]) -> None:
        """The first strategy that wants to act is heard, the others only note their reasons."""
        state = self.state
        own = equity(state)  # a step's own decisions change neither money nor price
        bar = barred(state, self.profile.risk, own)
        first = ""
        chosen: list[Intent] = []
        for strategy, asked in answers:
            intents = [i for i in asked if not self._was_told(strategy.name, symbol, i, bar)] if bar else asked
            if not intents and not self.notes:
                continue
            verdict, text = "wait", strategy.why
            if bar and asked and not intents:
                verdict, text = "blocked", f"{bar.text}: {text}"
            declined = state.risk.declined and intents and intents[-1].role == "entry"
            rest = self._rest(strategy.name, symbol) if declined else ""
            if rest:
                verdict, text = "blocked", f"{rest}: {text}"
            elif intents and first:
                verdict, text = "blocked", f"{first} was first: {text}"
            elif intents:
                verdict, first, chosen = "blocked" if bar else "signal", strategy.name, intents
            self.decide(ev.Noted(state.t, strategy.name, symbol, candle.open_time, verdict, text))
        for intent in chosen:
            self.propose(intent, symbol, first, own)

    def _was_told(self, strategy: str, symbol: str, intent: Intent, bar: Bar) -> bool:
        """Whether an entry of this side was refused for the same standing reason before: the notes go on telling it."""
        return intent.role == "entry" and self.state.risk.told.get(f"{strategy}/{symbol}/{intent.side}") == bar.code

    def _rest(self, strategy: str, symbol: str) -> str:
        """Who was told no, or got no answer, does not ask again at once."""
        since, limit = self.state.risk.declined.get(f"{strategy}/{symbol}"), self.profile.trading.decline_rest_bars
        return f"no {since} of {limit} bars ago" if since is not None and since <= limit else ""

    def _expire_limits(self, symbol: str) -> None:
        old = [
            o.client_id
            for o in working_entries(self.state, symbol)
            if o.expires_bars and o.bars >= o.expires_bars and o.sent_t and self.state.t - o.cancel_sent_t >= MINUTE_NS
        ]
        if old:
            self.decide(ev.CancelSent(self.state.t, old, "not filled in time"))

    # --- orders -----------------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """Client order id of the next decision: the session's tag and the sequence number that it will have."""
        return f"{self.state.session.tag}-{self.state.seq + 1}"

    def propose(self, intent: Intent, symbol: str, strategy: str, own: float) -> None:
        """Turn an intent into an order, fit it under the caps, and take it as far as the gate and the approval rules allow.

        ``own`` is the equity.
        """
        if intent.role == "exit":
            self.reduce(symbol, intent.why, strategy)
            return
        state, market, rules = self.state, self.state.markets[symbol], self.profile
        instrument, bid, ask = market.instrument, market.bid, market.ask
        assert instrument is not None
        price = entry_price(intent, bid, ask)
        if not sensible(intent, price):
            self._refuse_nonsense(intent, symbol, strategy)
            return
        fitted = on_ticks(intent, instrument.tick)
        if fitted is not intent:
            intent, price = fitted, entry_price(fitted, bid, ask)
        wanted = sizing.wanted_quantity(intent, own, rules.trading.risk_pct, price)
        order = from_intent(
            intent,
            client_id=self.next_id(),
            instrument=instrument,
            qty=wanted,
            strategy=strategy,
            reference=market.mid,
            t=state.t,
        )
        sized = sizing.size(state, order, instrument, rules.risk, price, own)
        order.qty, order.resized = sized.qty, sized.resized
        self.decide(ev.OrderDecided(state.t, order))
        if sized.resized:
            self.notice("OrderResized", symbol, sized.resized)
        order = state.orders[order.client_id]
        verdict = sized.breach or gate(state, order, rules.risk, own)
        if isinstance(verdict, Breach):
            self.refuse(verdict, order)
        elif rules.trading.approval == "required":
            expires_t = state.t + int(rules.trading.approval_ttl_s * SECOND_NS)
            self.decide(ev.ApprovalAsked(state.t, order.client_id, expires_t))
        else:
            self.send(verdict)

    def reduce(self, symbol: str, why: str, strategy: str = "", qty: Decimal | None = None) -> bool:
        """Close a position (or ``qty`` of it) at market, reduce-only. Needs no approval: it can only reduce.

        What orders on their way already close is not closed twice: False when that leaves nothing to do.
        """
        state = self.state
        held = to_close(state, symbol)
        if not held:
            return False
        market = state.markets.get(symbol)
        side: Side = "SELL" if held > 0 else "BUY"
        left = abs(held) - closing(state, symbol, side)
        if left <= 0:
            return False
        for piece in pieces(min(qty, left) if qty else left, market.instrument if market else None):
            order = reducing(
                symbol,
                side,
                piece,
                client_id=self.next_id(),
                why=why,
                reference=market.mid if market else 0.0,
                t=state.t,
            )
            order.strategy = strategy
            self.decide(ev.OrderDecided(state.t, order))
            verdict = gate(state, state.orders[order.client_id], self.profile.risk)
            if isinstance(verdict, Breach):
                self.refuse(verdict, state.orders[order.client_id])
                break
            self.send(verdict)
        return True

    def _refuse_nonsense(self, intent: Intent, symbol: str, strategy: str) -> None:
        text = f"{strategy} asked for what cannot be: {intent.kind} price {intent.price}, stop {intent.stop}"
        order = Order(
            client_id="", symbol=symbol, side=intent.side, kind=intent.kind, qty=ZERO, strategy=strategy, created_t=self.state.t
        )  # fmt: skip
        self.refuse(Breach("outlier_price", "a finite price", "none", text), order)

    def send(self, approved: Approved) -> None:
        self.decide(ev.OrderSent(self.state.t, approved.order.client_id))

    def refuse(self, breach: Breach, order: Order, source: str = "risk") -> None:
        self.decide(
            ev.Refused(
                self.state.t,
                breach.code,
                breach.limit,
                breach.value,
                breach.text,
                order.client_id,
                order.symbol,
                order.side,
                order.qty,
                order.price,
                order.strategy,
                source,  # type: ignore[arg-type]
            )
        )

    def cancel(self, orders: list[Order], why: str) -> None:
        if orders:
            self.decide(ev.CancelSent(self.state.t, [order.client_id for order in orders], why))

    def notice(self, kind: str, symbol: str, text: str, *, over: bool = False) -> None:
        self.decide(ev.Noticed(self.state.t, kind, symbol, text, over))

    # --- approvals --------------------------------------------------------------------------------------------

    def approve(self, client_id: str, shown: str, by: str) -> None:
        """A person said yes to the terms that were on the screen: check that they still hold, judge again, send."""
        state = self.state
        approval, order = state.approvals.get(client_id), state.orders.get(client_id)
        if approval is None or order is None:
            self.notice("StaleCommand", "", f"nothing waits for approval under {client_id or 'that key'}")
            return
        if shown != terms(order):
            self.notice("StaleCommand", order.symbol, "the terms on the screen were not the order's; nothing was sent")
            return
        breach = self._outdated(order) or gate(state, order, self.profile.risk)
        if isinstance(breach, Breach):
            self.close_approval(order, "withdrawn", by, breach)
            return
        self.decide(ev.ApprovalClosed(state.t, client_id, "approved", by))
        self.send(breach)

    def close_approval(self, order: Order, outcome: str, by: str, breach: Breach) -> None:
        self.decide(ev.ApprovalClosed(self.state.t, order.client_id, outcome, by, breach.text))
        self.refuse(breach, order, "operator" if outcome == "declined" else "risk")

    def _outdated(self, order: Order) -> Breach | None:
        """An answer counts only in time and at about the price that was shown."""
        state, rules = self.state, self.profile.trading
        approval = state.approvals[order.client_id]
        if state.t >= approval.expires_t:
            ttl = f"{rules.approval_ttl_s:g} s"
            return Breach("approval_expired", ttl, ttl, f"nobody answered within {ttl}, which means no")
        market = state.markets[order.symbol]
        if order.stop is not None and market.mid and (market.mid - float(order.stop)) * sign(order.side) <= 0:
            text = f"the price {market.mid:g} has passed the stop {order.stop:f}"
            return Breach("no_stop", f"{market.mid:g}", f"{order.stop:f}", text)
        if order.price is not None:
            return None  # a limit fills at its price or not at all; the gate's collar judges how far that is
        moved = abs(market.mid - order.reference) / order.reference * 10_000 if order.reference else 0.0
        limit = rules.approval_max_move_bps
        if moved > limit:
            text = f"the price moved {moved:.1f} bp since the order was proposed, limit {limit:g} bp"
            return Breach("approval_expired", f"{limit:g} bp", f"{moved:.1f} bp", text)
        return None

    def drop_approvals(self, breach: Breach, by: str) -> None:
        for client_id in list(self.state.approvals):
            self.close_approval(self.state.orders[client_id], "withdrawn", by, breach)

    # --- answers and time -------------------------------------------------------------------------------------

    def _on_order_report(self, e: ev.OrderReport) -> None:
        order = find_order(self.state, e.client_id, e.venue_id)
        if order is None:
            return
        if not self._status_before and order.role == "foreign":
            self.notice(
                "ForeignOrder", order.symbol, f"{order.side} {order.qty:f} {order.symbol} was not sent by this session"
            )
        if order.status == self._status_before:
            return
        if self.state.recovery.open and order.client_id in self.state.recovery.orders:
            return  # told together, once all of them have been asked about
        if order.status == "REJECTED":
            self.refuse(
                Breach("venue_rejected", "accepted", e.code, e.message or f"the venue refused with {e.code}"),
                order,
                "venue",
            )
        elif order.status == "UNKNOWN":
            self.notice("UnknownOrder", order.symbol, f"no answer to {order.side} {order.qty:f} {order.symbol}")
            self.decide(ev.QuerySent(self.state.t, order.client_id, "no answer"))

    def _on_clock(self, _: ev.Clock) -> None:
        if self.state.recovery.open:
            recovery.watch(self)
            return
        for client_id in list(self.state.approvals):
            order = self.state.orders[client_id]
            breach = self._outdated(order)
            if breach is not None:
                expired = self.state.t >= self.state.approvals[client_id].expires_t
                self.close_approval(order, "expired" if expired else "withdrawn", "clock", breach)
        reconcile.chase(self)
        protection.guard(self)
        operator.insist(self)


def copy_of(state: State) -> State:
    """A state that shares nothing with ``state``."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
