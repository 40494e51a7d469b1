"""Which panes stand at which size, and how high those of the right column are. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Size = Literal["wide", "medium", "narrow", "small"]
SIZES: tuple[tuple[int, int, Size], ...] = ((140, 40, "wide"), (100, 30, "medium"), (80, 24, "narrow"))
LAYOUTS: dict[Size, frozenset[str]] = {
    "wide": frozenset(
        ["header", "chart", "log", "preflight", "position", "approval", "orders", "risk", "heartbeat", "status"]
    ),
    "medium": frozenset(["header", "chart", "log", "position", "approval", "orders", "risk", "status"]),
    "narrow": frozenset(["header", "chart", "position_strip", "approval_strip", "log", "status"]),
    "small": frozenset({"too_small"}),
}
"""What stands on the screen at each size; the other panes come up maximised when their digit is pressed."""
MAXIMISED = frozenset(["header", "banner", "position_strip", "approval_strip", "timeline", "status"])
"""What stays beside a maximised pane: nothing that is asked or held goes out of sight."""
COLUMN = ("position", "approval", "orders", "risk", "heartbeat")
BARS = 3
"""Rows that header and status row take from the right column."""
LEAST = {"position": 7, "approval": 4, "orders": 4, "risk": 5, "heartbeat": 5}
WISHES = (
    ("orders", 6), ("heartbeat", 8), ("risk", 8), ("orders", 8), ("risk", 10),
)  # fmt: skip
"""What is given beyond the least, in this order, while rows are left."""
ROOMY = 50
ASKED = 13
"""What a question usually needs: the position above it keeps the height at which both fit, so that it never jumps."""


def size_of(width: int, height: int) -> Size:
    return next((size for columns, rows, size in SIZES if width >= columns and height >= rows), "small")


def standing(size: Size, maximised: str, preflight: bool) -> frozenset[str]:
    """The panes of a screen; ``preflight`` is whether the checklist needs to be seen."""
    if maximised and size != "small":
        return (MAXIMISED | {maximised}) - {f"{maximised}_strip"}
    return LAYOUTS[size] if preflight else LAYOUTS[size] - {"preflight"}


def with_past(shown: frozenset[str], size: Size, source: str, timeline: bool) -> frozenset[str]:
    """With the timeline always where the past is shown, else where there is room for it; the banner only behind live."""
    bare = shown - {"banner", "timeline"}
    if not timeline or (source == "live" and (size != "wide" or "chart" not in shown)):
        return bare
    strip = {"timeline"} if size != "small" else set()
    return bare | strip | ({"banner"} if source == "behind" else set())


def heights(room: int, panes: Collection[str], asked: int) -> dict[str, int]:
    """Rows of each pane of the column, frames included; the orders are not named, they have whatever is left.

    ``asked`` is what the approval needs: it comes first.
    """
    rows = {name: LEAST[name] for name in COLUMN if name in panes}
    left = room - sum(rows.values())
    steady = min(13 if room >= ROOMY else 10, LEAST["position"] + left - (ASKED - LEAST["approval"]))
    for name, wanted in (("approval", asked), ("position", steady), *WISHES):
        if name in rows:
            more = max(0, min(left, wanted - rows[name]))
            rows[name] += more
            left -= more
    rows.pop("orders", None)
    return rows
