"""The market of a backtest's recording: candles that it refers to, folded in where the run had read them.

A recording holds what was decided and what happened to the account; quotes, marks, clock and candles are made again from the
data, in the order in which ``engine.runner.drive`` made them. At the close of a bar the venue's fills inside the bar come first,
then quote, mark, clock and candle, each followed by what was decided on it, then the fills at the next open. All of these may
bear the same time: how far the bar had been read is told by the event's kind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from engine.core.fold import apply
from engine.core.fold.base import link_of
from engine.core.fold.session import DAY_NS, EQUITY_KEPT, forget_sent
from engine.journal import schema
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.market import MINUTE_NS, Candle, Instrument
from engine.model.state import CANDLES_KEPT, Market, State
from engine.runner.catchup import EVENTS_A_BAR, kept
from engine.runner.data import Bars, bars
from engine.sim.paper import MAX_T, PaperVenue

MARK, CLOCK, CANDLE = 2, 3, 4
"""How many of a bar's four messages (quote, mark, clock, candle) an event at its close has behind it, at least."""
FREQUENT = frozenset(schema.FREQUENT)
NOTICES = {"TrailActivated": MARK, "ProtectFailed": MARK, "NakedPosition": CLOCK, "UnknownOrder": CLOCK}
MISMATCHES = ("PositionMismatch", "BalanceMismatch")
GIVEN_UP = "no stop could be placed"
_BY_KIND: dict[type[ev.Event], Callable[[Any], int]] = {
    ev.ProtectSent: lambda e: MARK if e.why == "trailing" else CLOCK,
    ev.Noticed: lambda e: CLOCK if e.over or e.kind in MISMATCHES else NOTICES.get(e.kind, CANDLE),
    ev.QuerySent: lambda _: CLOCK,
    ev.SnapshotAsked: lambda _: CLOCK,
    ev.OrderDecided: lambda e: CLOCK if e.order.why == GIVEN_UP else CANDLE,
    ev.Noted: lambda _: CANDLE,
    ev.CancelSent: lambda _: CANDLE,
    ev.HistoryAsked: lambda _: CANDLE,
    ev.Command: lambda _: CANDLE,
    ev.SessionEnded: lambda _: CANDLE,
}
"""Decisions on market data. What is not here follows another event or belongs to the bar before its quote."""


class Data(msgspec.Struct):
    """What a recording says of its data. ``source`` is where it was read: a file, or a symbol of the store; empty if unknown."""

    symbol: str
    sha256: str
    rows: tuple[int, int]
    first_t: int
    last_t: int
    source: str = ""


class Funded(msgspec.Struct):
    table: list[tuple[int, Decimal]] = []


class _Config(msgspec.Struct):
    data: Data
    fill: FillModel
    instrument: dict[str, Any]
    cash: Decimal
    notes: bool = False
    funding: Funded = msgspec.field(default_factory=Funded)


class Referred:
    """Folds the bars of a recording into a state. The state itself says how far it has read them."""

    def __init__(self, config: _Config, taken: Bars) -> None:
        self.symbol = config.data.symbol
        self.notes = config.notes
        """Whether the run recorded why nothing was done."""
        self.candles = taken.candles
        self.closes = [candle.open_time + MINUTE_NS for candle in taken.candles]
        """When each bar closes, UTC nanoseconds."""
        self.gaps = [(a, b - MINUTE_NS) for a, b in pairwise(self.closes) if b - a > MINUTE_NS]
        """Times without bars: the close before and the open after."""
        self._opens = [candle.open_time for candle in taken.candles]
        self._broken = [row for row, (a, b) in enumerate(pairwise(self.closes), 1) if b - a > MINUTE_NS]
        self._at_open = config.fill.market == "next_open"
        self._due = [t for t, _ in config.funding.table]
        self._rates = [float(rate) for _, rate in config.funding.table]
        instrument = msgspec.convert([config.instrument[name] for name in Instrument.__struct_fields__], Instrument)
        self._venue = PaperVenue([instrument], config.fill, config.cash)

    def rows(self, state: State) -> int:
        """How many bars the state has read to their end."""
        market = state.markets.get(self.symbol)
        return bisect_right(self._opens, market.candles[-1].open_time) if market is not None and market.candles else 0

    def before(self, state: State, event: ev.Event) -> None:
        """Fold what the run had read when ``event``, the next of the recording, came."""
        row = self._pass(state, self.rows(state), event.t - 1)
        if row < len(self.closes) and self.closes[row] == event.t and (wanted := self._wanted(event)):
            self._read(state, row, wanted)

    def until(self, state: State, t: int) -> None:
        """Fold all bars that close at or before ``t``. No event of the recording may be left out by that."""
        self._pass(state, self.rows(state), t)

    def merged(self, events: Iterable[tuple[int, ev.Event]]) -> Iterator[tuple[int, ev.Event]]:
        """All events of a recording with those of the market between them; these bear the number of the event before."""
        row = had = last = 0
        for seq, event in events:
            while row < len(self.closes) and self.closes[row] <= event.t:
                wanted = CANDLE if self.closes[row] < event.t else self._wanted(event)
                yield from ((last, self._message(row, number)) for number in range(had, wanted))
                had = max(had, wanted)
                if self.closes[row] == event.t:
                    break
                row, had = row + 1, 0
            last = seq
            yield seq, event

    def _wanted(self, event: ev.Event) -> int:
        if isinstance(event, ev.FillReport):
            return CANDLE if self._at_open and event.fill.client_id and not event.fill.maker else 0
        rule = _BY_KIND.get(type(event))
        return rule(event) if rule is not None else 0

    # --- bar by bar ----------------------------------------------------------------------------------------------

    def _pass(self, state: State, row: int, t: int) -> int:
        """All bars from ``row`` on that close at or before ``t``; gives the next one."""
        end = bisect_right(self.closes, t, lo=row)
        while row < end:
            market = state.markets.get(self.symbol)
            at = bisect_left(self._broken, row)
            stop = min(end, self._broken[at] if at < len(self._broken) else end)
            whole = market is None or market.quote_t == self.closes[row] or stop - row < 2 or not state.account.known
            if whole or market is None:
                self._read(state, row, CANDLE)
                row += 1
            else:
                self._leap(state, market, row, stop)
                row = stop
        return row

    def _read(self, state: State, row: int, wanted: int) -> None:
        """The first ``wanted`` messages of a bar, as far as the state has not read them."""
        for number in range(self._had(state, row), wanted):
            state.seq -= 1  # market data has no number of its own
            apply(state, self._message(row, number))

    def _had(self, state: State, row: int) -> int:
        t, market = self.closes[row], state.markets.get(self.symbol)
        if market is None or market.quote_t < t:
            return 0
        if market.mark_t < t:
            return 1
        if not state.equity or state.equity[-1][0] < t:
            return MARK
        return CANDLE if market.candles and market.candles[-1].open_time >= self._opens[row] else CLOCK

    def _message(self, row: int, number: int) -> ev.Event:
        t, candle, symbol = self.closes[row], self.candles[row], self.symbol
        if number == 0:
            return ev.BookTick(t, symbol, *self._venue.book(symbol, candle.close), t)
        if number == 1:
            return ev.MarkTick(t, symbol, candle.close, candle.close, *self._rate(t), t)
        return ev.Clock(t) if number == MARK else ev.CandleTick(t, symbol, candle, True)

    def _rate(self, t: int) -> tuple[float, int]:
        """The rate that was settled last, and when the next is due; at the close of a bar all until then are settled."""
        if not self._due:
            return 0.0, MAX_T
        settled = bisect_right(self._due, t)
        return (self._rates[settled - 1] if settled else 0.0), (
            self._due[settled] if settled < len(self._due) else MAX_T
        )

    # --- many at a time ------------------------------------------------------------------------------------------

    def _leap(self, state: State, market: Market, first: int, end: int) -> None:
        """Bars without a gap in which nothing happened: what their messages would have made of the state."""
        passed, t = self.candles[first:end], self.closes[end - 1]
        count = end - first
        state.t = t
        state.echoes += count
        public = link_of(state, "public")
        public.last_t, public.messages = t, public.messages + EVENTS_A_BAR * count
        market.bids, market.asks = self._venue.book(self.symbol, passed[-1].close)
        market.mark = market.index = passed[-1].close
        market.quote_t = market.mark_t = market.venue_t = t
        market.funding_rate, market.next_funding_t = self._rate(t)
        market.live = None
        _extend(market.candles, passed, CANDLES_KEPT)
        self._equities(state, passed, first, end)
        _count(state, self.symbol, passed)
        state.loop_lag_ms = state.journal_lag_ms = 0.0
        forget_sent(state)

    def _equities(self, state: State, passed: list[Candle], first: int, end: int) -> None:
        wallet, position, book = float(state.account.wallet), state.positions.get(self.symbol), state.risk
        if position is None or not position.qty:
            values = [wallet] * len(passed)
        else:
            entry, qty = float(position.entry), float(position.qty)
            values = [wallet + (candle.close - entry) * qty for candle in passed]
        highest = max(values)
        book.high_water = max(book.high_water, highest)
        while self.closes[end - 1] // DAY_NS > book.day:
            row = max(first, bisect_left(self.closes, (book.day + 1) * DAY_NS))
            book.day, book.day_start = self.closes[row] // DAY_NS, values[row - first]
            week = (book.day + 3) // 7
            if week > book.week:
                book.week, book.week_start = week, book.day_start
        _extend(state.equity, list(zip(self.closes[first:end], values, strict=True)), EQUITY_KEPT)


def _extend(rows: list[Any], more: list[Any], most: int) -> None:
    """As if each row had been added by ``engine.core.fold.base.keep``."""
    length = kept(len(rows), len(more), most)
    rows += more[-length:]
    del rows[: len(rows) - length]


def _count(state: State, symbol: str, passed: list[Candle]) -> None:
    count, position = len(passed), state.positions.get(symbol)
    if position is not None and position.qty:
        position.bars += count
        closes = [candle.close for candle in passed]
        high, low = max(closes), min(closes)
        position.best = max(position.best, high) if position.qty > 0 else min(position.best or low, low)
    elif position is not None and position.idle_bars >= 0:
        position.idle_bars += count
    for client_id in state.open_orders:
        if state.orders[client_id].symbol == symbol:
            state.orders[client_id].bars += count
    for key in state.risk.declined:
        if key.endswith(f"/{symbol}"):
            state.risk.declined[key] += count


class Whole(Recording):
    """A recording that is read with its ``market`` in place, from the first event on."""

    market: Referred | None = None

    def events(
        self, start: int = 1, end: int | None = None, kinds: Collection[str] | None = None
    ) -> Iterator[tuple[int, ev.Event]]:
        if self.market is None or (kinds is not None and not FREQUENT.intersection(kinds)):
            return super().events(start, end, kinds)
        wanted = tuple(ev.KINDS[kind] for kind in kinds) if kinds is not None else (ev.Event,)
        all_of_it = self.market.merged(super().events(1, end))
        return ((seq, event) for seq, event in all_of_it if seq >= start and isinstance(event, wanted))


# --- finding the data -------------------------------------------------------------------------------------------------


def data_of(recording: Recording) -> Data | None:
    """What a recording refers to; None for one that holds its market itself."""
    config = _config_of(recording)
    return config.data if config is not None else None


def referred(recording: Recording, read: Callable[[Data], Any]) -> tuple[Referred | None, str]:
    """The market that a recording refers to, and why there is none. Both are empty for one that holds its market itself.

    ``read`` gives the candles that ``Data`` names, in any form that ``engine.runner.data.bars`` takes, or raises CockpitError.
    Other candles than those of the run are not shown.
    """
    config = _config_of(recording)
    if config is None:
        return None, ""
    data = config.data
    try:
        taken = bars(read(data))
    except CockpitError as error:
        return None, f"without candles: {error}"
    if taken.digest != data.sha256:
        found = (
            f"{len(taken.candles):,} of {data.rows[1]:,} candles" if len(taken.candles) != data.rows[1] else "others"
        )
        return None, f"without candles: {data.source} no longer holds those of the run (SHA-256; {found})"
    return Referred(config, taken), ""


def market_from(config: str, data: Any) -> Referred:
    """The same from ``SessionStarted.config`` and the data that was run; CockpitError when they do not belong together."""
    read, taken = msgspec.json.decode(config, type=_Config), bars(data)
    if taken.digest != read.data.sha256:
        raise CockpitError("these are not the candles of the run", "data", f"SHA-256 {read.data.sha256} is expected")
    return Referred(read, taken)


def _config_of(recording: Recording) -> _Config | None:
    started = next((e for _, e in recording.events(1, 1) if isinstance(e, ev.SessionStarted)), None)
    if started is None or started.mode != "BACKTEST":
        return None
    try:
        return msgspec.json.decode(started.config, type=_Config)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


__all__ = ["Data", "Referred", "Whole", "data_of", "market_from", "referred"]
