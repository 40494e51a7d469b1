"""From a loaded profile to a trading session, in order: journal, trader, links, market, account, checklist.

``begin`` returns with the first event written, ``connect`` with the links starting; ``bring_up`` then reads what the
venue has and runs the checklist, reporting as it goes, so a screen can be shown from the first event on.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from engine.core.fold.base import position_delta
from engine.core.trader import Trader
from engine.journal.opening import RecordingError
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS
from engine.model.settings import Profile
from engine.session import latch, preflight, recover
from engine.session.paper import Paper
from engine.session.session import Session
from engine.strategies.base import Strategy
from engine.venues.port import Venue, VenueError

HISTORY_BARS = 720
LINKS_UP_S = 10.0
RECOVERED_S = 70.0
"""Longer than the core asks (``engine.core.recovery``): only a venue that cannot be reached makes this the end of waiting."""
How = Literal["carry", "resume", "fresh", "adopt"]
"""A new session that carries the account over; the last one continued; a person's decision to know nothing of the account; or to
carry over what is known and to take the rest that the venue holds for ours."""
Before = tuple[How, "recover.Left | None"]
CHECKING = "the checklist has not passed yet"


class Places(Protocol):
    """Where a session keeps its files (``engine.ops.paths.Home``)."""

    @property
    def root(self) -> Path: ...
    @property
    def sessions(self) -> Path: ...
    @property
    def latch(self) -> Path: ...


def session_id(now_ns: int) -> str:
    """A name that sorts by time and cannot be met twice: date, time and four random letters."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_ns / 1e9))
    return f"{stamp}-{secrets.token_hex(2)}"


def begin(
    profile: Profile,
    strategies: dict[str, list[Strategy[Any]]],
    venue: Venue,
    home: Places,
    *,
    version: str,
    config: str,
    clock: Callable[[], int] = time.time_ns,
    account: str = "",
    before: Before | None = None,
    watchers: Iterable[Callable[[ev.Event], None]] = (),
) -> tuple[Session, Journal]:
    """Open the journal, write the first events and obey a standing kill latch. Nothing is sent to the venue yet.

    ``account`` is the digest of ``recover.account_digest``, ``before`` what an earlier session of that account left.
    ``watchers`` are told of every event from the first one on.
    """
    now = clock()
    name = session_id(now)
    journal = Journal.create(home.sessions / f"{name}.cockpit")
    session = Session(Trader(profile, strategies), venue, journal, clock)
    journal.on_failure = session.fail
    if isinstance(venue, Paper):
        venue.attach(session)
    session.latch = partial(latch.keep, home.latch)
    session.watchers += [session.latch, *watchers]
    session.watches.append(latch.guard(session, home.latch))
    tag = f"c{now // 1_000_000_000:x}{secrets.token_hex(1)}"
    session.ingest(
        ev.SessionStarted(now, name, profile.name, profile.mode, venue.name, version, ev.SCHEMA, config, tag, account)
    )  # fmt: skip
    _take_over(session, before)
    tripped = latch.read(home.latch)
    if tripped is not None:
        session.command("kill", text=f"still tripped: {tripped}", by="latch")
    elif session.state.trading == "ACTIVE":
        session.command("pause", text=CHECKING, by="preflight")
    return session, journal


def _take_over(session: Session, before: Before | None) -> None:
    if before is None:
        return
    how, left = before
    now = session.clock()
    if how == "fresh":
        session.ingest(recover.nothing(now))
    elif left is not None:
        session.ingest(recover.carried(left, now, resume=how == "resume"))
        for event in recover.candles(left, now) if how == "resume" else ():
            session.ingest(event)
        if how == "resume" and left.state.trading == "PAUSED" and not left.state.session.ended:
            session.command("pause", text=f"as before: {left.state.trading_why}", by="recovery")


def look_back(home: Places, account: str, mode: str, how: How) -> Before:
    """What the last session of the account left, folded; takes as long as reading it does. RecordingError."""
    try:
        path = recover.find(home.sessions, account, mode) if account and how != "fresh" else None
    except RecordingError:
        if how != "adopt":
            raise
        return "fresh", None
    if path is None and how == "resume":
        raise CockpitError(
            "there is no session to continue on this account", str(home.sessions), "start without --resume"
        )
    return how, recover.read(path) if path is not None else None


async def connect(session: Session) -> None:
    """Start the clock and the links; they report themselves from here on."""
    session.start_timer()
    await session.venue.open(session.trader.profile.symbols, session.ingest)


async def bring_up(session: Session, home: Places, *, adopt: bool = False) -> bool:
    """Read instruments, history and account, then run the checklist; True when trading may begin.

    ``adopt``: positions that the venue holds and we know nothing of are taken over first.

    Raises VenueError when the venue cannot be reached; may then be called again.
    """
    profile = session.trader.profile
    listed = {i.symbol: i for i in await session.venue.instruments()}
    for symbol in profile.symbols:
        if symbol in listed:
            session.ingest(ev.InstrumentListed(session.clock(), listed[symbol]))
    await asyncio.gather(*(_history(session, symbol) for symbol in profile.symbols if symbol in listed))
    await asyncio.gather(*(_leverage(session, symbol) for symbol in profile.symbols if symbol in listed))
    await _links_up(session)
    await session.until(lambda: not session.state.recovery.open or session.broken is not None, RECOVERED_S)
    if adopt and not session.state.recovery.open:
        for symbol in [p.symbol for p in session.state.positions.values() if position_delta(p)]:
            session.command("adopt", symbol, by="--adopt")
    ready = await preflight.run(session, home.root)
    if session.state.trading == "PAUSED" and session.state.trading_why == CHECKING:
        _begin_trading(session, ready=ready)
    return ready


def _begin_trading(session: Session, *, ready: bool) -> None:
    if not ready:
        failed = ", ".join(g.name for g in session.state.gates.values() if g.required and g.status != "pass")
        session.command("pause", text=f"preflight: {failed}", by="preflight")
    elif session.trader.profile.mode == "LIVE":
        session.command("pause", text="a live session starts paused; resume to trade", by="preflight")
    else:
        session.command("resume", text="preflight passed", by="preflight")


async def _history(session: Session, symbol: str) -> None:
    """The last hours of candles, up to the one that is running now by the venue's clock."""
    await session.until(lambda: _venue_now(session, symbol) > 0, LINKS_UP_S)
    now = _venue_now(session, symbol) or session.clock()
    end = now // MINUTE_NS * MINUTE_NS
    candles = await session.venue.candles(symbol, end - HISTORY_BARS * MINUTE_NS, end)
    session.ingest(ev.CandlesLoaded(session.clock(), symbol, candles))


def _venue_now(session: Session, symbol: str) -> int:
    market = session.state.markets.get(symbol)
    return market.venue_t if market is not None else 0


async def _leverage(session: Session, symbol: str) -> None:
    """Leverage can only be set while the venue allows it; a refusal is a line of the checklist, not the end."""
    wanted = session.trader.profile.trading.leverage
    status, detail = "pass", f"{symbol} {wanted}×"
    try:
        await session.venue.set_leverage(symbol, wanted)
    except VenueError as error:
        status, detail = "fail", f"{symbol} {wanted}×: {error}"
    session.ingest(ev.GateReport(session.clock(), "leverage", status, False, detail))


async def _links_up(session: Session) -> None:
    def up() -> bool:
        links = session.state.links
        return all(name in links and links[name].state == "up" for name in ("public", "private", "rest"))

    await session.until(lambda: up() and not session.state.doubt, LINKS_UP_S)
