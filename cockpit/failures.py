"""What the screen survived goes into the journal, cleaned, an error of one place at most once a minute; what it did not, to the
terminal that it gives back."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.model.clean import clean, masked
from engine.model.events import ScreenFailed

if TYPE_CHECKING:
    from textual.app import App

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


def end_with_trace(app: App[Any]) -> None:
    """As Textual's own end by an error, but without the values of local variables: they may hold what nobody should see."""
    from rich.segment import Segments
    from rich.text import Text

    app.bell()
    app._exit_renderables.append(Segments(app.console.render(Text(trace_of(sys.exception())), app.console.options)))
    app._close_messages_no_wait()


def trace_of(error: BaseException | None) -> str:
    """The traceback as Python prints it, our own secrets masked."""
    return masked("".join(traceback.format_exception(error)))
