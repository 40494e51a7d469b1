"""A venue's history into the store: what is missing of a range, page after page, kept as it comes, so that it can go on later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from engine.data.contract import CandleError
from engine.data.store import Store
from engine.model.market import MINUTE_NS, Candle
from engine.venues.bitunix.rest import RestError
from engine.venues.port import VenueError

CHUNK = 2_000
"""Minutes between two writes: ten pages of the venue, some seconds of work that a kill can cost."""
TRIES = 5
"""On top of the adapter's own, for a network that is away for a while."""
FIRST_PAUSE_S = 1.0
Progress = Callable[[int, int], None]
"""Told the minutes that have been asked for so far, and all there are to ask for."""
Waiting = Callable[[VenueError, float], None]
"""Told why a request failed, and in how many seconds it is tried again."""


class History(Protocol):
    """The part of a venue that is needed; it keeps the venue's limits by itself."""

    async def candles(self, symbol: str, start: int, end: int) -> list[Candle]: ...


class Fetched(NamedTuple):
    """``asked`` minutes were missing, ``added`` of them the venue had."""

    asked: int
    added: int


async def fetch(
    history: History,
    store: Store,
    venue: str,
    symbol: str,
    from_t: int | None,
    to_t: int,
    *,
    progress: Progress = lambda _done, _all: None,
    waiting: Waiting = lambda _error, _seconds: None,
    pause_s: float = FIRST_PAUSE_S,
) -> Fetched:
    """Ask for every minute of ``[from_t, to_t)`` (UTC nanoseconds) that the store lacks; without ``from_t`` from its end on.

    A request that gets no answer is tried ``TRIES`` times, each pause twice as long. VenueError when that does not help: what has
    come is in the store, and the next call goes on from there. CandleError if there is nothing to begin with.
    """
    last = store.last(venue, symbol)
    if from_t is None:
        if last is None:
            raise CandleError(
                f"the store has no {venue}/{symbol} to go on from", "", "say where to begin: --from 2024-01-01"
            )
        from_t = last + MINUTE_NS
    begin, end = -(-from_t // MINUTE_NS) * MINUTE_NS, to_t // MINUTE_NS * MINUTE_NS
    spans = missing(store.read(venue, symbol, begin, end) if last is not None else [], begin, end)
    total = sum((high - low) // MINUTE_NS for low, high in spans)
    done = added = 0
    progress(done, total)
    for low, high in chunks(spans):
        candles = await _asked(history, symbol, low, high, waiting, pause_s)
        if candles:
            added += store.write(venue, symbol, candles, f"{venue} REST").added
        done += (high - low) // MINUTE_NS
        progress(done, total)
    return Fetched(total, added)


def missing(candles: list[Candle], begin: int, end: int) -> list[tuple[int, int]]:
    """The parts of ``[begin, end)`` without candles."""
    spans, t = [], begin
    for candle in candles:
        if candle.open_time > t:
            spans.append((t, candle.open_time))
        t = candle.open_time + MINUTE_NS
    return [*spans, (t, end)] if t < end else spans


def chunks(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    step = CHUNK * MINUTE_NS
    return [(t, min(t + step, high)) for low, high in spans for t in range(low, high, step)]


async def _asked(history: History, symbol: str, low: int, high: int, waiting: Waiting, pause_s: float) -> list[Candle]:
    for left in reversed(range(TRIES)):
        try:
            return await history.candles(symbol, low, high)
        except VenueError as error:
            if not left or _is_refusal(error):
                raise
            pause = pause_s * 2 ** (TRIES - 1 - left)
            waiting(error, pause)
            await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def _is_refusal(error: VenueError) -> bool:
    """The venue has understood and does not want to: asking again helps nobody."""
    return isinstance(error.__cause__, RestError) and error.__cause__.outcome in ("refused", "auth")
