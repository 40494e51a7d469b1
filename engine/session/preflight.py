"""The checklist before trading: every gate is measured, none is assumed. A required gate that fails means no trading."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.core.exposure import working_orders
from engine.core.fold.base import position_delta
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.state import day_pnl, equity

if TYPE_CHECKING:
    from engine.session.session import Session


LEAST_FREE = 200_000_000
"""Bytes: a day of one live symbol. When the disk is full in the middle of a session, trading ends."""


class Result(NamedTuple):
    ok: bool | None
    """None: could not be checked."""
    detail: str


class Gate(NamedTuple):
    name: str
    required: bool
    check: Callable[[Session, Path], Awaitable[Result]]


async def _config(s: Session, _: Path) -> Result:
    profile = s.trader.profile
    count = sum(len(v) for v in s.trader.strategies.values())
    return Result(True, f"profile {profile.name}: {len(profile.symbols)} symbol(s), {count} strategy instance(s)")


async def _writable(_: Session, home: Path) -> Result:
    try:
        with tempfile.NamedTemporaryFile(dir=home) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Result(False, f"{home}: {error.strerror or error}")
    free = shutil.disk_usage(home).free
    room = f"{home}, {free / 1e9:,.1f} GB free"
    return Result(free >= LEAST_FREE, room if free >= LEAST_FREE else f"{room}, minimum {LEAST_FREE / 1e9:g}")


async def _journal(s: Session, _: Path) -> Result:
    seq = s.state.seq
    start = s.clock()
    await s.journal.durable(seq)
    return Result(True, f"event {seq:,} on disk in {(s.clock() - start) / 1e6:.1f} ms")


async def _venue(s: Session, _: Path) -> Result:
    instruments = await s.venue.instruments()
    listed = {i.symbol: i for i in instruments}
    missing = [symbol for symbol in s.trader.profile.symbols if symbol not in listed]
    if missing:
        return Result(False, f"not listed: {', '.join(missing)}")
    closed = [symbol for symbol in s.trader.profile.symbols if not listed[symbol].tradable]
    if closed:
        return Result(False, f"not open for trading: {', '.join(closed)}")
    return Result(True, f"{s.venue.name} lists {', '.join(s.trader.profile.symbols)}")


async def _clock(s: Session, _: Path) -> Result:
    limit = s.trader.profile.preflight.max_clock_offset_ms
    offset = await s.venue.clock_offset_ms()
    return Result(abs(offset) <= limit, f"venue {offset:+.0f} ms, limit {limit:g} ms")


async def _login(s: Session, _: Path) -> Result:
    report = await s.venue.account()
    door = "on paper, no keys" if s.venue.name == "paper" else "keys accepted"
    return Result(True, f"{door}, {report.currency} account")


async def _permissions(s: Session, _: Path) -> Result:
    """No venue that we trade on tells what a key may do, so nobody but a person can look."""
    if s.trader.profile.mode != "LIVE":
        return Result(True, "no key to real money")
    return Result(None, f"cannot be read at {s.venue.name}; withdrawal must be off: check at the venue")


async def _links(s: Session, _: Path) -> Result:
    down = [
        name
        for name in ("public", "private", "rest")
        if s.state.links.get(name) is None or s.state.links[name].state != "up"
    ]
    return Result(not down, f"not up: {', '.join(down)}" if down else "market and private stream, REST")


async def _reconciled(s: Session, _: Path) -> Result:
    if not s.state.snapshot_t or s.state.doubt:
        return Result(None, "the account has not been read yet")
    off = [p.symbol for p in s.state.positions.values() if position_delta(p)]
    held = [f"{p.qty:+f} {p.symbol}" for p in s.state.positions.values() if p.qty]
    return Result(not off, f"differs: {', '.join(off)}" if off else (", ".join(held) or "flat, as the venue says"))


async def _recovered(s: Session, _: Path) -> Result:
    recovery = s.state.recovery
    if not recovery.began_t:
        return Result(True, "no earlier session of this account")
    name = recovery.session or "nothing, as was decided"
    if recovery.open:
        return Result(False, f"{name}: {recovery.asked} order(s), the venue has not been heard about all of them")
    found = f"{recovery.asked} order(s) asked about, {recovery.differences} difference(s)"
    if recovery.unsolved:
        return Result(False, f"{name}: {found}, {recovery.unsolved} unsolved: {recovery.lines[-1]}")
    return Result(True, f"{name}: " + (found if recovery.asked or recovery.differences else "nothing to recover"))


async def _orphans(s: Session, _: Path) -> Result:
    if not s.state.snapshot_t:
        return Result(None, "the account has not been read yet")
    foreign = [o for o in working_orders(s.state) if o.role == "foreign"]
    return Result(not foreign, f"{len(foreign)} order(s) not ours; cancel them or leave them" if foreign else "none")


async def _equity(s: Session, _: Path) -> Result:
    if not s.state.account.known:
        return Result(None, "the account has not been read yet")
    least, own = s.trader.profile.preflight.min_equity_quote, equity(s.state)
    return Result(own >= least, f"{own:,.2f} {s.state.account.currency}, minimum {least:,.2f}")


async def _daily_loss(s: Session, _: Path) -> Result:
    if not s.state.account.known:
        return Result(None, "the account has not been read yet")
    limit, start = s.trader.profile.risk.daily_loss_pct, s.state.risk.day_start
    lost = max(0.0, -day_pnl(s.state) / start * 100) if start > 0 else 0.0
    return Result(lost < limit, f"{lost:.2f} % of {limit:g} %")


async def _kill(s: Session, _: Path) -> Result:
    on = s.state.trading == "HALTED"
    return Result(not on, f"on: {s.state.trading_why}" if on else "off")


GATES: tuple[Gate, ...] = (
    Gate("config valid", True, _config),
    Gate("state folder", True, _writable),
    Gate("journal durable", True, _journal),
    Gate("venue reachable", True, _venue),
    Gate("clock offset", True, _clock),
    Gate("login", True, _login),
    Gate("key permissions", False, _permissions),
    Gate("links up", True, _links),
    Gate("recovery", True, _recovered),
    Gate("position reconciled", True, _reconciled),
    Gate("no orphan orders", False, _orphans),
    Gate("equity", True, _equity),
    Gate("daily loss", True, _daily_loss),
    Gate("kill switch off", True, _kill),
)


async def run(session: Session, home: Path) -> bool:
    """Run every gate and report it as an event; True when all required ones pass."""
    ready = True
    for gate in GATES:
        try:
            result = await gate.check(session, home)
        except CockpitError as error:
            result = Result(False, str(error))
        status = {True: "pass", False: "fail", None: "skip"}[result.ok]
        ready = ready and (result.ok is True or not gate.required)
        session.ingest(ev.GateReport(session.clock(), gate.name, status, gate.required, result.detail))
    return ready
