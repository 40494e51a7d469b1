"""What a REST endpoint is: its handler, its limit, and what the handler is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from engine.sim.accounts import Account
from engine.sim.desk import ident
from engine.sim.exchange import Exchange
from engine.sim.faults import Faults
from engine.sim.refusals import Refused
from engine.sim.world import World

Params = Mapping[str, Any]
T = TypeVar("T")
PAGE = 10
MAX_PAGE = 100


class Request(NamedTuple):
    """One call: public handlers must not touch ``account``."""

    exchange: Exchange
    account: Account
    params: Params

    @property
    def world(self) -> World:
        return self.exchange.world

    @property
    def faults(self) -> Faults:
        return self.exchange.faults


class Route(NamedTuple):
    handler: Callable[[Request], Any]
    per_second: int = 10
    private: bool = True


Routes = dict[tuple[str, str], Route]


def whole(params: Params, key: str) -> int | None:
    """A non-negative whole number given as text or number; 10002 otherwise."""
    shown = ident(params, key)
    if not shown:
        return None
    if not (shown.isascii() and shown.isdigit() and len(shown) <= 18):
        raise Refused(10002)
    return int(shown)


def page(params: Params, rows: Sequence[T], when: Callable[[T], int]) -> tuple[list[T], int]:
    """Rows (oldest first) in startTime..endTime as the asked page, newest first, and how many there are in all."""
    start, end = whole(params, "startTime"), whole(params, "endTime")
    skip, limit = whole(params, "skip") or 0, whole(params, "limit")
    found = [
        row for row in reversed(rows) if (start is None or when(row) >= start) and (end is None or when(row) <= end)
    ]
    return found[skip : skip + min(PAGE if limit is None else limit, MAX_PAGE)], len(found)
