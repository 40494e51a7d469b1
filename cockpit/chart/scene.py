"""What the chart draws: plain data, made anew by the app for every presentation tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.model.market import Candle

Timeframe = Literal[1, 5, 15, 60]
TIMEFRAMES: tuple[Timeframe, ...] = (1, 5, 15, 60)

LevelKind = Literal["entry", "stop", "target", "order", "liq", "trigger"]
MarkerKind = Literal["buy", "sell", "reject", "cancel", "signal"]
Side = Literal["buy", "sell", ""]


class Level(msgspec.Struct, frozen=True, gc=False):
    """A horizontal price. ``label`` is the left tag (``"SL -1.0R -75.00"``); empty means the kind's own word."""

    kind: LevelKind
    price: float
    label: str = ""
    side: Side = ""


class Marker(msgspec.Struct, frozen=True, gc=False):
    """Something that happened at a time and a price; ``label`` is read with the crosshair."""

    time_ns: int
    price: float
    kind: MarkerKind
    label: str = ""


class Stance(msgspec.Struct, frozen=True, gc=False):
    """The open position, for the risk and reward boxes: they begin where it was opened.

    ``side`` empty means: told by the target, else by the stop.
    """

    entry: float
    since_ns: int
    stop: float | None = None
    target: float | None = None
    side: Side = ""

    @property
    def is_long(self) -> bool:
        if self.side:
            return self.side == "buy"
        if self.target is not None:
            return self.target > self.entry
        return self.stop is None or self.stop < self.entry


class Scene(msgspec.Struct, gc=False):
    """One picture's worth of market and position.

    ``candles`` are one-minute bars, oldest first, of unique ascending open times; the last one may be live. The list
    may grow, slide or be amended in its last bar between two scenes at no cost; any other change is noticed and
    re-read. ``timeframe`` is in minutes and takes effect when it differs from the scene before; the user's own choice
    on the chart stands otherwise. ``bar_ends_in_s`` None means: derived from ``now_ns`` for the timeframe shown, while
    ``live``.
    """

    candles: Sequence[Candle]
    symbol: str
    price_decimals: int
    qty_decimals: int
    timeframe: Timeframe = 5
    live: bool = True
    last: float | None = None
    mark: float | None = None
    bar_ends_in_s: float | None = None
    now_ns: int = 0
    levels: Sequence[Level] = ()
    markers: Sequence[Marker] = ()
    stance: Stance | None = None
