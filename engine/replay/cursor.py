"""A recording with a cursor: the state after any event, going forwards or backwards, also while the file is still written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Literal, Protocol

from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.recording import Edge, Recording, RecordingError
from engine.journal.schema import FREQUENT
from engine.model import events as ev
from engine.model.state import State
from engine.replay.frames import LASTING, Frames

Unit = Literal["event", "tick", "bar", "order"]

MARKET_KINDS = tuple(kind for kind in FREQUENT if kind != "Clock")
ORDER_KINDS = (
    *("OrderDecided", "Refused", "ApprovalAsked", "ApprovalClosed", "OrderSent", "OrderReport", "FillReport"),
    *("CancelSent", "CancelReport"),
)
WINDOW = 1_024
"""Events that are looked through at once on the way back to the previous tick or bar; the first looks are shorter."""
PLAYED = 2_048
"""While folding on, a state is remembered this often: a step back from there is short."""
WORTH = 2_000
"""Going on from where the cursor is costs less than taking up a state that is up to so many events ahead."""
NEAR = 256
"""The state so many events before a place that was sought is remembered too, for the steps back that tend to follow."""


class Market(Protocol):
    """Market data that a recording refers to instead of holding it. It has no numbers; the state tells what it has read."""

    closes: list[int]
    """When each bar closes, UTC nanoseconds."""
    gaps: list[tuple[int, int]]
    """Times without bars."""

    def rows(self, state: State) -> int:
        """How many bars the state has read to their end."""

    def before(self, state: State, event: ev.Event) -> None:
        """Fold what was read when ``event``, the next of the recording, came."""

    def until(self, state: State, t: int) -> None:
        """Fold all bars that close at or before ``t``, none of which is behind the recording's next event."""


class Replay:
    """One cursor over one recording, to be used from one thread.

    A returned ``State`` is the cursor's own: read it, and only until the next call; ``engine.core.trader.copy_of`` makes it last.
    Position 0 is before the first event. Where the recording refers to its ``market``, the cursor may also stand between two
    events (``follow``, ``seek_time``): the number is then that of the event before.
    """

    def __init__(self, recording: Recording, market: Market | None = None) -> None:
        self.recording = recording
        self.market = market
        self.first: Edge = recording.first or Edge(1, 0)
        self.last: Edge = recording.last or Edge(0, 0)
        self._state = State()
        self._beyond = False
        """The state has read bars behind its last event."""
        self._frames = Frames(recording)
        self._next = (-1, 0)
        """A number, and the last moment before the event behind it."""
        self._prepared = 0
        self._ahead = State()

    @classmethod
    def open(cls, path: Path) -> Replay:
        """RecordingError for a file that is no readable recording."""
        return cls(Recording.open(path))

    def close(self) -> None:
        self.recording.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- where we are ---------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number of the last event that is in the state."""
        return self._state.seq

    @property
    def time(self) -> int:
        """Our clock at the cursor, UTC nanoseconds; the recording's start before its first event."""
        return self._state.t or self.first.t

    @property
    def market_time(self) -> int:
        """The venue's clock at the cursor, UTC nanoseconds; 0 before it was heard."""
        return max((market.venue_t for market in self._state.markets.values()), default=0)

    @property
    def state(self) -> State:
        return self._state

    @property
    def damage(self) -> list[str]:
        """What was found broken so far; a state behind an unreadable event is folded without it."""
        return self.recording.damage

    def refresh(self) -> int:
        """Take note of what was written since; returns the number of the newest event. The cursor stays."""
        self.last = self.recording.last or self.last
        if not self.first.t:
            self.first = self.recording.first or self.first
        return self.last.seq

    # --- going places ---------------------------------------------------------------------------------------------

    def seek(self, seq: int) -> State:
        """The state after event ``seq``; numbers outside of the recording mean its ends."""
        seq = min(max(seq, 0), self.last.seq)
        base = self._state if self._state.seq <= seq - self._beyond else None
        frame = self._frames.at_or_before(seq, beyond=base.seq + WORTH if base is not None else -1)
        state = frame or base or State()
        self._fold(state, seq)
        self._state, self._beyond = state, False
        return state

    def seek_time(self, t: int) -> State:
        """The state at ``t`` (our clock, UTC nanoseconds): after the last event until then."""
        seq = self.seq_at(t)
        if not (self._beyond and self._state.seq == seq):
            self.seek(seq)
        return self.follow(t)

    def follow(self, t: int) -> State:
        """The state with the bars that close until ``t``, but none behind the next event; the number stays."""
        market, state = self.market, self._state
        if market is None or not state.seq:
            return state
        rows = bisect_right(market.closes, min(t, self._before_next(state.seq)))
        read = market.rows(state)
        if rows < read and self._beyond:
            state = self.seek(state.seq)
            read = market.rows(state)
        if rows > read:
            if not self._beyond:
                self._frames.keep(state)
            market.until(state, market.closes[rows - 1])
            self._beyond = True
        return state

    def _before_next(self, seq: int) -> int:
        """The last moment at which nothing had come behind the event ``seq``."""
        if self._next[0] != seq:
            self._next = seq, self._time_of(seq + 1) - 1 if seq < self.last.seq else self.last.t
        return self._next[1]

    def step(self, unit: Unit = "event", n: int = 1) -> State:
        """``n`` events, market ticks, closed candles or doings of an order on (back, where negative), or as far as there are."""
        seq, t = self.destination(unit, n)
        return self.seek(seq) if t is None else self.seek_time(t)

    def destination(self, unit: Unit, n: int) -> tuple[int, int | None]:
        """The number at which ``step`` would arrive, and the time where that is the close of a bar that has no number."""
        market = self.market
        if market is None or unit not in ("tick", "bar") or not n:
            return self.target(unit, n), None
        rows = market.rows(self._state) + n
        if rows < 1 or rows > len(market.closes):
            return (self.first.seq, None) if rows < 1 else (self.last.seq, None)
        t = market.closes[rows - 1]
        return self.seq_at(t), t

    def target(self, unit: Unit, n: int) -> int:
        """The number at which ``step`` would arrive, by the events that have one."""
        if unit == "event":
            return min(max(self.seq + n, 0), self.last.seq)
        seek = _SEEKS[unit]
        seq = self.seq
        for _ in range(abs(n)) if unit == "order" else range(1 if n else 0):
            found = seek(self, seq, n)
            if found is None:
                return self.last.seq if n > 0 else 0
            seq = found
        return seq

    def seq_at(self, t: int) -> int:
        """Number of the last event at or before ``t``; 0 when all are later. Looks at a handful of places, whatever the size."""
        if t >= self.last.t:
            return self.last.seq
        low, high = self._frames.between(t, self.first.seq, self.last.seq)
        return min(bisect_right(range(low, high + 1), t, key=self._time_of) + low - 1, self.last.seq)

    def _time_of(self, seq: int) -> int:
        """Time of an event; where it cannot be read, of the one behind it."""
        for end in (seq, self.last.seq):
            for _, event in self.recording.events(seq, end):
                return event.t
        return self.last.t

    # --- folding --------------------------------------------------------------------------------------------------

    def cost(self, seq: int) -> int:
        """How many events a seek to ``seq`` would fold (some 300,000 a second)."""
        seq = min(max(seq, 0), self.last.seq)
        known = self._frames.nearest(seq)
        return seq - (self.seq if known - WORTH <= self.seq <= seq else known)

    def prepare(self, budget_s: float) -> float:
        """For a recording without keyframes: fold ahead and remember states, for at most ``budget_s``; returns the share done.

        Call it while there is nothing else to do until it returns 1.0; seeking works before, only slower. The cursor stays.
        """
        end, every = monotonic() + budget_s, self._spacing
        self._prepared = self._frames.prefix(self._prepared, self.last.seq, every)
        while self._prepared + every <= self.last.seq:
            if monotonic() >= end:
                return self._prepared / self.last.seq
            if self._ahead.seq < self._prepared:
                self._ahead = self._frames.at_or_before(self._prepared) or State()
            self._run(self._ahead, min(self._ahead.seq + 1_000, self._prepared + every))
            if self._ahead.seq >= self._prepared + every:
                self._frames.keep(self._ahead, lasting=True)
                self._prepared = self._frames.prefix(self._ahead.seq, self.last.seq, every)
        return 1.0

    @property
    def _spacing(self) -> int:
        """Events between two lasting states: as many as there is room for."""
        return keyframe.EVERY * (1 + self.last.seq // (keyframe.EVERY * (LASTING - 8)))

    def _fold(self, state: State, seq: int) -> None:
        """Fold up to ``seq``, remembering states on the way: rarely on a long one, often on its last stretch."""
        close = max(state.seq, seq - keyframe.EVERY)
        every = self._spacing
        grid = range((state.seq // every + 1) * every, close, every)
        stops = {*grid, *range((close // PLAYED + 1) * PLAYED, seq, PLAYED)}
        if seq - state.seq > NEAR:
            stops.add(seq - NEAR)
        for stop in sorted(stops):
            self._run(state, stop)
            self._frames.keep(state, lasting=stop in grid)
        self._run(state, seq)

    def _run(self, state: State, seq: int) -> None:
        if state.seq >= seq:
            return
        market = self.market
        for number, event in self.recording.events(state.seq + 1, seq):
            if market is not None:
                market.before(state, event)
            state.seq = number - 1
            apply(state, event)
        state.seq = seq


def refers(recording: Recording) -> bool:
    """Whether the market that was traded on is elsewhere."""
    return any(isinstance(event, ev.SessionStarted) and event.mode == "BACKTEST" for _, event in recording.events(1, 1))


# --- the next and the previous of a unit ------------------------------------------------------------------------------


def _is_tick(_: ev.Event) -> bool:
    return True


def _is_bar(event: ev.Event) -> bool:
    return isinstance(event, ev.CandleTick) and event.closed


def _scan(kinds: tuple[str, ...], counts: Callable[[ev.Event], bool]) -> Callable[[Replay, int, int], int | None]:
    """Finds the ``n``-th event that counts, in windows of the recording."""

    def seek(replay: Replay, seq: int, n: int) -> int | None:
        read = replay.recording.events
        if n > 0:
            ahead = (number for number, event in read(seq + 1, replay.last.seq, kinds) if counts(event))
            return next(islice(ahead, n - 1, None), None)
        left = -n
        for first, last in _windows_back(seq - 1):
            found = [number for number, event in read(first, last, kinds) if counts(event)]
            if len(found) >= left:
                return found[-left]
            left -= len(found)
        return None

    return seek


def _windows_back(last: int) -> Iterator[tuple[int, int]]:
    size = WINDOW // 64
    while last >= 1:
        yield max(1, last - size + 1), last
        last -= size
        size = min(WINDOW, size * 4)


def _order(replay: Replay, seq: int, n: int) -> int | None:
    find = replay.recording.next_of if n > 0 else replay.recording.last_of
    found = find(ORDER_KINDS, seq)
    return found if found is None or found <= replay.last.seq else None


_SEEKS: dict[str, Callable[[Replay, int, int], int | None]] = {
    "tick": _scan(MARKET_KINDS, _is_tick),
    "bar": _scan(("CandleTick",), _is_bar),
    "order": _order,
}

__all__ = ["Market", "RecordingError", "Replay", "Unit", "refers"]
