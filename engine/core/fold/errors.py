"""What goes wrong, counted and priced: the error budget of a session, and the state of the circuit breakers."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.fold.base import log
from engine.model import events as ev
from engine.model.market import MINUTE_NS
from engine.model.state import Breaker, Errors, Link, State

HOUR_NS = 60 * MINUTE_NS
STREAMS = ("public", "private")


class Price(NamedTuple):
    points: int
    one: str
    many: str


PRICES: dict[str, Price] = {
    "order": Price(1, "order without an answer", "orders without an answer"),
    "breaker": Price(2, "circuit breaker opened", "circuit breakers opened"),
    "link": Price(1, "stream lost", "streams lost"),
    "message": Price(1, "unreadable private message", "unreadable private messages"),
    "screen": Price(1, "fault of the screen", "faults of the screen"),
}
"""What an error of each kind costs of ``errors.budget``.

A stream that held for an hour before it was lost costs nothing: venues end connections now and then. Unreadable messages of one
cause are told at 1, 10, 100, … repeats, and cost as often; a breaker that tries in vain and opens again has been paid for.
"""


def charge(state: State, kind: str) -> None:
    counts = state.errors.counts
    counts[kind] = counts.get(kind, 0) + 1


def spent(errors: Errors) -> int:
    """Points that the errors so far have cost."""
    return sum(PRICES[kind].points * count for kind, count in errors.counts.items())


def bill(errors: Errors) -> str:
    """What cost what, the dearest first: ``4 streams lost (4), 1 circuit breaker opened (2)``."""
    costs = [(PRICES[kind].points * count, kind, count) for kind, count in errors.counts.items()]
    return ", ".join(
        f"{count} {PRICES[kind].one if count == 1 else PRICES[kind].many} ({cost})"
        for cost, kind, count in sorted(costs, key=lambda row: (-row[0], row[1]))
    )


def link_changed(state: State, link: Link, e: ev.LinkReport) -> None:
    """Called before the link takes the new state."""
    if e.link in STREAMS and link.state == "up" and e.state != "up" and e.t - link.changed_t < HOUR_NS:
        charge(state, "link")


def on_breaker(state: State, e: ev.BreakerReport) -> None:
    known = state.errors.breakers.get(e.family)
    before = "closed" if known is None else known.state
    state.errors.breakers[e.family] = Breaker(e.family, e.state, e.failures, e.until, e.detail)
    if e.state == "open" and before == "closed":
        charge(state, "breaker")
    level = {"closed": "good", "open": "alarm"}.get(e.state, "info")
    log(state, "breaker", level, f"circuit breaker of {e.family} {_WORDS.get(e.state, e.state)} {e.detail}".rstrip())


_WORDS = {"closed": "closed", "open": "open", "half": "half-open: one request tries"}
