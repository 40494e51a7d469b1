"""Bugs in the recovery, to see whether the judge notices: each is a function of the next session, before it connects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.model import events as ev
from engine.session.session import Session


def send_again(session: Session) -> None:
    """What has no answer is sent once more."""
    unsure = [o for o in session.state.orders.values() if o.status in ("UNKNOWN", "DENIED")]

    def again(event: ev.Event) -> None:
        if isinstance(event, ev.Recovered):
            for order in unsure:
                tasks.append(asyncio.ensure_future(session.venue.submit(order)))

    tasks: list[asyncio.Future[ev.OrderReport]] = []
    session.watchers.append(again)


def forget(session: Session) -> None:
    """Orders without an answer, and the names of the sessions before, are not taken along."""
    state = session.state
    for client_id in [o.client_id for o in state.orders.values() if o.status == "UNKNOWN"]:
        state.orders.pop(client_id)
        state.open_orders.pop(client_id)
        state.recovery.orders.pop(client_id)
    state.recovery.tags.clear()


def count_twice(session: Session) -> None:
    """Executions that were known are booked once more."""
    session.state.fill_keys.clear()


PLANTS: dict[str, Callable[[Session], None]] = {"send-again": send_again, "forget": forget, "count-twice": count_twice}
