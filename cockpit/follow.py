"""A session that another process runs, on the screen of this one: its recording, read on as it grows. Nothing can be sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from cockpit.behind import keep_surveyed
from cockpit.replay import ReplaySource
from cockpit.travel import Traveller
from cockpit.view import View
from engine.model.settings import Profile

POLL_S = 0.3
ENDED = "the session has ended"


class FollowSource(ReplaySource):
    """At its end the cursor stays at the end; a step back leaves it, and going to the end (as any key does) takes it up again."""

    def __init__(self, travel: Traveller, profile: Profile, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(travel, profile)
        self._clock = clock
        self._read_at = float("-inf")
        self._surveyor: asyncio.Task[None] | None = None

    def view(self) -> View:
        if self._clock() - self._read_at >= POLL_S:
            self._read_at = self._clock()
            self._read_on()
        return super().view()

    def _read_on(self) -> None:
        travel = self._travel
        follows = travel.seq >= travel.replay.last.seq and not travel.player.playing
        travel.refresh()
        if follows and travel.seq < travel.replay.last.seq:
            travel.to(travel.replay.last.seq)
            travel.arrive()  # a third of a second's events: less than a picture takes
        if follows and travel.replay.recording.closed:
            travel.note = ENDED
        if self._surveyor is None:
            with suppress(RuntimeError):  # without a loop the timeline stays without its skyline
                surveying = keep_surveyed(travel, lambda: True)
                self._surveyor = asyncio.get_running_loop().create_task(surveying, name="survey")
