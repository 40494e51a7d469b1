"""A session's market data once more through the same trader, with the simulated venue in the place of the recorded one.

What was recorded on paper is run in the very order of things that it was made in. A session at another venue is taken as it was
recorded up to the first moment at which nothing of its account is on its way; from there on every request arrives at the
simulated venue when the recorded one first spoke of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from engine.core.fold import apply
from engine.core.orders import terms
from engine.core.trader import Trader
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.market import Instrument
from engine.model.settings import Profile
from engine.model.state import State
from engine.replay.handover import carried, settled
from engine.replay.parity_deals import Deals, Pairs
from engine.replay.rerun import follow
from engine.replay.verify import Config, trader_of
from engine.sim.paper import PaperVenue
from engine.sim.paper_feed import by_market_time, open_account, taken

ANSWERS: frozenset[type[ev.Event]] = frozenset(
    (
        *(ev.AccountReport, ev.PositionReport, ev.OrderReport, ev.CancelReport, ev.FillReport, ev.StopReport),
        *(ev.StopsListed, ev.ProtectReport, ev.FundingPaid, ev.SnapshotTaken),
    )
)
"""Inputs that the simulated venue gives in its own words; all others are as they were recorded."""
_DECISIONS = frozenset(ev.DECISIONS)
PATIENCE_NS = 10_000_000_000
"""A request that the venue has not answered for so long arrives at once here."""
LATER = 1 << 62
PROGRESS_EVERY = 5_000


class Past(msgspec.Struct, kw_only=True):
    """What one reading of the recording gives. ``handover`` is the last event that is taken as it was (paper: 0)."""

    started: ev.SessionStarted
    config: Config
    deals: Deals
    state: State
    instruments: dict[str, Instrument]
    marks: dict[tuple[str, str], list[tuple[int, int]]]
    """(effect, order or symbol) → (number, time) of the reports that say that it had arrived."""
    handover: int = 0
    handover_t: int = 0
    fresh: bool = False
    """The account was empty at the start: a paper account can be opened anew."""

    @property
    def on_paper(self) -> bool:
        return self.started.venue == "paper"


def read(recording: Recording, config: Config, end: int, progress: Callable[[int], object]) -> Past:
    """Fold the recording and note what the comparison needs. RecordingError for one with a hole before the account is known."""
    first = next(e for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted))
    state = State(keep_log=False)
    past = Past(started=first, config=config, deals=Deals(), state=state, instruments={}, marks={})
    for seq, event in recording.events(1, end):
        if not past.handover and seq != state.seq + 1:
            what = f"event #{state.seq + 1:,} cannot be read: nobody knows what the account was after it"
            raise RecordingError(what, str(recording.path))
        if not past.handover and type(event) not in _DECISIONS and seq > 1 and settled(state):
            past.handover, past.handover_t = seq - 1, state.t
            held = any(p.qty for p in state.positions.values()) or state.open_orders
            past.fresh = not held and state.account.start == config.profile.exchange.balance_quote
        state.seq = seq - 1
        past.deals.look(event, state)
        apply(state, event)
        past.deals.see(seq, event, state)
        _mark(past, seq, event)
        if seq % PROGRESS_EVERY == 0:
            progress(seq)
    past.deals.finish()
    return past


def _mark(past: Past, seq: int, event: ev.Event) -> None:
    keys: list[tuple[str, str]] = []
    if isinstance(event, ev.InstrumentListed):
        past.instruments.setdefault(event.instrument.symbol, event.instrument)
    elif isinstance(event, ev.OrderReport):
        keys = [("order", event.client_id), *([("query", event.client_id)] if event.source == "query" else [])]
        keys += [("cancel", event.client_id)] if event.status == "CANCELLED" else []
    elif isinstance(event, ev.FillReport):
        keys = [("order", event.fill.client_id)]
    elif isinstance(event, ev.CancelReport):
        keys = [("cancel", event.client_id)]
    elif isinstance(event, ev.ProtectReport):
        keys = [("protect", event.symbol)]
    elif isinstance(event, ev.SnapshotTaken):
        keys = [("snapshot", "")]
    for key in keys:
        past.marks.setdefault(key, []).append((seq, event.t))


def rerun(
    recording: Recording, past: Past, profile: Profile, end: int, progress: Callable[[int], object]
) -> tuple[Deals, Pairs]:
    """Run it with ``profile`` (whose ``fill`` may be another); gives the run's side, and who is who."""
    config = msgspec.structs.replace(past.config, profile=profile)
    run = _Run(past, trader_of(config), profile)
    run.all(recording, end, progress)
    return run.deals, run.pairs


class _Run:
    def __init__(self, past: Past, trader: Trader, profile: Profile) -> None:
        self.past = past
        self.trader = trader
        self.state = trader.state
        self.state.keep_log = False
        self.profile = profile
        self.deals = Deals()
        self.pairs = Pairs(past.deals)
        self.venue: PaperVenue | None = None
        self.aligned = not past.on_paper
        self.at = 0
        self._never = 0
        """Behind the last event."""
        self._waiting: dict[int, list[ev.Event]] = {}

    def all(self, recording: Recording, end: int, progress: Callable[[int], object]) -> None:
        past = self.past
        anew = past.on_paper and past.fresh and past.instruments
        begins = 0 if anew else past.handover
        self._never = end + 1
        for seq, event in recording.events(1, end):
            self.at = seq
            if seq <= begins:
                self._follow(seq, event)
                if seq == begins:
                    self.venue = carried(self.state, self.profile, self.profile.fill)
            else:
                self._again(seq, event)
            if seq % PROGRESS_EVERY == 0:
                progress(seq)
        self.deals.finish()
        self.pairs.pair_releases(past.deals, self.deals)

    def _follow(self, seq: int, event: ev.Event) -> None:
        self.deals.look(event, self.state)
        follow(self.trader, event)
        self.deals.see(seq, event, self.state)
        if isinstance(event, ev.OrderDecided):
            self.pairs.pair(self.deals.all[event.order.client_id])

    # --- one recorded event --------------------------------------------------------------------------------------

    def _again(self, seq: int, event: ev.Event) -> None:
        for request in self._waiting.pop(seq, ()):
            request.t = event.t
            self._answer(self._carry_now(request))
        if type(event) in _DECISIONS or type(event) in ANSWERS:
            return
        if isinstance(event, ev.Command):
            said_here = self._said_here(event)
            if said_here is None:
                return
            event = said_here
        elif self.venue is None and isinstance(event, ev.LinkReport) and (event.link, event.state) == ("private", "up"):
            self.venue = open_account(self.profile, self._instruments())
        decisions = self._step(event)
        if self.venue is not None:
            if isinstance(event, ev.InstrumentListed) and event.instrument.symbol in self.venue.desks:
                self.venue.desks[event.instrument.symbol].instrument = event.instrument
            said = self.venue.tick(event) if taken(self.state, event) else []
            self._answer([*said, *self._carry(decisions)])

    def _instruments(self) -> Iterator[Instrument]:
        return (self.past.instruments[s] for s in self.profile.symbols if s in self.past.instruments)

    def _said_here(self, command: ev.Command) -> ev.Command | None:
        """A recorded command with the name that its order has here, None without one; a yes means the order as it is here."""
        target, text = self.pairs.own_of.get(command.target, ""), command.text
        if not target:
            return command if command.target not in self.past.deals.all else None
        if command.action == "approve" and target in self.state.orders:
            there = self.past.deals.all.get(command.target)
            text = terms(self.state.orders[target]) if there is not None and there.terms == text else text
        return msgspec.structs.replace(command, target=target, text=text)

    def _answer(self, said: Iterable[ev.Event]) -> None:
        """Hand the venue's answers to the trader one by one, each followed by those that it leads to."""
        waiting = deque(said)
        while waiting:
            event = by_market_time(self.state, waiting.popleft())
            waiting.extend(self._carry(self._step(event)))

    def _step(self, event: ev.Event) -> list[ev.Event]:
        self.deals.look(event, self.state)
        before = self.state.seq
        decisions = self.trader.step(event)
        for offset, each in enumerate((event, *decisions), 1):
            self.deals.see(before + offset, each, self.state)
            if isinstance(each, ev.OrderDecided):
                self.pairs.pair(self.deals.all[each.order.client_id])
        return decisions

    # --- requests ------------------------------------------------------------------------------------------------

    def _carry(self, decisions: list[ev.Event]) -> Iterator[ev.Event]:
        for decision in decisions:
            for request, key in self._requests(decision):
                mark = self._arrival(*key) if self.aligned else None
                if mark is None:
                    yield from self._carry_now(request)
                else:
                    self._waiting.setdefault(mark, []).append(msgspec.structs.replace(request))

    def _carry_now(self, request: ev.Event) -> list[ev.Event]:
        return self.venue.carry(request, self.state) if self.venue is not None else []

    def _requests(self, decision: ev.Event) -> Iterator[tuple[Any, tuple[str, str]]]:
        """The requests of a decision and under which name the recorded answers to each are marked."""
        there = self.pairs.recorded_of
        match decision:
            case ev.OrderSent(client_id=name):
                yield decision, ("order", there.get(name, ""))
            case ev.CancelSent(client_ids=names):
                for name in names:
                    yield msgspec.structs.replace(decision, client_ids=[name]), ("cancel", there.get(name, ""))
            case ev.QuerySent(client_id=name):
                yield decision, ("query", there.get(name, ""))
            case ev.ProtectSent(symbol=symbol):
                yield decision, ("protect", symbol)
            case ev.SnapshotAsked():
                yield decision, ("snapshot", "")

    def _arrival(self, effect: str, name: str) -> int | None:
        """The number of the event at which a request arrives; None for at once."""
        if not name and effect != "snapshot":
            return None
        marks = self.past.marks.get((effect, name), [])
        n = bisect_right(marks, (self.at, LATER))
        if n < len(marks) and marks[n][1] - self.state.t <= PATIENCE_NS:
            return marks[n][0]
        return self._never if self.past.state.t - self.state.t <= PATIENCE_NS else None
