"""The kill switch from another process: latch, signal, then everything at the venue over a connection of its own.

It needs nothing of the engine, which may be stopped, hung or dead, and does not take the account's lock: the connection has
no way to open anything (``engine.venues.bitunix.exits``). Nothing counts as done because no error came: the venue is asked.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec

from engine.model.clean import clean
from engine.model.events import CancelReport, OrderReport, PositionReport
from engine.model.settings import VenueSettings
from engine.ops import running
from engine.ops.paths import Home
from engine.ops.secrets import Secret, load_keys
from engine.rescue.record import Record, within
from engine.session import latch

LATCH_S = 2.0
STEP_S = 15.0
"""For the cancels, and again for closing."""
SETTLE_S = 0.3
"""Between two readings of the venue; what was on its way at the first one is in the second."""
ANSWER_S = 1.6
"""A session that lives writes its heartbeat within this."""

Keys = tuple[Secret, Secret]
State = Literal["ok", "failed", "note"]


class Step(msgspec.Struct):
    """What was done, when and with what outcome. ``note`` tells, and neither succeeds nor fails."""

    t: int
    session: str
    name: str
    state: State
    detail: str
    took_ms: int


class Outcome(msgspec.Struct):
    """``confirmed``: the latch is on the disk, and every venue says that nothing works (nor is held, if that was asked)."""

    confirmed: bool
    steps: list[Step]
    record: str


class Target(msgspec.Struct):
    """Where to act: a session's run file, or a profile's venue without one. ``venue`` None: nothing is outside the session."""

    name: str
    profile: str
    symbols: list[str]
    venue: VenueSettings | None
    run: running.RunFile | None = None
    keys: Keys | None = None


class Door(Protocol):
    """What can be done at a venue from here (``engine.venues.bitunix.exits.Exits``)."""

    async def working(self) -> list[OrderReport]: ...
    async def held(self) -> list[PositionReport]: ...
    async def cancel(self, orders: list[OrderReport]) -> list[CancelReport]: ...
    async def close_out(self, position: PositionReport) -> OrderReport: ...
    async def close(self) -> None: ...


Opener = Callable[[Target, Home], Door]


def target_of(run: running.RunFile, keys: Keys | None = None) -> Target:
    if run.embedded:
        keys = Secret(run.demo_key), Secret(run.demo_secret)
    return Target(run.session, run.profile, run.symbols, None if run.mode == "PAPER" else run.venue, run, keys)


def open_door(target: Target, home: Home) -> Door:
    """Raises SecretsError without keys."""
    from engine.venues.bitunix.exits import Exits

    assert target.venue is not None
    key, secret = target.keys or load_keys(target.profile, home)
    return Exits(target.venue, key, secret, clock=time.time_ns, rng=random.SystemRandom())


async def kill(
    home: Home, targets: list[Target], *, flatten: bool, why: str, by: str, tell: Callable[[Step], None],
    opener: Opener = open_door,
) -> Outcome:  # fmt: skip
    """Never raises for what goes wrong on the way: that is a step that failed, and the next one is taken."""
    rescue = Rescue(home, why, tell)
    rescue.record.note("kill", why=why, by=by, flatten=flatten, sessions=[t.name for t in targets])
    began = time.monotonic()
    problem = within(lambda: _trip(home, why, by), LATCH_S)
    rescue.say("", "latch", "failed" if problem else "ok", problem or str(home.latch), began)
    for target in targets:
        rescue.signal(target)
    done = await asyncio.gather(*(_at_venue(rescue, target, opener, flatten=flatten) for target in targets))
    await asyncio.gather(*(_answer(rescue, target) for target in targets if target.run is not None))
    if rescue.record.lost:
        rescue.say("", "record", "note", f"not written: {rescue.record.lost}", time.monotonic())
    paper = [t for t in targets if t.venue is None and t.run is not None]
    halted = all(
        any(s.session == t.name and s.name == "engine" and s.state == "ok" for s in rescue.steps) for t in paper
    )
    confirmed = not problem and bool(targets) and all(done) and halted
    rescue.record.note("done", confirmed=confirmed)
    return Outcome(confirmed, rescue.steps, str(rescue.record.path))


def _trip(home: Home, why: str, by: str) -> None:
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    latch.trip(home.latch, why, by, time.time_ns())


class Rescue:
    """One kill: its record, and the steps told so far."""

    def __init__(self, home: Home, why: str, tell: Callable[[Step], None]) -> None:
        self.home, self.why, self._tell = home, why, tell
        self.steps: list[Step] = []
        self.record = Record(home.run)
        self.began_ns = running.steady_ns()

    def say(self, session: str, name: str, state: State, detail: str, began: float) -> None:
        took = round((time.monotonic() - began) * 1000)
        step = Step(time.time_ns(), session, name, state, clean(detail, 300), took)
        self.steps.append(step)
        self.record.note("step", session=session, name=name, state=state, detail=step.detail, took_ms=took)
        self._tell(step)

    def signal(self, target: Target) -> None:
        run, began = target.run, time.monotonic()
        if run is None:
            return
        if not running.alive(run.pid, run.born):
            self.say(target.name, "signal", "note", f"process {run.pid} is gone", began)
            return
        try:
            os.kill(run.pid, signal.SIGUSR1)
        except (OSError, AttributeError) as error:
            self.say(target.name, "signal", "note", f"process {run.pid}: {error}", began)
            return
        stopped = " is stopped; it is halted when it goes on" if running.stopped(run.pid) else ""
        self.say(target.name, "signal", "ok", f"process {run.pid}{stopped}", began)

    async def step(self, session: str, name: str, work: Awaitable[str]) -> bool:
        began = time.monotonic()
        try:
            detail = await asyncio.wait_for(work, 2 * STEP_S)
        except Exception as error:
            text = str(error) or type(error).__name__
            self.say(session, name, "failed", text, began)
            return False
        self.say(session, name, "ok", detail, began)
        return True


# --- at the venue --------------------------------------------------------------------------------------------------------


async def _at_venue(rescue: Rescue, target: Target, opener: Opener, *, flatten: bool) -> bool:
    began = time.monotonic()
    if target.venue is None:
        rescue.say(
            target.name, "venue", "note", "on paper the account lives in the engine alone: nothing to ask", began
        )
        return True
    try:
        door = opener(target, rescue.home)
    except Exception as error:
        rescue.say(target.name, "venue", "failed", str(error), began)
        return False
    try:
        if _ended_with_its_session(target) and await _unreachable(door):
            rescue.say(
                target.name, "venue", "ok", "the embedded exchange ended with its session: nothing is left", began
            )
            return True
        gone = await rescue.step(target.name, "cancel", _cancel_entries(rescue, target, door))
        if flatten:
            return await rescue.step(target.name, "flatten", _flatten(rescue, target, door)) and gone
        await _tell_positions(rescue, target, door)
        return gone
    finally:
        await door.close()


def _ended_with_its_session(target: Target) -> bool:
    return target.run is not None and target.run.embedded and not running.alive(target.run.pid, target.run.born)


async def _unreachable(door: Door) -> bool:
    try:
        await asyncio.wait_for(door.working(), 3)
    except Exception:
        return True
    return False


async def _cancel_entries(rescue: Rescue, target: Target, door: Door) -> str:
    """Entries of the session's symbols, whoever sent them; what leads out of a position goes on. Raises until none is listed."""
    first: int | None = None
    quiet, said, until = 0, "", time.monotonic() + STEP_S
    while quiet < 2:
        if time.monotonic() > until:
            raise TimeoutError(said or "the venue gave no answer")
        try:
            listed = await door.working()
        except Exception as error:
            said, quiet = str(error), 0
            await asyncio.sleep(SETTLE_S)
            continue
        entries = [order for order in listed if not order.reduce_only and order.symbol in target.symbols]
        first = len(entries) if first is None else max(first, len(entries))
        quiet = 0 if entries else quiet + 1
        if entries:
            said = f"{len(entries)} still listed by the venue"
            rescue.record.note("cancel", session=target.name, orders=[_named(order) for order in entries])
            try:
                answers = await door.cancel(entries)
                rescue.record.note("answers", session=target.name, answers=[(a.ok, a.code, a.message) for a in answers])
            except Exception as error:
                rescue.record.note("fault", session=target.name, error=f"{type(error).__name__}: {error}")
                said = f"{said}; {error}"
        if quiet < 2:
            await asyncio.sleep(SETTLE_S)
    kept = [o for o in listed if o.reduce_only and o.symbol in target.symbols]
    other = len([o for o in listed if o.symbol not in target.symbols])
    parts = [f"{first} entries cancelled, the venue lists none" if first else "the venue lists no entry"]
    parts += [f"{len(kept)} reduce-only left working"] if kept else []
    parts += [f"{other} in other symbols left alone"] if other else []
    return "; ".join(parts)


async def _flatten(rescue: Rescue, target: Target, door: Door) -> str:
    """Close what is held in the session's symbols, reduce-only. Raises until the venue lists no position in them."""
    quiet, said, closed, until = 0, "", dict[str, str](), time.monotonic() + STEP_S
    while quiet < 2:
        if time.monotonic() > until:
            raise TimeoutError(said or "the venue gave no answer")
        try:
            held = [p for p in await door.held() if p.symbol in target.symbols]
        except Exception as error:
            said, quiet = str(error), 0
            await asyncio.sleep(SETTLE_S)
            continue
        quiet = 0 if held else quiet + 1
        for position in held:
            text = f"{position.qty:+f} {position.symbol}"
            closed.setdefault(position.symbol, text)
            rescue.record.note("close", session=target.name, position=text)
            try:
                report = await door.close_out(position)
                said = f"{text} still held: {report.status} {report.code} {report.message}".strip()
                rescue.record.note(
                    "answer", session=target.name, status=report.status, code=report.code, message=report.message
                )
            except Exception as error:
                rescue.record.note("fault", session=target.name, error=f"{type(error).__name__}: {error}")
                said = f"{text} still held: {error}"
        if quiet < 2:
            await asyncio.sleep(SETTLE_S)
    return (
        f"{', '.join(closed.values())} closed, the venue lists no position" if closed else "the venue lists no position"
    )


async def _tell_positions(rescue: Rescue, target: Target, door: Door) -> None:
    began = time.monotonic()
    try:
        held = [p for p in await asyncio.wait_for(door.held(), STEP_S) if p.symbol in target.symbols]
    except Exception as error:
        rescue.say(target.name, "positions", "note", str(error) or type(error).__name__, began)
        return
    text = ", ".join(f"{p.qty:+f} {p.symbol}" for p in held)
    text = f"{text} left open with the stops at the venue; --flatten closes" if held else "none"
    rescue.say(target.name, "positions", "note", text, began)


def _named(order: OrderReport) -> str:
    at = "market" if order.price is None else f"{order.price:f}"
    return f"{order.client_id or order.venue_id} {order.side} {order.qty:f} {order.symbol} at {at}"


# --- the engine ------------------------------------------------------------------------------------------------------------


async def _answer(rescue: Rescue, target: Target) -> None:
    """Whether the engine says that it is halted: all there is on paper, elsewhere for the eye."""
    assert target.run is not None
    run, began = target.run, time.monotonic()
    if not running.alive(run.pid, run.born):
        return
    while not running.stopped(run.pid) and time.monotonic() - began < ANSWER_S:
        beat = running.last_beat(rescue.home, run.session)
        if beat is not None and beat.steady_ns > rescue.began_ns and beat.trading == "HALTED":
            rescue.say(target.name, "engine", "ok", f"{beat.trading}, {beat.working} orders by its own books", began)
            return
        await asyncio.sleep(0.05)
    state = "is stopped" if running.stopped(run.pid) else "does not answer"
    rescue.say(target.name, "engine", "note", f"it {state}; the latch halts it when it goes on", began)
