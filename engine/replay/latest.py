"""A session's state as its recording tells it now, also while it runs: from the newest keyframe, within a bounded time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from engine.core.fold import apply
from engine.journal import keyframe
from engine.journal.codec import CodecError
from engine.journal.opening import clean
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State
from engine.replay.timeline import RARE_KINDS

MOST = 150_000
"""Events that are folded one by one; of more, all but the last ``TAIL`` without the market's, which change no money."""
TAIL = 20_000


class Latest(NamedTuple):
    """``last_t`` is when the last event was taken in (UTC ns); ``closed`` whether the journal was closed in order."""

    state: State
    started: ev.SessionStarted | None
    carried: ev.Carried | None
    last_t: int
    closed: bool
    damage: list[str]


def latest(path: Path) -> Latest:
    """RecordingError for what cannot be read at all."""
    with Recording.open(path) as recording:
        last = recording.last
        head = [event for _, event in recording.events(1, 2)]
        state = _state(recording, last.seq if last is not None else 0)
        return Latest(
            state,
            next((e for e in head if isinstance(e, ev.SessionStarted)), None),
            next((e for e in head if isinstance(e, ev.Carried)), None),
            last.t if last is not None else 0,
            recording.closed,
            [clean(line) for line in recording.damage],
        )


def _state(recording: Recording, seq: int) -> State:
    state = State()
    found = recording.keyframe(seq, keyframe.guard())
    if found is not None:
        with suppress(CodecError):
            state = keyframe.decode_foreign(found[1], found[0])
    if seq - state.seq > MOST:
        _fold(recording, state, seq - TAIL, RARE_KINDS)
    _fold(recording, state, seq, None)
    return state


def _fold(recording: Recording, state: State, seq: int, kinds: tuple[str, ...] | None) -> None:
    for number, event in recording.events(state.seq + 1, seq, kinds):
        state.seq = number - 1
        apply(state, event)
    state.seq = max(state.seq, seq)
