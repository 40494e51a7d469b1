"""What is worth a sign on the timeline: fills, refusals, approvals, kills, pauses, links, bookmarks and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from engine.model import events as ev

MarkKind = Literal[
    "fill",
    "reject",
    "approval",
    "kill",
    "pause",
    "resume",
    "rearm",
    "safe",
    "lost",
    "up",
    "bookmark",
    "end",
    "torn",
]


class Mark(NamedTuple):
    seq: int
    t: int
    kind: MarkKind
    text: str


class Marker:
    """Turns rare events, given in order, into marks; remembers what a change is measured against."""

    def __init__(self) -> None:
        self._links: dict[str, str] = {}
        self._was_up: set[str] = set()
        self._trading = "ACTIVE"
        self._table: dict[type[ev.Event], Callable[[Any], tuple[MarkKind, str] | None]] = {
            ev.FillReport: _fill,
            ev.Refused: lambda e: ("reject", f"{e.code}: {e.text}"),
            ev.ApprovalClosed: lambda e: ("approval", f"{e.outcome} by {e.by}"),
            ev.TradingChanged: self._changed,
            ev.LinkReport: self._link,
            ev.SessionEnded: lambda e: ("end", e.reason),
        }

    @property
    def kinds(self) -> list[str]:
        return [kind.__name__ for kind in self._table]

    def marks(self, events: Iterable[tuple[int, ev.Event]]) -> list[Mark]:
        found = []
        for seq, event in events:
            made = self._table[type(event)](event)
            if made is not None:
                found.append(Mark(seq, event.t, *made))
        return found

    def _changed(self, e: ev.TradingChanged) -> tuple[MarkKind, str]:
        before, self._trading = self._trading, e.state
        kinds: dict[str, MarkKind] = {"HALTED": "kill", "PAUSED": "pause", "SAFE": "safe", "ACTIVE": "resume"}
        kind = "rearm" if before == "HALTED" and e.state != "HALTED" else kinds[e.state]
        return kind, f"{e.state} by {e.by}: {e.why}"

    def _link(self, e: ev.LinkReport) -> tuple[MarkKind, str] | None:
        before, self._links[e.link] = self._links.get(e.link, ""), e.state
        if e.state == before:
            return None
        again = e.state == "up" and e.link in self._was_up
        if e.state == "up":
            self._was_up.add(e.link)
        lost = before == "up" or e.state == "failed"
        return (
            ("up", f"{e.link} up again")
            if again
            else ("lost", f"{e.link} {e.state} {e.detail}".rstrip())
            if lost
            else None
        )


def _fill(e: ev.FillReport) -> tuple[MarkKind, str]:
    fill = e.fill
    return "fill", f"{fill.side} {fill.qty:f} {fill.symbol} at {fill.price:f}"
