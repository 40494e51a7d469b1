"""What is read of a recording besides the state at its cursor: the timeline's survey, search, differences, an order's why."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.core.trader import copy_of
from engine.journal.recording import Recording
from engine.model.events import OrderDecided
from engine.model.orders import Fill, Trade
from engine.model.state import State
from engine.replay.cursor import Market, Replay
from engine.replay.diff import Change, difference
from engine.replay.marks import Mark
from engine.replay.timeline import Hit, Timeline
from engine.replay.why import Link, why

BUCKETS = 480
"""Parts of the time in which events are counted: about three for each cell of a wide timeline."""


class Map(NamedTuple):
    """What a timeline shows of a recording between ``start`` and ``end``; its marks without bookmarks."""

    start: int
    end: int
    density: list[int]
    marks: list[Mark]
    gaps: list[tuple[int, int]]


EMPTY = Map(0, 0, [], [], [])


def survey(timeline: Timeline, start: int, end: int) -> Map:
    """Reads what is rare and the index; some tenths of a second for a million events."""
    marks = [mark for mark in timeline.marks if mark.kind != "bookmark"]
    density = timeline.density(BUCKETS, start, end + 1)
    return Map(start, end, density, marks, [(gap.start, gap.end) for gap in timeline.gaps()])


# --- questions that take time: each reads a recording of its own, so that they can be asked beside a running engine ---


def find(recording: Recording, text: str) -> list[Hit]:
    """Everything but the market in which the text occurs."""
    return Timeline(Replay(recording)).search(text)


def differences(recording: Recording, a: int, b: int, market: Market | None = None) -> list[Change]:
    """What changed in the state from the event ``a`` to the event ``b``; ``market`` is what the recording refers to."""
    replay = Replay(recording, market)
    before = copy_of(replay.seek(a))
    return difference(before, replay.seek(b))


def chain(recording: Recording, client_id: str, upto: int) -> list[Link]:
    """Why an order is what it is, with nothing after ``upto``."""
    return why(recording, client_id, upto)


def surveyed(path: Path, start: int, end: int) -> Map:
    """The survey of a file that is still being written, on a connection of its own."""
    with Replay.open(path) as replay:
        return survey(Timeline(replay), start, min(end, replay.last.t))


def stretched(found: Map, end: int) -> list[int]:
    """Counts up to the survey's end, and nothing yet of what came since."""
    span, known = end - found.start, found.end - found.start
    if known <= 0 or span <= known:
        return found.density
    size = max(1, round(BUCKETS * known / span))
    return [sum(found.density[n * BUCKETS // size : (n + 1) * BUCKETS // size]) for n in range(size)] + [0] * (
        BUCKETS - size
    )


def fill_seq(state: State, fill: Fill) -> int:
    return state.fill_keys.get(f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}", 0)


def trade_seq(state: State, trade: Trade) -> int:
    """Number of the fill that closed a trade; 0 when it is no longer known."""
    closing = [fill for fill in state.fills if fill.symbol == trade.symbol and fill.t == trade.exit_t]
    return max((fill_seq(state, fill) for fill in closing), default=0)


def order_seq(recording: Recording, client_id: str, upto: int) -> int:
    """Number of the event that decided an order; 0 when there is none."""
    for seq, event in recording.events(1, upto, ("OrderDecided",)):
        if isinstance(event, OrderDecided) and event.order.client_id == client_id:
            return seq
    return 0
