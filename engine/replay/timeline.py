"""What the strip under a replay shows: how much happened when, marks, gaps; and search. Never reads a million events."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from engine.journal.recording import Edge, Span
from engine.journal.schema import FREQUENT
from engine.model.events import KINDS, Event
from engine.model.orders import Fill, Order
from engine.replay.bookmarks import Bookmarks
from engine.replay.cursor import Replay
from engine.replay.marks import Mark, Marker, MarkKind

EXACT = 32_000
"""Up to so many events are counted one by one; of more, the ends of blocks tell."""
SAMPLES = 2_000
GAP_NS = 5_000_000_000
"""The clock ticks every second: longer without any event, and nobody was there."""
MAX_HITS = 1_000
RARE_KINDS = tuple(kind for kind in KINDS if kind not in FREQUENT)


class Gap(NamedTuple):
    """A time without events: the numbers around it, and its ends."""

    before: int
    after: int
    start: int
    end: int


class Hit(NamedTuple):
    seq: int
    t: int
    kind: str
    text: str


class Timeline:
    """Belongs to a ``Replay`` and its thread. Call ``refresh`` after the replay's own, while the file is still written."""

    def __init__(self, replay: Replay, bookmarks: Bookmarks | None = None) -> None:
        self.bookmarks = bookmarks if bookmarks is not None else Bookmarks(replay.recording.path)
        self._replay = replay
        self._marker = Marker()
        self._found: list[Mark] = []
        self._spans: list[Span] = []
        self._read_upto = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in what was written since."""
        recording, last = self._replay.recording, self._replay.last.seq
        if last > self._read_upto:
            self._found += self._marker.marks(recording.events(self._read_upto + 1, last, self._marker.kinds))
            self._read_upto = last
        self._spans += recording.spans(self._spans[-1].seq if self._spans else 0)

    # --- marks ----------------------------------------------------------------------------------------------------

    @property
    def marks(self) -> list[Mark]:
        """All marks with the bookmarks, in order. A recording whose end is missing has a ``torn`` one at its last event."""
        made = [Mark(b.seq, b.t, "bookmark", b.note) for b in self.bookmarks.all]
        return sorted([*self._found, *made, *self._torn()])

    def _torn(self) -> list[Mark]:
        """While a session runs its recording looks like one that was torn off: whoever follows it live knows better."""
        last = self._replay.last
        ended = bool(self._found) and self._found[-1].kind == "end"
        if ended or not last.seq or self._replay.recording.closed:
            return []
        return [Mark(last.seq, last.t, "torn", "the recording ends here, without the session's end")]

    def next_mark(self, seq: int, kinds: Collection[MarkKind] | None = None) -> Mark | None:
        """The first mark behind ``seq``."""
        marks = self._wanted(kinds)
        place = bisect_right(marks, seq, key=lambda mark: mark.seq)
        return marks[place] if place < len(marks) else None

    def previous_mark(self, seq: int, kinds: Collection[MarkKind] | None = None) -> Mark | None:
        """The last mark in front of ``seq``."""
        marks = self._wanted(kinds)
        place = bisect_left(marks, seq, key=lambda mark: mark.seq)
        return marks[place - 1] if place else None

    def _wanted(self, kinds: Collection[MarkKind] | None) -> list[Mark]:
        return [mark for mark in self.marks if kinds is None or mark.kind in kinds]

    # --- how much when --------------------------------------------------------------------------------------------

    def density(self, buckets: int, start: int | None = None, end: int | None = None) -> list[int]:
        """Events in each of ``buckets`` equal parts of the time from ``start`` to ``end`` (nanoseconds; default: all of it)."""
        replay = self._replay
        start, end = replay.first.t if start is None else start, replay.last.t + 1 if end is None else end
        if buckets < 1 or end <= start or not replay.last.seq:
            return [0] * max(buckets, 0)
        first, last = replay.seq_at(start - 1) + 1, replay.seq_at(end - 1)
        times = self._times(first, last)
        edges = [start + (end - start) * n // buckets for n in range(buckets + 1)]
        counted = [_number_at(times, t, first - 1, last) for t in edges]
        counted[-1] = last
        return [max(0, after - before) for before, after in pairwise(counted)]

    def _times(self, first: int, last: int) -> list[Edge]:
        """Numbers and times of events, in order: all of them or, of many, some at about equal distances."""
        recording = self._replay.recording
        if last - first < EXACT:
            return [Edge(seq, event.t) for seq, event in recording.events(first, last)]
        inside = [span for span in self._spans if span.seq >= first and span.first <= last]
        ends = [edge for span in inside for edge in (Edge(span.first, span.t), Edge(span.seq, span.last_t))]
        ends = [edge for edge in ends if first <= edge.seq <= last]
        every = max(1, (last - first) // SAMPLES)
        loose = recording.times(ends[-1].seq + 1 if ends else first, last, every)
        return sorted([*ends, *loose])

    def gaps(self, longer_than_ns: int = GAP_NS) -> list[Gap]:
        """Times without any event, in order; where the recording refers to its market, times without bars."""
        market = self._replay.market
        if market is not None:
            number = self._replay.seq_at
            return [Gap(number(a), number(b) + 1, a, b) for a, b in market.gaps if b - a > longer_than_ns]
        suspects = [(s.first, s.seq) for s in self._spans if s.idle > longer_than_ns]
        suspects += [(a.seq, b.first) for a, b in pairwise(self._spans) if b.t - a.last_t > longer_than_ns]
        tail = self._spans[-1].seq if self._spans else 1
        found = {gap for first, last in suspects for gap in self._gaps_in(first, last, longer_than_ns)}
        edges = self._replay.recording.times(tail, self._replay.last.seq)
        if self._spans:
            edges = [Edge(self._spans[-1].seq, self._spans[-1].last_t), *edges]
        found.update(_gaps(edges, longer_than_ns))
        return sorted(found)

    def _gaps_in(self, first: int, last: int, longer_than_ns: int) -> Iterator[Gap]:
        edges = [Edge(seq, event.t) for seq, event in self._replay.recording.events(first, last)]
        return _gaps(edges, longer_than_ns)

    # --- search ---------------------------------------------------------------------------------------------------

    def search(self, text: str, most: int = MAX_HITS) -> list[Hit]:
        """Rare events (everything but the market's and the clock's) in whose kind or fields ``text`` occurs, in order."""
        wanted = text.strip().casefold()
        hits: list[Hit] = []
        if not wanted:
            return hits
        for seq, event in self._replay.recording.events(1, self._replay.last.seq, RARE_KINDS):
            kind, said = type(event).__name__, words(event)
            if wanted in f"{kind} {said}".casefold():
                hits.append(Hit(seq, event.t, kind, said))
                if len(hits) >= most:
                    break
        return hits


def words(event: Event) -> str:
    """The fields of an event as one line of text, without its time and cut at a bearable length."""
    return " ".join(word for name in event.__struct_fields__[1:] for word in _words(getattr(event, name)))[:500]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Order | Fill):
        yield from (word for name in value.__struct_fields__ for word in _words(getattr(value, name)))
    elif isinstance(value, str | bool | int | float) and value != "":
        yield str(value)
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
    elif isinstance(value, msgspec.Struct):
        return
    elif value is not None:
        yield f"{value}"


def _number_at(times: list[Edge], t: int, before: int, last: int) -> int:
    """Number of the last event before ``t``, straight between the two known ones around it."""
    place = bisect_left(times, t, key=lambda edge: edge.t)
    if place == 0:
        return before
    left = times[place - 1]
    if place == len(times):
        return left.seq if left.t < t else last
    right = times[place]
    share = (t - left.t) / (right.t - left.t) if right.t > left.t else 0.0
    return left.seq + int((right.seq - left.seq - 1) * share)


def _gaps(edges: list[Edge], longer_than_ns: int) -> Iterator[Gap]:
    for a, b in pairwise(edges):
        if b.t - a.t > longer_than_ns:
            yield Gap(a.seq, b.seq, a.t, b.t)
