"""Pictures of a moving cursor: as many as can be drawn, never one for each key of a held one, none while it stands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cockpit.source import TravelSource

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

FRAME_HZ = 25.0
"""While keys or the mouse move the cursor."""
PLAY_HZ = 12.5
"""While it plays by itself."""
SSH_HZ = 6.0
"""Over SSH, where the terminal's bytes are the budget."""
TURN_S = 0.001
"""Between two slices of a long way."""


class Motion:
    """``wake`` after anything that moved the cursor or set it moving."""

    def __init__(self, app: CockpitApp) -> None:
        self._app = app
        self._due = False
        self._last = float("-inf")
        self.pictures = 0
        """How many were drawn."""

    def wake(self) -> None:
        if not self._due:
            self._due = True
            wait = self._last + 1 / self._hz() - self._app.clock()
            if wait > 0:
                self._app.set_timer(wait, self._frame)
            else:
                self._app.call_later(self._frame)

    def _hz(self) -> float:
        source = self._app.source
        travel = source.travel if isinstance(source, TravelSource) else None
        by_itself = travel is not None and travel.goal is None and travel.player.playing
        return min(PLAY_HZ if by_itself else FRAME_HZ, SSH_HZ if "SSH_CONNECTION" in os.environ else FRAME_HZ)

    def _frame(self) -> None:
        """A slice of the way, or a picture; then again while there is more."""
        self._due = False
        source = self._app.source
        travel = source.travel if isinstance(source, TravelSource) else None
        if travel is None:
            self._app.tick()
            return
        try:
            there = travel.work()
            if there:
                travel.play_on()
        except Exception as error:  # a broken recording must not end the screen
            travel.goal, travel.player.playing = None, False
            self._app.failed("travel", error)
            return
        if there or travel.done < 1:
            self._last = self._app.clock()
            self.pictures += 1
            self._app.tick()
        if travel.moving:
            self.wake() if there else self._soon()

    def _soon(self) -> None:
        """By a timer: the app's own queue would not let anything else have its turn, neither the engine nor the painter."""
        self._due = True
        self._app.set_timer(TURN_S, self._frame)
