"""The closed candles of a recording: a session's market as the store takes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from engine.data.contract import CandleError
from engine.journal.recording import Recording
from engine.model.events import CandlesLoaded, CandleTick, SessionStarted
from engine.model.market import Candle
from engine.venues.bitunix.hosts import is_loopback

SUFFIX = ".cockpit"
SIMULATED = "simulated"
VENUE = "bitunix"


class Recorded(NamedTuple):
    """``candles`` by symbol, oldest first, with the history that the session began with; ``damage`` is what could not be read."""

    venue: str
    session: str
    candles: dict[str, list[Candle]]
    damage: list[str]


def recorded(path: Path) -> Recorded:
    """RecordingError for what is no recording; CandleError for one without candles."""
    venue = session = ""
    found: dict[str, dict[int, Candle]] = {}
    with Recording.open(path) as recording:
        for _, event in recording.events(1, None, ("SessionStarted",)):
            if isinstance(event, SessionStarted):
                venue, session = _market(event), event.session
        for _, event in recording.events(1, None, ("CandlesLoaded", "CandleTick")):
            if isinstance(event, CandlesLoaded):
                found.setdefault(event.symbol, {}).update((candle.open_time, candle) for candle in event.candles)
            elif isinstance(event, CandleTick) and event.closed:
                found.setdefault(event.symbol, {})[event.candle.open_time] = event.candle
        damage = list(recording.damage)
    if not any(found.values()):
        raise CandleError("no candle closed in this session", str(path))
    rows = {symbol: [candles[t] for t in sorted(candles)] for symbol, candles in found.items() if candles}
    return Recorded(venue, session, rows, damage)


def _market(start: SessionStarted) -> str:
    """Whose market it was: a session on a simulated exchange speaks the venue's protocol, but its candles are made up."""
    try:
        settings = msgspec.json.decode(start.config)["profile"]["venue"]
        kind, rest = settings["kind"], settings.get("rest", "")
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return start.venue
    return market_of(str(rest)) if kind == VENUE else str(kind)


def market_of(rest: str) -> str:
    """The name under which the candles of a REST address are kept; empty means the venue's own address."""
    try:
        local = is_loopback(urlsplit(rest).hostname or "")
    except ValueError:
        local = False
    return SIMULATED if local else VENUE
