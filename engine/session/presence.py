"""A session among other processes: its run file and heartbeat, the signal that kills, faults nobody waits for, its watchdog."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import msgspec

from engine.model import events as ev
from engine.model.settings import VenueSettings
from engine.ops import running, secrets
from engine.ops.paths import Home
from engine.session import latch
from engine.session.faults import caught
from engine.session.heartbeat import Heartbeat, lag, memory
from engine.session.session import Session
from engine.session.watch import watch

Keys = tuple[secrets.Secret, secrets.Secret]
HUNG_FACTOR = 2
"""A loop that has not moved for this many times ``watch.lag_s`` is said to hang."""
RESTART_S = 10.0


@contextmanager
def present(
    session: Session, home: Home, venue: VenueSettings, keys: Keys | None, *,
    account: str, demo: bool, exhausted: Callable[[str], None],
) -> Iterator[None]:  # fmt: skip
    """Until the end of the block other processes find the session. ``keys`` are the venue's, ``demo`` those of an embedded one.

    ``exhausted`` is asked to end the session in order, with the reason. What the session leaves behind decides whether its run
    file stays: after an end out of order a watchdog still has something to look after.
    """
    profile, info = session.trader.profile, session.state.session
    run = running.RunFile(
        session=info.id, pid=os.getpid(), born=running.born(os.getpid()), started_t=info.started_t,
        profile=profile.name, mode=profile.mode, symbols=profile.symbols, venue=venue, watch=profile.watch,
        account=account,
        demo_key=keys[0].reveal() if demo and keys else "", demo_secret=keys[1].reveal() if demo and keys else "",
    )  # fmt: skip
    _sweep(home, account)
    with ExitStack() as held:
        held.enter_context(caught(session))
        held.enter_context(_signalled(session, home))
        dog = held.enter_context(Watchdog(home, run, keys)) if profile.watch.start else None
        heart = Heartbeat(session, home, HUNG_FACTOR * profile.watch.lag_s, lambda: dog.pid if dog is not None else 0)
        running.save(home, run)
        heart.start()
        held.callback(heart.stop)
        session.watches += [
            watch("LoopLag", lag(session, profile.watch.lag_s), session.clock),
            watch("MemoryFull", memory(heart, profile.watch.memory_mb, exhausted), session.clock),
        ]
        if dog is not None:
            dog.start()
            does = f"process {dog.pid}: {profile.watch.does} after {profile.watch.after_s:g} s without a heartbeat"
            session.ingest(ev.GateReport(session.clock(), "watchdog", "pass", False, does))
            session.watches.append(watch("WatchdogGone", dog.gone, session.clock))
        yield
        heart.stop()
        if demo or profile.mode == "PAPER" or _in_order(session):
            running.remove(home, run.session)


def _in_order(session: Session) -> bool:
    return session.broken is None and session.state.session.clean


def _sweep(home: Home, account: str) -> None:
    """Run files of processes that are gone: the account is this session's now, and what was embedded ended with them."""
    for run in running.found(home):
        if not running.alive(run.pid, run.born) and (run.embedded or run.mode == "PAPER" or run.account == account):
            running.remove(home, run.session)


@contextmanager
def _signalled(session: Session, home: Home) -> Iterator[None]:
    """SIGUSR1 is the kill switch; whoever sends it may have left the reason in the latch."""

    def kill() -> None:
        session.command("kill", text=latch.read(home.latch) or "SIGUSR1", by="signal")

    loop, number = asyncio.get_running_loop(), getattr(signal, "SIGUSR1", None)
    if number is not None:
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in this thread, or not on this system
            loop.add_signal_handler(number, kill)
    yield
    if number is not None:
        with suppress(NotImplementedError, RuntimeError, ValueError, OSError):
            signal.signal(number, signal.SIG_IGN)  # what comes late must not end the process


class Watchdog:
    """The session's second process (``engine.rescue``): outlives it if need be, ends by itself when the run file is gone."""

    def __init__(self, home: Home, run: running.RunFile, keys: Keys | None) -> None:
        order = {"home": str(home.root), "session": run.session}
        key, secret = (k.reveal() for k in keys) if keys else ("", "")
        self._order = msgspec.json.encode({**order, "key": key, "secret": secret}) + b"\n"
        self._log = home.run / f"{run.session}.watchdog.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(self, *_: object) -> None:
        """It is not ended here: the run file, or the lack of one, tells it what to do."""
        if self._process is not None:
            self._process.returncode = self._process.poll() or 0  # it may outlive us

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Raises OSError when there can be no process."""
        self._started = time.monotonic()
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.rescue"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=descriptor,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name not in secrets.ENVIRONMENT},
            )
        finally:
            os.close(descriptor)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already: ``gone`` tells
            self._process.stdin.write(self._order)
            self._process.stdin.close()

    def gone(self) -> str:
        """A probe: it is started again, and meanwhile nobody watches."""
        if self.pid:
            return ""
        if time.monotonic() - self._started > RESTART_S:
            with suppress(OSError):
                self.start()
        return f"the watchdog has ended, see {self._log.name}; it is started again"
