"""A market stream that is alive and says what was true a while ago: held against requests, now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from engine.venues.port import VenueError

EVERY_S = 15.0
MOVED = 0.001
"""Share of the price by which requests must have moved away from a book that stood still: 10 basis points."""


class Crosscheck:
    """``mids`` is what the stream says, ``marks`` asks, and ``drop`` ends the stream's connection with a reason."""

    def __init__(
        self,
        symbols: list[str],
        mids: Mapping[str, float],
        marks: Callable[[list[str]], Awaitable[Mapping[str, float]]],
        drop: Callable[[str], None],
    ) -> None:
        self._symbols = symbols
        self._mids = mids
        self._marks = marks
        self._drop = drop
        self._still: dict[str, tuple[float, float]] = {}
        """Symbol → the stream's middle, and the mark that requests told when it was first seen there."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if self._mids:
                try:
                    self._look(await self._marks(self._symbols))
                except VenueError:
                    continue

    def _look(self, marks: Mapping[str, float]) -> None:
        for symbol, mark in marks.items():
            mid = self._mids.get(symbol)
            if mid is None:
                continue
            stood, mark_then = self._still.get(symbol, (0.0, mark))
            if stood != mid:
                self._still[symbol] = mid, mark
            elif abs(mark - mark_then) > MOVED * mark and abs(mark - mid) > MOVED * mid:
                self._still.clear()
                self._drop(f"frozen: {symbol} stands at {mid:g} in the stream, requests say {mark:g}")
                return
