"""One run of a what-if: the recorded beginning as it is, the rest of the market through a trader and a simulated venue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import msgspec

from engine.core.fold import apply
from engine.core.trader import Trader
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.market import Candle
from engine.model.state import State
from engine.replay.answering import Answers, Approve, Person
from engine.replay.handover import carried
from engine.replay.tally import Outcome, Tally
from engine.replay.verify import Config, trader_of
from engine.replay.writing import Writer
from engine.sim.paper import PaperVenue
from engine.sim.paper_feed import by_market_time, taken

WHY = "what-if"
PROGRESS_EVERY = 5_000
KEPT: frozenset[type[ev.Event]] = frozenset(
    (
        *(ev.BookTick, ev.TradeTick, ev.MarkTick, ev.TickerTick, ev.CandleTick, ev.CandlesLoaded, ev.InstrumentListed),
        *(ev.Clock, ev.LinkReport, ev.SessionEnded),
    )
)
"""Recorded inputs that would have been the same: the market, the clock and the links. Commands are repeated by ``Person``."""
UNASKED: frozenset[type[ev.Event]] = frozenset({ev.HistoryAsked})
"""Effects that are not carried out: the recording has the answer."""


class Plan(msgspec.Struct):
    """What both runs have in common; ``handover`` is the number of the last event that is taken as it was recorded."""

    recording: Recording
    handover: int
    last: int
    answers: Answers
    approve: Approve
    fill: FillModel
    progress: Callable[[int], object]


def rerun(plan: Plan, config: Config, started: ev.SessionStarted, writer: Writer) -> Outcome:
    """Write the run's recording, which begins with ``started``, and give what it came to."""
    try:
        return _Run(plan, config, writer).all(started)
    except ArithmeticError as error:
        where = str(plan.recording.path)
        raise CockpitError(f"the recording holds numbers that no venue could trade at: {error!r}", where) from error


class _Run:
    def __init__(self, plan: Plan, config: Config, writer: Writer) -> None:
        self.plan = plan
        self.config = config
        self.writer = writer
        self.trader: Trader = trader_of(config)
        self.state: State = self.trader.state
        self.person = Person(plan.answers, plan.approve)
        self.tally = Tally()

    def all(self, started: ev.SessionStarted) -> Outcome:
        plan = self.plan
        self._as_recorded(started)
        for _, event in plan.recording.events(2, plan.handover):
            self._as_recorded(event)
        venue = self.venue = carried(self.state, self.config.profile, plan.fill)
        for client_id, approval in self.state.approvals.items():
            self.person.ask(client_id, approval.asked_t, self.state)
        self._take_all(venue.carry(ev.SnapshotAsked(self.state.t, WHY), self.state))
        for seq, event in plan.recording.events(plan.handover + 1, plan.last):
            self._again(event)
            if seq % PROGRESS_EVERY == 0:
                plan.progress(seq)
        if not self.state.session.ended:
            self._take_all([ev.SessionEnded(self.state.t, f"{WHY}: the recording ends", True)])
        return self.tally.outcome(self.state)

    # --- before ---------------------------------------------------------------------------------------------------

    def _as_recorded(self, event: ev.Event) -> None:
        """Inputs and decisions as they were; strategies see what they would have seen."""
        follow(self.trader, event)
        self.tally.see(event, self.state)
        self.writer.write((event,), self.state)
        if isinstance(event, ev.OrderDecided):
            self.person.see(event, self.state)

    # --- from there on --------------------------------------------------------------------------------------------

    def _again(self, event: ev.Event) -> None:
        for command in self.person.speaks(event.t, self.state):
            self._take_all([command])
        if isinstance(event, ev.Command):
            repeated = self.person.repeats(event)
            self._take_all([repeated] if repeated is not None else [])
        elif type(event) in KEPT:
            self._market(event)

    def _market(self, event: ev.Event) -> None:
        decisions = self._step(event)
        answers = self._ticks(event)
        self._take_all([*answers, *self._carry(decisions)])

    def _take_all(self, events: Iterable[ev.Event]) -> None:
        """Inputs, then what the venue answers to what they led to, and so on."""
        waiting = deque(events)
        while waiting:
            event = by_market_time(self.state, waiting.popleft())
            waiting.extend(self._carry(self._step(event)))

    def _step(self, event: ev.Event) -> list[ev.Event]:
        decisions = self.trader.step(event)
        self.writer.write((event, *decisions), self.state)
        for each in (event, *decisions):
            self.tally.see(each, self.state)
            self.person.see(each, self.state)
        return decisions

    def _carry(self, decisions: list[ev.Event]) -> Iterator[ev.Event]:
        for decision in decisions:
            if type(decision) not in UNASKED:
                yield from self.venue.carry(decision, self.state)

    def _ticks(self, event: ev.Event) -> list[ev.Event]:
        """What the venue does with a tick that the fold has taken for possible."""
        if isinstance(event, ev.InstrumentListed):
            _relist(self.venue, event)
            return []
        return self.venue.tick(event) if taken(self.state, event) else []


def follow(trader: Trader, event: ev.Event) -> None:
    """Fold a recorded event into a trader that decides nothing, so that its strategies know what they would know."""
    state = trader.state
    market = state.markets.get(getattr(event, "symbol", ""))
    newest = market.candles[-1].open_time if market is not None and market.candles else -1
    apply(state, event)
    if isinstance(event, ev.CandlesLoaded):
        trader.strategies[event.symbol] = [type(s)(s.params) for s in trader.strategies.get(event.symbol, ())]
        _observe(trader, event.symbol, state.markets[event.symbol].candles)
    elif isinstance(event, ev.CandleTick) and event.closed and market is not None:
        taken = market.candles and market.candles[-1] is event.candle and event.candle.open_time > newest
        _observe(trader, event.symbol, [event.candle] if taken else [])


def _observe(trader: Trader, symbol: str, candles: list[Candle]) -> None:
    for strategy in trader.strategies.get(symbol, ()):
        for candle in candles:
            strategy.observe(candle)


def _relist(venue: PaperVenue, event: ev.InstrumentListed) -> None:
    desk = venue.desks.get(event.instrument.symbol)
    if desk is not None:
        desk.instrument = event.instrument
