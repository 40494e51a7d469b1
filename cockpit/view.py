"""What the screen is allowed to see and to ask: one read-only view of a state, and one door for commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from cockpit.actions import CAPS
from engine.model.events import Action
from engine.model.settings import Profile
from engine.model.state import State
from engine.replay.marks import Mark


class Strip(msgspec.Struct, frozen=True):
    """What the timeline shows. Times are UTC nanoseconds; ``start`` to ``end`` is the part of the session that is on it.

    ``density`` is events in equal parts of that time, ``gaps`` are times without any; ``a`` and ``b`` the ends of a loop.
    """

    start: int
    end: int
    first: int
    last: int
    t: int
    seq: int
    last_seq: int
    density: Sequence[int] = ()
    marks: Sequence[Mark] = ()
    gaps: Sequence[tuple[int, int]] = ()
    playing: bool = False
    speed: float = 1.0
    unit: str = "event"
    a: int | None = None
    b: int | None = None
    moving: bool = False
    """On the way to somewhere else, or playing: another picture follows at once."""
    working: float = 1.0
    """Share of a long way that is done."""
    name: str = ""
    note: str = ""
    """What was found or is wrong: a hit of the search, damage."""


class View(msgspec.Struct):
    """A state at one moment. ``now`` is our clock in a live session and the cursor's time in a replay (UTC nanoseconds).

    Panes read it and change nothing. The same view always draws the same screen.
    """

    state: State
    now: int
    profile: Profile
    symbol: str
    source: Literal["live", "behind", "replay"] = "live"
    keys: Mapping[str, str] = msgspec.field(default_factory=lambda: CAPS)
    """Action id → the key as it is bound and written; the app fills it in."""
    strip: Strip | None = None
    """The timeline, where there is one to travel on."""
    actual: View | None = None
    """What the engine does now, while the screen is behind it."""

    def key(self, action: str) -> str:
        """The key that a pane shows for an action; a dash where the user has unbound it."""
        return self.keys.get(action, "–")


class Source(Protocol):
    """Where views come from and commands go to: a running session, a replay, or fixed events in a test."""

    def view(self) -> View: ...

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:
        """Hand a person's command to the engine; returns at once, the outcome is in a later view."""
        ...
