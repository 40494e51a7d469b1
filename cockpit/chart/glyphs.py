"""The glyphs, as tables. Block Elements and Box Drawing: one cell wide, and in every terminal font."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cockpit.chart.scene import LevelKind, MarkerKind

LOWER = " ▁▂▃▄▅▆▇█"

BODY = {1: 1, 2: 1, 3: 2, 4: 3, 6: 5}
"""Columns of a body by columns per candle."""
CENTRE = {1: 0, 2: 0, 3: 0, 4: 1, 6: 2}
"""The wick's column by columns per candle."""


@dataclass(frozen=True, slots=True)
class Box:
    """Outline of a hollow body; ``up`` and ``down`` carry the wick through its edges, ``flats`` is a body
    of one row with no wick, one below, one above, both.
    """

    top: str = "┌─┐"
    middle: str = "│ │"
    bottom: str = "└─┘"
    up: str = "┴"
    down: str = "┬"
    tube: str = "║"
    flats: str = "═╤╧╪"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """A set for one kind of terminal. ``eighths`` empty means whole cells only (no fractions of a cell)."""

    eighths: str
    dense_body: tuple[str, str, str]
    dense_wick: str
    wick: str
    wick_upper: str
    wick_lower: str
    wick_between: str
    doji: tuple[str, str]
    short: tuple[str, str]
    bull: str
    bear: str
    volume: tuple[str, str]
    """Full cells of falling and rising volume where colour is missing."""
    box: Box | None
    average: tuple[str, str]
    """For each average, strokes from the top of a cell to its bottom."""
    across: str
    down: str
    day: str
    gap: str
    last: str
    mark: str
    above: str
    below: str
    cross_across: str
    cross_down: str
    cross: str
    legend: str
    pointer: tuple[str, str]
    lines: dict[LevelKind, str]
    markers: dict[MarkerKind, str]


UNICODE = Glyphs(
    eighths=LOWER,
    dense_body=("▌", "▖", "▘"),
    dense_wick="▏",
    wick="│",
    wick_upper="╵",
    wick_lower="╷",
    wick_between="▕",
    doji=("─", "┼"),
    short=("━", "┿"),
    bull="█",
    bear="█",
    volume=("█", "▒"),
    box=Box(),
    average=("▔─▁", "▔─▁"),
    across="┈",
    down="┊",
    day="╎",
    gap="≈",
    last="╌",
    mark="◂",
    above="↑",
    below="↓",
    cross_across="╌",
    cross_down="╎",
    cross="┼",
    legend="━",
    pointer=("╴", "╶"),
    lines={"entry": "─", "stop": "╌", "target": "╌", "order": "┄", "liq": "═", "trigger": "┈"},
    markers={"buy": "▲", "sell": "▼", "reject": "✕", "cancel": "○", "signal": "◆"},
)

ASCII = Glyphs(
    eighths="",
    dense_body=("#", "#", "#"),
    dense_wick="|",
    wick="|",
    wick_upper="|",
    wick_lower="|",
    wick_between="|",
    doji=("-", "+"),
    short=("-", "+"),
    bull="O",
    bear="#",
    volume=("#", "O"),
    box=None,
    average=("~", "."),
    across=".",
    down=":",
    day="!",
    gap="%",
    last="-",
    mark="<",
    above="^",
    below="v",
    cross_across="-",
    cross_down="|",
    cross="+",
    legend="=",
    pointer=("-", "-"),
    lines={"entry": "_", "stop": "-", "target": "-", "order": "-", "liq": "=", "trigger": "."},
    markers={"buy": "^", "sell": "v", "reject": "x", "cancel": "o", "signal": "*"},
)


def every_glyph(glyphs: Glyphs) -> set[str]:
    """All single characters of a set, for the width test."""
    found: set[str] = set()
    for field in fields(glyphs):
        value = getattr(glyphs, field.name)
        if isinstance(value, Box):
            found.update(c for f in fields(value) for c in getattr(value, f.name))
        elif isinstance(value, dict):
            found.update(value.values())
        else:
            found.update(c for part in value or () for c in part)
    return found
