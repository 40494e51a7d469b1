"""The dead man's switch: reads the heartbeats of sessions, and does for a silent one what its profile says.

Not while it can be wrong cheaply: a session that is silent but has nothing at its venue is only told of.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import filelock
import msgspec

from engine.model.errors import CockpitError
from engine.model.settings import WatchSettings
from engine.ops import alerts, running
from engine.ops.lock import LockedError
from engine.ops.paths import Home
from engine.ops.running import RunFile
from engine.rescue import kill
from engine.rescue.kill import Keys, Step

LOOK_S = 1.0
MISSED_S = 3.0
"""Two heartbeats were due."""
AGAIN_S, AGAIN_MAX_S = 15.0, 600.0
"""A venue that did not confirm is tried again after this long, doubling, as long as the session is silent."""

Alert = Callable[[str, str, str], None]
"""(level, session, text); levels as in ``engine.model.reasons``. Told of everything that the watchdog notices and does."""


def sent_out(home: Home, say: Alert) -> Alert:
    """``say``, and what is an alarm goes to the targets of ``home`` too; nobody waits for that but the end of the process."""

    def alert(level: str, session: str, text: str) -> None:
        say(level, session, text)
        if level == "alarm":
            threading.Thread(target=alerts.send_now, args=(home, "WatchdogActed", f"{session}: {text}")).start()

    return alert


class Watched(msgspec.Struct):
    """What is known of one session's silence."""

    warned: bool = False
    settled: bool = False
    again_ns: int = 0
    """When to act once more after a failure."""
    pause_s: float = AGAIN_S


class Watchdog:
    """``wanted`` chooses among the sessions of ``home``; ``rules`` says how to treat one; ``keys`` are given or read."""

    def __init__(
        self, home: Home, alert: Alert, *, wanted: Callable[[RunFile], bool] = lambda _: True,
        rules: Callable[[RunFile], WatchSettings] = lambda run: run.watch, keys: Keys | None = None,
        opener: kill.Opener = kill.open_door,
    ) -> None:  # fmt: skip
        self._home, self._alert, self._wanted, self._rules = home, alert, wanted, rules
        self._keys, self._opener = keys, opener
        self._known: dict[str, Watched] = {}
        self.failed = False
        """Whether the last look found a silent session that could not be helped."""

    def run(self, stop: threading.Event, *, until_gone: bool = False) -> None:
        """Look until told to stop; with ``until_gone`` until there is no session left to watch."""
        looked = running.steady_ns()
        while not stop.is_set():
            if running.steady_ns() - looked > MISSED_S * 1e9:
                stop.wait(MISSED_S)  # the computer slept, or kept us waiting too: the sessions get time to beat again
            left = self.look()
            looked = running.steady_ns()
            if until_gone and not left:
                return
            stop.wait(LOOK_S)

    def look(self) -> int:
        """One look at every session; returns how many are still to be watched."""
        runs = [run for run in running.found(self._home) if self._wanted(run)]
        self._known = {run.session: self._known.get(run.session, Watched()) for run in runs}
        self.failed = False
        for run in runs:
            self._judge(run, self._known[run.session])
        return sum((self._home.run / f"{run.session}.json").exists() for run in runs)

    def _judge(self, run: RunFile, known: Watched) -> None:
        beat = running.last_beat(self._home, run.session)
        alive = running.alive(run.pid, run.born)
        age = (running.steady_ns() - beat.steady_ns) / 1e9 if beat is not None else math.inf
        if alive and beat is None:
            return  # it begins
        if age < 0:
            age = math.inf  # the system began anew
        if age < MISSED_S:
            if known.warned:
                self._alert("info", run.session, "the heartbeat is back")
            self._known[run.session] = Watched()
            return
        rules = self._rules(run)
        how = f"process {run.pid} {_condition(run, alive=alive)}"
        silent = "no heartbeat" if age == math.inf else f"no heartbeat for {age:.1f} s"
        if not known.warned:
            known.warned = True
            self._alert("warning", run.session, f"{silent}: {how}")
        if age < rules.after_s or running.steady_ns() < known.again_ns:
            return
        if not known.settled:
            known.settled = self._act(run, beat, rules, f"{silent}: {how}", alive=alive)
            known.again_ns = running.steady_ns() + int(known.pause_s * 1e9)
            known.pause_s = min(AGAIN_MAX_S, known.pause_s * 2)
            self.failed = self.failed or not known.settled

    def _act(self, run: RunFile, beat: running.Beat | None, rules: WatchSettings, why: str, *, alive: bool) -> bool:
        """True when there is nothing more to do for this silence."""
        if not alive and self._followed(run):
            self._alert("info", run.session, f"{why}; a later session has taken the account over")
            running.remove(self._home, run.session)
            return True
        target = kill.target_of(run, self._keys)
        if beat is not None and not beat.working and not beat.held and not asyncio.run(self._exposed(target)):
            self._alert("info", run.session, f"{why}; nothing works and nothing is held, so nothing is done")
            done = True
        elif rules.does == "alert":
            self._alert("alarm", run.session, f"{why}; orders work or a position is open: look at it")
            return True
        else:
            done = self._kill(run, target, why, flatten=rules.does == "flatten")
        if done and not alive:
            running.remove(self._home, run.session)
        return done

    def _kill(self, run: RunFile, target: kill.Target, why: str, *, flatten: bool) -> bool:
        self._alert("alarm", run.session, f"{why}; {'closing everything' if flatten else 'cancelling its entries'}")
        outcome = asyncio.run(
            kill.kill(
                self._home, [target], flatten=flatten, why=f"watchdog: {why}", by="watchdog", tell=self._tell, opener=self._opener
            )
        )  # fmt: skip
        text = "the venue confirms" if outcome.confirmed else "NOT confirmed by the venue"
        self._alert("alarm", run.session, f"kill: {text}, record {outcome.record}")
        return outcome.confirmed

    def _tell(self, step: Step) -> None:
        level = "warning" if step.state == "failed" else "info"
        self._alert(level, step.session, f"{step.name} {step.state}: {step.detail} ({step.took_ms} ms)")

    def _followed(self, run: RunFile) -> bool:
        others = [o for o in running.found(self._home) if o.session != run.session and o.account == run.account]
        return bool(run.account) and any(running.alive(o.pid, o.born) for o in others)

    async def _exposed(self, target: kill.Target) -> bool:
        """The last heartbeat may be a second older than the last order. True when the venue does not say."""
        if target.venue is None:
            return False
        try:
            door = self._opener(target, self._home)
        except CockpitError:
            return True
        try:
            symbols = target.symbols
            working = await door.working()
            return any(order.symbol in symbols for order in working) or any(
                p.symbol in symbols for p in await door.held()
            )
        except CockpitError:
            return not (
                target.run is not None and target.run.embedded and not running.alive(target.run.pid, target.run.born)
            )
        finally:
            await door.close()


def _condition(run: RunFile, *, alive: bool) -> str:
    if not alive:
        return "is gone"
    return "is stopped" if running.stopped(run.pid) else "hangs"


@contextmanager
def alone(home: Home, session: str = "") -> Iterator[None]:
    """Be the one watchdog of the home, or of one session. LockedError if there is another."""
    path = home.run / (f"{session}.watchdog.lock" if session else "watchdog.lock")
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = filelock.FileLock(path, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise LockedError("a watchdog runs here already", str(path)) from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        lock.release()
