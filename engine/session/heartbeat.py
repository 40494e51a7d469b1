"""A session's sign of life, and what it says of its own health: lag of the loop, memory.

The loop says once a second that it moves; a thread beside it writes that down for other processes, so that a stuck disk never
keeps the loop waiting, and tells when the loop does not move any more.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

from engine.core.exposure import working_orders
from engine.model import events as ev
from engine.ops import running
from engine.ops.paths import Home
from engine.session.session import Session
from engine.session.watch import Probe

log = logging.getLogger("cockpit.heartbeat")
LOOK_S = 0.5


class Heartbeat:
    """``start`` after the session has begun; ``stop`` takes the sign of life away."""

    def __init__(self, session: Session, home: Home, hung_s: float, watchdog: Callable[[], int] = lambda: 0) -> None:
        """``hung_s``: a loop that has not moved for longer is said to hang. ``watchdog`` gives the process that watches."""
        self.rss_mb = running.rss_mb()
        self._session, self._home, self._hung_s, self._watchdog = session, home, hung_s, watchdog
        self._now = running.Beat(0, 0, 0.0, self.rss_mb, "", 0, 0)
        self._moved = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self.beat()
        with suppress(OSError):
            running.beat(self._home, self._session.state.session.id, self._now)
        self._session.watches.append(self.beat)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(1.0)

    def beat(self) -> ev.Event | None:
        """The loop moves. A watch that never has anything to say."""
        state = self._session.state
        held = sum(1 for position in state.positions.values() if position.qty or position.venue_qty)
        self._now = running.Beat(
            self._session.clock(), running.steady_ns(), state.loop_lag_ms, self.rss_mb, state.trading,
            len(working_orders(state)), held, self._watchdog(),
        )  # fmt: skip
        self._moved = time.monotonic()
        return None

    def _run(self) -> None:
        written, hung = self._now.steady_ns, False
        while not self._ended.wait(LOOK_S):
            now = self._now
            if now.steady_ns != written:
                written = now.steady_ns
                self.rss_mb = running.rss_mb()
                with suppress(OSError):  # a disk that is full or stuck is the journal's to tell
                    running.beat(self._home, self._session.state.session.id, now)
            still = time.monotonic() - self._moved
            if still > self._hung_s and not hung and not self._session.closed:
                log.error("the event loop has not moved for %.1f s; it is at:\n%s", still, self._where())
            hung = still > self._hung_s

    def _where(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)[-6:]) if frame is not None else ""


def lag(session: Session, limit_s: float) -> Probe:
    """The loop came later than ``limit_s`` to the last tick of the session's clock."""

    def probe() -> str:
        late = session.state.loop_lag_ms / 1000
        return f"the event loop was {late:.1f} s late, limit {limit_s:g} s" if late > limit_s else ""

    return probe


def memory(heartbeat: Heartbeat, limit_mb: int, full: Callable[[str], None]) -> Probe:
    """Resident memory over its ceiling; ``full`` is told once, and should end the session in order."""
    told = False

    def probe() -> str:
        nonlocal told
        if heartbeat.rss_mb <= limit_mb:
            return ""
        text = f"{heartbeat.rss_mb:,.0f} MB of memory, limit {limit_mb:,} MB"
        if not told:
            told = True
            full(text)
        return text

    return probe
