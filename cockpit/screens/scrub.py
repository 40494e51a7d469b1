"""The mouse on the timeline: a click goes there, dragging goes along, and playing goes on when the button is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.source import TravelSource

if TYPE_CHECKING:
    from cockpit.screens.trade import TradeScreen


def scrub(screen: TradeScreen, t: int, held: bool) -> None:
    """Go to a time; on a live screen behind live. While ``held`` nothing plays."""
    source = screen.cockpit.source
    if not isinstance(source, TravelSource):
        return
    travel = source.travel or source.begin()
    if travel.player.playing and held:
        travel.resume, travel.player.playing = True, False
    travel.to_time(t)
    if travel.resume and not held:
        travel.resume, travel.player.playing = False, True
    screen.cockpit.motion.wake()
