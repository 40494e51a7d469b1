"""What the screen survived goes into the journal: cleaned, and the same error of one place at most once a minute."""

from __future__ import annotations

from collections.abc import Callable

from engine.model.events import ScreenFailed
from engine.venues.clean import clean

EVERY_NS = 60_000_000_000
LONGEST = 200

Tell = Callable[[str, Exception], None]


def journaled(ingest: Callable[[ScreenFailed], None], clock: Callable[[], int]) -> Tell:
    """A function for ``CockpitApp(on_failure=…)``: where it was, and the error. ``clock`` gives UTC nanoseconds."""
    told: dict[tuple[str, str], int] = {}

    def tell(where: str, error: Exception) -> None:
        kind, t = type(error).__name__, clock()
        before = told.get((where, kind))
        if before is None or t - before >= EVERY_NS:
            told[where, kind] = t
            ingest(ScreenFailed(t, clean(where, LONGEST), clean(f"{kind}: {error}", LONGEST)))

    return tell
