"""Bugs put into the engine on purpose: a campaign that does not catch each of them within a few seeds shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from engine.core import exposure, operator, protection
from engine.model import events as ev
from engine.session import latch, recover
from engine.session.effects import Effects
from engine.session.session import Session
from engine.venues.bitunix.stops import Stops
from engine.venues.bitunix.trading import Trading

Undo = Any


def early() -> list[Undo]:
    """Orders leave without waiting for the disk."""
    submit = Effects._submit

    async def at_once(self: Effects, d: ev.OrderSent, seq: int) -> None:
        await submit(self, d, 1)

    return [patch.object(Effects, "_submit", at_once)]


def resend() -> list[Undo]:
    """No answer is taken for a refusal, and the order goes out again."""
    submit = Trading.submit

    async def again(self: Trading, order: Any) -> ev.OrderReport:
        report = await submit(self, order)
        return await submit(self, order) if report.status == "UNKNOWN" else report

    return [patch.object(Trading, "submit", again)]


def refused() -> list[Undo]:
    """No answer is taken for a refusal."""
    submit = Trading.submit

    async def sure(self: Trading, order: Any) -> ev.OrderReport:
        report = await submit(self, order)
        return msgspec.structs.replace(report, status="REJECTED") if report.status == "UNKNOWN" else report

    return [patch.object(Trading, "submit", sure)]


def forget() -> list[Undo]:
    """The next session does not know of orders without an answer, nor of the names of the one before."""
    book = recover.book

    def thinned(*words: Any) -> ev.Book:
        whole = book(*words)
        return msgspec.structs.replace(whole, orders=[o for o in whole.orders if o.status != "UNKNOWN"], tags=[])

    return [patch.object(recover, "book", thinned)]


def count_twice() -> list[Undo]:
    """A fill that is told again counts again."""
    ingest = Session.ingest

    def renamed(self: Session, event: ev.Event) -> None:
        if isinstance(event, ev.FillReport):
            fill = event.fill
            if f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}" in self.state.fill_keys:
                self.state.fill_keys.pop(f"{fill.symbol}/{fill.venue_order_id}/{fill.trade_id}")
        ingest(self, event)

    return [patch.object(Session, "ingest", renamed)]


def reopen() -> list[Undo]:
    """The gate opens on a restart, whatever a person had decided."""
    book = recover.book

    def active(*words: Any) -> ev.Book:
        return msgspec.structs.replace(book(*words), trading="ACTIVE")

    return [
        patch.object(recover, "book", active),
        patch.object(latch, "read", lambda _: None),
        patch.object(latch, "guard", lambda *_: lambda: None),
    ]


def bare() -> list[Undo]:
    """Entries go out without their stops, and nobody sees to it that a position gets one."""
    submit = Trading.submit

    async def stripped(self: Trading, order: Any) -> ev.OrderReport:
        return await submit(self, msgspec.structs.replace(order, stop=None, target=None))

    async def claimed(self: Stops, symbol: str, *_: Any) -> ev.ProtectReport:
        return ev.ProtectReport(self._clock(), symbol, True)

    return [
        patch.object(Trading, "submit", stripped),
        patch.object(Stops, "protect", claimed),
        patch.object(protection, "guard", lambda _: None),
    ]


def free() -> list[Undo]:
    """An order of unknown outcome is not counted as exposure."""
    working = exposure.working_orders

    def known(*words: Any) -> list[Any]:
        return [order for order in working(*words) if order.status != "UNKNOWN"]

    return [patch.object(exposure, "working_orders", known)]


def shy() -> list[Undo]:
    """The kill switch shuts the gate and cancels nothing."""
    return [patch.object(operator, "_entries", lambda _: [])]


PLANTS: dict[str, Callable[[], list[Undo]]] = {
    "early": early,
    "resend": resend,
    "refused": refused,
    "forget": forget,
    "count-twice": count_twice,
    "reopen": reopen,
    "bare": bare,
    "free": free,
    "shy": shy,
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """With the bug in the engine; an empty name is none."""
    with ExitStack() as held:
        for bug in PLANTS[name]() if name else []:
            held.enter_context(bug)
        yield
