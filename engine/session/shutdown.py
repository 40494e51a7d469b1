"""The ordered end of a session: six steps, each bounded in time and shown, whatever hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from engine.core.exposure import working_orders
from engine.model import events as ev
from engine.model.state import State

if TYPE_CHECKING:
    from engine.journal.writer import Journal
    from engine.session.session import Session

STEP_S = 5.0
"""For one step; all six together end within 30 seconds, whatever hangs."""
Policy = Literal["leave", "close", "keep"]


async def shut_down(
    session: Session, journal: Journal, policy: Policy, reason: str, show: Callable[[str], None] | None = None
) -> None:
    """End ``session``: stop entries, cancel working entries, close or protect positions, compare with the venue, journal, links.

    ``policy`` ``leave`` keeps positions with their stops at the venue (a position without one gets one); ``close`` closes
    them; ``keep`` leaves working entries as well.
    ``show`` is told of every step in one line.
    """
    clean = True
    steps: tuple[tuple[str, Callable[[], Awaitable[str]]], ...] = (
        ("stop new entries", lambda: _stop_entries(session, reason)),
        ("cancel working entries", lambda: _cancel_entries(session, policy)),
        ("close positions" if policy == "close" else "protect positions", lambda: _positions(session, policy)),
        ("compare with the venue", lambda: _compare(session)),
        ("close the journal", lambda: _close_journal(session, journal, reason, clean)),
        ("close the links", lambda: _close_links(session)),
    )
    for number, (name, work) in enumerate(steps, 1):
        if session.broken is None:
            session.ingest(ev.ShutdownStep(session.clock(), number, name, "running"))
        try:
            status, detail = "ok", await asyncio.wait_for(work(), STEP_S)
        except TimeoutError as error:
            status, detail = "timeout", str(error) or f"no end after {STEP_S:g} s"
        except Exception as error:
            status, detail = "failed", str(error)
        clean = clean and status == "ok"
        session.ingest(ev.ShutdownStep(session.clock(), number, name, status, detail))
        if show is not None:
            show(f"{number}/{len(steps)} {name}: {status}{'  ' + detail if detail else ''}")


async def _stop_entries(session: Session, reason: str) -> str:
    if session.state.trading == "ACTIVE":
        session.command("pause", text=f"shutting down: {reason}", by="shutdown")
    return f"trading {session.state.trading}"


async def _cancel_entries(session: Session, policy: Policy) -> str:
    if session.broken is not None:
        await session.effects.settled(STEP_S - 1)
        raise RuntimeError("asked for as the last act, without a record of the answer")
    entries = _entries(session.state)
    if not entries:
        return "none"
    if policy == "keep":
        return f"{len(entries)} left working, as the profile says"
    session.command("cancel_entries", text="shutting down", by="shutdown")
    if not await session.until(lambda: not _entries(session.state), STEP_S - 1):
        raise TimeoutError(f"{len(_entries(session.state))} still working")
    return f"{len(entries)} cancelled"


def _entries(state: State) -> list[str]:
    return [o.client_id for o in working_orders(state) if o.role != "foreign" and not o.reduce_only]


async def _positions(session: Session, policy: Policy) -> str:
    held = [p for p in session.state.positions.values() if p.qty]
    if not held:
        return "flat"
    if session.broken is not None:
        raise RuntimeError("left as they are: " + ", ".join(f"{p.qty:+f} {p.symbol}" for p in held))
    if policy == "close":
        for position in held:
            session.command("close", target=position.symbol, by="shutdown")
        if not await session.until(lambda: not any(p.qty for p in session.state.positions.values()), STEP_S - 1):
            raise TimeoutError("still open: " + ", ".join(f"{p.qty:+f} {p.symbol}" for p in held if p.qty))
        return f"{len(held)} closed"
    if not await session.until(lambda: not any(p.qty and p.stop is None for p in held), STEP_S - 1):
        raise TimeoutError("without a stop: " + ", ".join(p.symbol for p in held if p.qty and p.stop is None))
    return ", ".join(f"{p.qty:+f} {p.symbol} stop {p.stop:f}" for p in held if p.stop is not None)


async def _compare(session: Session) -> str:
    """What the venue holds once more, so that the record ends with its word."""
    private = session.state.links.get("private")
    if private is None or private.state != "up":
        if not any(p.qty for p in session.state.positions.values()) and not working_orders(session.state):
            return "not connected, and nothing is held"
        raise RuntimeError("the private link is down")
    if session.broken is not None:
        raise RuntimeError("not after a fault of our own")
    asked = session.state.snapshot_t
    session.command("compare", by="shutdown")
    if not await session.until(lambda: session.state.snapshot_t > asked, STEP_S - 0.5):
        raise TimeoutError("the venue gave no answer")
    state = session.state
    unsure = [o for o in working_orders(state) if o.status == "UNKNOWN"]
    wrong = [
        text for key, text in sorted(state.alarms.items()) if key.startswith(("PositionMismatch", "BalanceMismatch"))
    ]
    if unsure or wrong:
        raise RuntimeError("; ".join([*wrong, *(f"{len(unsure)} order(s) of unknown outcome" for _ in unsure[:1])]))
    left = len(working_orders(state))
    return "agrees" + (f"; {left} order(s) left working" if left else "")


async def _close_journal(session: Session, journal: Journal, reason: str, clean: bool) -> str:
    await session.effects.settled(STEP_S / 2)
    session.ingest(ev.SessionEnded(session.clock(), reason, clean))
    await session.stop()
    await journal.close()
    if journal.failed is not None:
        raise journal.failed
    return f"{journal.committed:,} events"


async def _close_links(session: Session) -> str:
    await session.venue.close()
    return ""
