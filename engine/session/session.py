"""A running session: every input is journaled, taken by the trader, and what the trader decides is journaled and carried out.

There is no queue between a link and the core: ``ingest`` is called by whoever has news, finishes at once and never
raises. Effects run as tasks of their own and wait until the decision that caused them is durable.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from engine.core.trader import Trader
from engine.journal import keyframe
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.state import State
from engine.session.effects import Effects
from engine.venues.port import Venue

log = logging.getLogger("cockpit.session")
TICK_S = 1.0


class Log(Protocol):
    """What a session needs of a journal (``engine.journal.writer.Journal``)."""

    @property
    def lag_ms(self) -> float: ...
    def append(self, event: ev.Event) -> int: ...
    async def durable(self, seq: int) -> None: ...
    def keyframe(self, seq: int, state: bytes) -> None: ...


class Session:
    """One trader, one venue, one journal. ``broken`` holds the fault that ended all trading, if one has."""

    def __init__(self, trader: Trader, venue: Venue, journal: Log, clock: Callable[[], int] = time.time_ns) -> None:
        self.trader = trader
        self.venue = venue
        self.journal = journal
        self.clock = clock
        self.broken: Exception | None = None
        self.closed = False
        self.on_break: Callable[[Exception], None] | None = None
        self.watchers: list[Callable[[ev.Event], None]] = []
        """Told of every event right after it was applied: the kill latch, tests."""
        self.latch: Callable[[ev.TradingChanged], None] | None = None
        """Told of a kill that this session cannot take any more, so that the next one starts with it."""
        self.watches: list[Callable[[], ev.Event | None]] = []
        """Asked every second whether anything has changed around the session (``engine.session.watch``)."""
        self.effects = Effects(self)
        self._timer: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._keyframe_due = keyframe.EVERY

    @property
    def state(self) -> State:
        return self.trader.state

    def ingest(self, event: ev.Event) -> None:
        """Journal an input, let the trader decide, journal the decisions, start their effects."""
        if self.closed or self.broken is not None:
            return
        try:
            self._take(event)
            self.effects.finish()
        except Exception as error:
            self.fail(error)
        self._changed.set()

    async def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until ``done`` of the state is true; False when it was not within ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, event: ev.Event) -> None:
        seq = self.journal.append(event)
        decisions = self.trader.step(event)
        for decision in decisions:
            self.journal.append(decision)
        if seq + len(decisions) != self.state.seq:
            raise CockpitError(f"the journal is at {seq + len(decisions)} and the state at {self.state.seq}")
        if self.state.seq >= self._keyframe_due:
            self._keep_state()
        for watcher in self.watchers:
            watcher(event)
        for offset, decision in enumerate(decisions, 1):
            for watcher in self.watchers:
                watcher(decision)
            self.effects.start(decision, seq + offset)

    def _keep_state(self) -> None:
        """Hand the journal the whole state, so that a reader of the recording need not fold all of it."""
        self._keyframe_due = self.state.seq + keyframe.EVERY
        self.journal.keyframe(self.state.seq, keyframe.encode_state(self.state))

    def fail(self, error: Exception) -> None:
        """A fault of our own: from here on nothing new is decided or sent; working entries are cancelled as a last act."""
        if self.broken is None:
            self.broken = error
            with suppress(Exception):  # the screen and the process must hear of it all the same
                self.effects.last_act()
            log.critical("the session ends by a fault of its own: %s", error, exc_info=error)
            if self.on_break is not None:
                self.on_break(error)

    def command(self, action: ev.Action, target: str = "", text: str = "", by: str = "key") -> None:
        """Never raises. A kill that meets a fault is as good as one that does not: the gate is shut, and stays shut."""
        try:
            self.ingest(ev.Command(self.clock(), action, by, target, text))
        except Exception as error:
            self.fail(error)
        if action == "kill" and self.broken is not None and self.latch is not None:
            self.latch(ev.TradingChanged(time.time_ns(), "HALTED", text or "kill switch", by))

    def start_timer(self) -> None:
        self._timer = asyncio.create_task(self._tick(), name="session timer")
        self._timer.add_done_callback(self._timer_ended)

    def _timer_ended(self, timer: asyncio.Task[None]) -> None:
        if not timer.cancelled() and isinstance(error := timer.exception(), Exception):
            self.fail(error)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK_S
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            lag = (loop.time() - due) * 1000
            self.ingest(ev.Clock(self.clock(), round(max(0.0, lag), 2), round(self.journal.lag_ms, 2)))
            for look in self.watches:
                if (found := look()) is not None:
                    self.ingest(found)
            due = max(due + TICK_S, loop.time())

    async def stop(self) -> None:
        """End the timer and the effects under way; links and journal are their owners' business."""
        if not self.closed and self.broken is None:
            self._keep_state()
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self.effects.stop()
