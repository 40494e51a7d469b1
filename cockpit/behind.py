"""The door between the screen and a running session, and the way into its past: behind live.

The past is read from the session's own journal on a connection that only reads. Commands go to the engine all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.view import Strip, View
from engine.model.events import Action, Event
from engine.replay.marks import Mark, Marker

if TYPE_CHECKING:
    from cockpit.travel import Traveller
    from engine.replay.bookmarks import Bookmarks
    from engine.session.session import Session

SURVEY_S = 4.0
"""Between two surveys of a timeline that grows."""
REFRESH_S = 0.5
MARKS = 2_000
"""The newest marks of a running session that its strip keeps."""


class LiveSource:
    """Views of a running session as it is; after ``begin`` of its past, until ``return_to_live``."""

    def __init__(
        self, session: Session, recording: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.travel: Traveller | None = None
        self._session, self._recording, self._clock = session, recording, clock
        self._marker, self._marks, self._started = Marker(), list[Mark](), session.clock()
        self._kinds = frozenset(self._marker.kinds)
        self._bookmarks: Bookmarks | None = None
        self._refreshed = float("-inf")
        self._surveyor: asyncio.Task[None] | None = None
        session.watchers.append(self._mark)

    def _mark(self, event: Event) -> None:
        if type(event).__name__ in self._kinds:
            self._marks = [*self._marks, *self._marker.marks([(self._session.state.seq, event)])][-MARKS:]

    def view(self) -> View:
        session, travel = self._session, self.travel
        profile = session.trader.profile
        now = View(session.state, session.clock(), profile, profile.symbols[0])
        if travel is None:
            now.strip = self._strip(now)
            return now
        if self._clock() - self._refreshed > REFRESH_S:
            self._refreshed = self._clock()
            travel.refresh()
        return View(travel.state, travel.t, profile, profile.symbols[0], "behind", strip=travel.strip(), actual=now)

    def _strip(self, view: View) -> Strip | None:
        state = view.state
        if self._recording is None or not state.seq:
            return None
        start = state.session.started_t or self._started
        return Strip(start, view.now, start, view.now, view.now, state.seq, state.seq, marks=self._all_marks())

    def _all_marks(self) -> list[Mark]:
        """With the bookmarks, where there are any."""
        if self._bookmarks is None or not self._bookmarks.all:
            return self._marks
        return sorted([*self._marks, *(Mark(b.seq, b.t, "bookmark", b.note) for b in self._bookmarks)])

    def command(self, action: Action, target: str = "", text: str = "", by: str = "key") -> None:
        self._session.command(action, target, text, by)

    @property
    def recording(self) -> Path | None:
        return self._recording

    @property
    def bookmarks(self) -> Bookmarks | None:
        from engine.replay.bookmarks import Bookmarks

        if self._bookmarks is None and self._recording is not None:
            self._bookmarks = Bookmarks(self._recording)
        return self._bookmarks

    def begin(self) -> Traveller:
        """RecordingError when the journal cannot be read."""
        from cockpit.travel import Traveller
        from engine.journal.recording import RecordingError
        from engine.replay.cursor import Replay

        if self.travel is None:
            if self._recording is None:
                raise RecordingError("this session keeps no journal")
            travel = Traveller(Replay.open(self._recording), self._clock, running=True, bookmarks=self.bookmarks)
            self.travel = travel
            travel.to(travel.replay.last.seq)
            with suppress(RuntimeError):  # without a loop the timeline stays without its skyline
                surveying = keep_surveyed(travel, lambda: self.travel is travel)
                self._surveyor = asyncio.get_running_loop().create_task(surveying, name="survey")
        return self.travel

    def return_to_live(self) -> bool:
        if self._surveyor is not None:
            self._surveyor.cancel()
            self._surveyor = None
        if self.travel is not None:
            self.travel.close()
            self.travel = None
        return True


async def keep_surveyed(travel: Traveller, wanted: Callable[[], bool]) -> None:
    """In a thread: a long session takes tenths of a second, and neither engine nor screen must wait for them."""
    from cockpit.survey import surveyed
    from engine.journal.recording import RecordingError

    while wanted():
        with suppress(RecordingError):
            found = await asyncio.to_thread(surveyed, travel.replay.recording.path, *travel.window())
            if wanted():
                travel.map = found
        await asyncio.sleep(SURVEY_S)
