"""Interesting states that a campaign must reach: one that never was is a failure, because then its zeros say nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

SHORT = (
    "HALTED",
    "cancelled",
    "duplicate fill dropped",
    "late or double press refused",
    "re-armed",
    "recovery by carrying over",
    "recovery by resume",
    "recovery with a position",
    "stop placed or moved",
)
"""What the short run of the tests must have seen."""

STATES = (
    *SHORT,
    "UNKNOWN was there",
    "a commit under way at the end was lost",
    "kill with working entries",
    "outcome unknown",
    "reconnect in mid-order",
    "still halted after a restart",
    "recovery with an open order",
    "SAFE",
    "UNKNOWN was not there",
    "a breaker opened",
    "a breaker closed again",
    "a commit raised",
    "a commit under way at the end was kept",
    "a commit under way at the end was torn",
    "answered at the last moment or too late",
    "approval expired",
    "approved twice",
    "fill after the cancel was sent",
    "kill during a submit",
    "order refused by the venue",
    "partial fill, then cancelled",
    "position closed while nobody was there",
    "position without a stop noticed",
    "recovery with an order of unknown outcome",
    "silent death noticed",
    "stop not confirmed",
    "stop trails",
    "the disk is full",
    "throttled",
)
"""And the long campaign."""


class Seen:
    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def note(self, name: str) -> None:
        self.count[name] += 1


def missing(seen: Mapping[str, int], wanted: Iterable[str]) -> list[str]:
    return [name for name in wanted if not seen.get(name)]
