"""Travelling in a recording: one cursor, where it is on its way to, how it plays, its marks, loop and search.

Moves only say where to go; ``work`` goes there in slices, so that a key that is held never queues work, and an engine on
the same loop is never kept waiting.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import get_args

from cockpit.player import Player
from cockpit.survey import EMPTY, Map, stretched, survey
from cockpit.view import Strip
from engine.model.state import State
from engine.replay.bookmarks import Bookmarks
from engine.replay.cursor import Replay, Unit
from engine.replay.goto import GotoError, place
from engine.replay.marks import Mark
from engine.replay.timeline import Hit, Timeline

UNITS: tuple[Unit, ...] = get_args(Unit)
SECOND = 1_000_000_000
SLICE = 20_000
"""Events folded between two looks at the keyboard: some 60 ms."""
NARROW_SLICE = 1_500
"""The same beside a running engine: some 5 ms."""
FLAT_OUT = 4_000
"""Events a picture when playing as fast as can be."""
ZOOMS = 8
"""The timeline shows at least a 256th of the recording."""

__all__ = ["UNITS", "GotoError", "Map", "Traveller", "survey"]


class Traveller:
    """``running`` is a recording that is still being written: it has a newest event, but no end.

    ``state`` is the cursor's own: it is to be read until the next ``work``.
    """

    def __init__(
        self,
        replay: Replay,
        clock: Callable[[], float],
        *,
        running: bool = False,
        bookmarks: Bookmarks | None = None,
    ) -> None:
        self.replay = replay
        self.running = running
        self.player = Player(replay.first.t, replay.last.t, clock)
        self.player.again = not running
        self.bookmarks = bookmarks if bookmarks is not None else Bookmarks(replay.recording.path)
        self.unit: Unit = "event"
        self.goal: int | None = None
        self.hits: list[Hit] = []
        self.sought = ""
        self.note = ""
        self.resume = False
        """Playing goes on when the mouse lets go of the cursor."""
        self.zoom = 0
        self._wished: int | None = None
        """The time at which to arrive, where it lies between events."""
        self._way = 0
        """Events that were to be folded when the way to ``goal`` began."""
        self._map = EMPTY
        self._marks: list[Mark] = []
        self._next: tuple[int, int] = (-1, 0)
        """(position, time of the event behind it), so that playing through silence looks nothing up."""
        self._timeline: Timeline | None = None
        self.mark_up()

    def close(self) -> None:
        self.replay.close()

    # --- where it is ----------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self.replay.state

    @property
    def seq(self) -> int:
        """Where the cursor is, or will be."""
        return self.replay.seq if self.goal is None else self.goal

    @property
    def t(self) -> int:
        return self.player.t

    @property
    def moving(self) -> bool:
        return self.goal is not None or self.player.playing

    @property
    def map(self) -> Map:
        return self._map

    @map.setter
    def map(self, found: Map) -> None:
        self._map = found
        self.player.gaps = found.gaps
        self.mark_up()

    @property
    def marks(self) -> list[Mark]:
        """All marks with the bookmarks, in order."""
        return self._marks

    def refresh(self) -> None:
        """Take note of what a running session has written since."""
        self.replay.refresh()
        self.player.first, self.player.last = self.replay.first.t, self.replay.last.t

    def timeline(self) -> Timeline:
        """Marks, density and search over the cursor's own recording; made when it is first asked for."""
        if self._timeline is None:
            self._timeline = Timeline(self.replay, self.bookmarks)
        return self._timeline

    def look_around(self) -> None:
        """Survey what the timeline shows now. A running session is surveyed by its source, elsewhere."""
        if not self.running:
            self.map = survey(self.timeline(), *self.window())

    def window(self) -> tuple[int, int]:
        """The part of the time that the timeline shows: all, or when zoomed a part with the cursor in it."""
        first, last = self.replay.first.t, self.replay.last.t
        if not self.zoom:
            return first, last
        if (
            self._map.end
            and self._map.start <= self.t <= self._map.end
            and self._map.end - self._map.start == self._span()
        ):
            return self._map.start, self._map.end
        start = min(max(self.t - self._span() // 2, first), last - self._span())
        return start, start + self._span()

    def _span(self) -> int:
        return max(1, (self.replay.last.t - self.replay.first.t) >> self.zoom)

    def zoom_by(self, steps: int) -> None:
        self.zoom = min(max(self.zoom + steps, 0), ZOOMS)
        self._map = self._map._replace(start=0, end=0)
        self.look_around()

    # --- going places ---------------------------------------------------------------------------------------

    def to(self, seq: int, t: int | None = None) -> None:
        """Go to an event, or to a time of which it is the last event."""
        self.goal = min(max(seq, 0), self.replay.last.seq)
        self._way = self.replay.cost(self.goal)
        self._wished = t

    def to_time(self, t: int) -> None:
        t = self.player.place(t)
        self.to(max(self.replay.first.seq, self.replay.seq_at(t)), t)

    def skip(self, seconds: float) -> None:
        self.to_time(self.place_now() + int(seconds * SECOND))

    def place_now(self) -> int:
        """The cursor's time; on the way to an event it goes there first, for its time."""
        if self.goal is not None and self._wished is None:
            self.arrive()
        return self.player.t

    def skip_share(self, share: float) -> None:
        """On by a share of the recording's time; back where negative."""
        self.to_time(self.place_now() + int((self.replay.last.t - self.replay.first.t) * share))

    def to_share(self, share: float) -> None:
        """To a share of what the timeline shows."""
        start, end = self.window()
        self.to_time(start + int((end - start) * share))

    def step(self, n: int) -> None:
        """``n`` steps of the unit; it stops playing."""
        self.player.pause()
        self.arrive()
        self.to(*self.replay.destination(self.unit, n))

    def to_mark(self, direction: int) -> Mark | None:
        """The next mark, or the one before; None: there is none."""
        marks = self.marks
        if direction > 0:
            place = bisect_right(marks, self.seq, key=_seq)
            mark = marks[place] if place < len(marks) else None
        else:
            place = bisect_left(marks, self.seq, key=_seq)
            mark = marks[place - 1] if place else None
        if mark is not None:
            self.to(mark.seq)
            self.note = mark.text
        return mark

    def goto(self, text: str) -> None:
        """To where the text says. GotoError when it names no place."""
        self.arrive()
        self.to(*place(self.replay, text))

    def arrive(self) -> None:
        """Be where it is going, whatever that takes."""
        while not self.work():
            pass

    def work(self) -> bool:
        """A slice of the way; True when it is there. ``state`` is one on the way until then."""
        if self.goal is None:
            return True
        most = NARROW_SLICE if self.running else SLICE
        left = self.replay.cost(self.goal)
        if left > most:
            self.replay.seek(self.goal - left + most)
            return False
        if self._wished is None:
            self.replay.seek(self.goal)
        else:
            self.replay.seek_time(self._wished)
        self.goal = None
        self.player.place(self.replay.time if self._wished is None else self._wished)
        return True

    @property
    def done(self) -> float:
        """Share of the way that lies behind."""
        if self.goal is None or self._way <= SLICE:
            return 1.0
        return 1.0 - self.replay.cost(self.goal) / self._way

    # --- playing --------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play or pause; played from the end it begins anew."""
        before = self.player.t
        playing = self.player.playing
        self.player.toggle()
        if not playing and self.player.t != before:
            self.to_time(self.player.t)

    def play_on(self) -> None:
        """Move the cursor as far as the time that has passed says."""
        if not self.player.playing or self.goal is not None:
            return
        if self.player.flat_out:
            self.replay.seek(self.replay.seq + FLAT_OUT)
            before, now = self.replay.time, self.player.arrive(self.replay.time)
            if now != before:
                self.replay.seek_time(now)
            return
        before, t = self.player.t, self.player.advance()
        if t < before or self._next_t() <= t:
            self.replay.seek(max(self.replay.first.seq, self.replay.seq_at(t)))
        self.replay.follow(t)

    def _next_t(self) -> int:
        """Time of the event behind the cursor; the present one's where there is none."""
        seq = self.replay.seq
        if self._next[0] != seq:
            following = next(self.replay.recording.events(seq + 1, seq + 1), None)
            self._next = seq, following[1].t if following is not None else self.replay.time
        return self._next[1]

    # --- bookmarks, loop, search ----------------------------------------------------------------------------

    def mark_up(self) -> None:
        """Put the bookmarks among the marks, after one was set or removed."""
        found = [mark for mark in self._map.marks if not (self.running and mark.kind == "torn")]
        self._marks = sorted([*found, *(Mark(b.seq, b.t, "bookmark", b.note) for b in self.bookmarks.all)])

    def next_unit(self) -> Unit:
        self.unit = UNITS[(UNITS.index(self.unit) + 1) % len(UNITS)]
        return self.unit

    def found(self, text: str, hits: list[Hit]) -> None:
        """The result of a search; the cursor goes to the first hit behind it."""
        self.sought, self.hits = text, hits
        if not hits:
            self.note = f"nothing contains “{text}”"
        else:
            self.to_hit(1)

    def to_hit(self, direction: int) -> Hit | None:
        """The next hit of the search or the one before, round the ends; None when there is none at all."""
        if not self.hits:
            return None
        if direction > 0:
            place = bisect_right(self.hits, self.seq, key=_seq) % len(self.hits)
        else:
            place = bisect_left(self.hits, self.seq, key=_seq) - 1
        hit = self.hits[place]
        self.to(hit.seq)
        self.note = f"{place % len(self.hits) + 1} of {len(self.hits)}: {hit.kind} {hit.text}"
        return hit

    # --- what is asked of it --------------------------------------------------------------------------------

    def ends(self) -> tuple[int, int]:
        """Numbers of the events at A and at B, as far as they are set, else before and at the cursor."""
        player = self.player
        b = self.replay.seq_at(player.b) if player.b is not None else self.seq
        a = self.replay.seq_at(player.a) if player.a is not None else max(0, b - 1)
        return min(a, b), max(a, b)

    def strip(self) -> Strip:
        start, end = self.window()
        whole = not self.zoom and self.running
        return Strip(
            start, end, self.replay.first.t, self.replay.last.t, self.t, self.seq, self.replay.last.seq,
            self._map.density if not whole else stretched(self._map, end), self.marks, self._map.gaps,
            self.player.playing, self.player.speed, self.unit, self.player.a, self.player.b, self.moving, self.done,
            self.replay.recording.path.name, self.note or "; ".join(self.replay.damage[:1]),
        )  # fmt: skip


def _seq(row: Mark | Hit) -> int:
    return row.seq
