"""A source whose past can be looked at: what the screen asks of it. Light, because every start of the cockpit imports it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cockpit.view import Source

if TYPE_CHECKING:
    from cockpit.travel import Traveller
    from engine.replay.bookmarks import Bookmarks


@runtime_checkable
class TravelSource(Source, Protocol):
    """A source whose past can be looked at."""

    travel: Traveller | None
    """The cursor; None while a running session is shown as it is."""

    @property
    def recording(self) -> Path | None:
        """The journal's file; None where nothing is recorded."""
        ...

    @property
    def bookmarks(self) -> Bookmarks | None:
        """Those beside the recording."""
        ...

    def begin(self) -> Traveller:
        """Go behind live, paused at the newest event; in a replay the cursor that is there. RecordingError."""
        ...

    def return_to_live(self) -> bool:
        """Show what is now; False for a recording, which has no now."""
        ...
