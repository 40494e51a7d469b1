"""States at hand: the recording's own keyframes, and those that were made while folding, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict

from engine.journal import keyframe
from engine.journal.codec import CodecError
from engine.journal.recording import Recording
from engine.model.state import State
from engine.replay.copying import copy_state

RECENT = 40
"""States of the neighbourhood; the least recently used goes first. One has 0.3 MB of its own and shares its rows."""
LASTING = 128
"""States all along a recording that has no keyframes."""


class Frames:
    """Every lookup gives a state of its own."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._recent: OrderedDict[int, State] = OrderedDict()
        self._recent_order: list[int] = []
        self._lasting: dict[int, State] = {}
        self._lasting_order: list[int] = []
        self._ends: list[tuple[int, int]] = []
        """(time, number) of the ends of blocks, as far as they were asked for."""
        self._ends_upto = 0

    def keep(self, state: State, *, lasting: bool = False) -> None:
        """Remember a state; ``lasting`` ones stay, as long as there is room for them."""
        seq = state.seq
        if seq in self._recent or seq in self._lasting:
            return
        if lasting and len(self._lasting) < LASTING:
            self._lasting[seq] = copy_state(state)
            insort(self._lasting_order, seq)
            return
        self._recent[seq] = copy_state(state)
        insort(self._recent_order, seq)
        if len(self._recent) > RECENT:
            old, _ = self._recent.popitem(last=False)
            del self._recent_order[bisect_left(self._recent_order, old)]

    def nearest(self, seq: int) -> int:
        """Number of the newest state at or before ``seq``; 0 is the empty one."""
        return max(_before(self._recent_order, seq), _before(self._lasting_order, seq), self._stored(seq))

    def at_or_before(self, seq: int, beyond: int = -1) -> State | None:
        """The newest state at or before ``seq`` and after ``beyond``; None: there is none."""
        recent, lasting = _before(self._recent_order, seq), _before(self._lasting_order, seq)
        known = max(recent, lasting)
        if self._stored(seq) > max(known, beyond):
            stored = self._recording.keyframe(seq, keyframe.guard())
            state = _decoded(stored[1], stored[0]) if stored is not None and stored[0] > max(known, beyond) else None
            if state is not None:
                self.keep(state)
                return state
        if known <= max(beyond, 0):
            return None
        if recent >= lasting:
            self._recent.move_to_end(recent)
            return copy_state(self._recent[recent])
        return copy_state(self._lasting[lasting])

    def prefix(self, start: int, end: int, every: int) -> int:
        """From ``start`` on there is a state at least every ``every`` events or so up to the returned number."""
        while start + every <= end:
            found = self.nearest(min(end, start + every * 3 // 2))
            if found <= start:
                break
            start = found
        return start

    def between(self, t: int, first: int, last: int) -> tuple[int, int]:
        """Numbers between which the last event at or before the time ``t`` is, as far as the blocks tell."""
        for span in self._recording.spans(self._ends_upto):
            self._ends += [(span.t, span.first), (span.last_t, span.seq)]
            self._ends_upto = span.seq
        place = bisect_right(self._ends, t, key=lambda end: end[0])
        low = self._ends[place - 1][1] if place else first
        high = self._ends[place][1] if place < len(self._ends) else last
        return low, high

    def _stored(self, seq: int) -> int:
        return self._recording.keyframe_seq(seq, keyframe.guard())


def _before(order: list[int], seq: int) -> int:
    place = bisect_right(order, seq)
    return order[place - 1] if place else 0


def _decoded(raw: bytes, seq: int) -> State | None:
    try:
        return keyframe.decode_foreign(raw, seq)
    except CodecError:
        return None
