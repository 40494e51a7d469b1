"""What the screen is allowed to see and to ask: one read-only view of a state, and one door for commands."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from engine.model.events import Action
from engine.model.settings import Profile
from engine.model.state import State


class View(msgspec.Struct):
    """A state at one moment. ``now`` is our clock in a live session and the cursor's time in a replay (UTC nanoseconds).

    Panes read it and change nothing. The same view always draws the same screen.
    """

    state: State
    now: int
    profile: Profile
    symbol: str
    source: Literal["live", "behind", "replay"] = "live"


class Source(Protocol):
    """Where views come from and commands go to: a running session, a replay, or fixed events in a test."""

    def view(self) -> View: ...

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:
        """Hand a person's command to the engine; returns at once, the outcome is in a later view."""
        ...
