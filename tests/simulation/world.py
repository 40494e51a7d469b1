"""One world: an exchange that lives on, engines that come and go, and the weather between them, all from the seed."""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import tempfile
import time
from collections import deque
from contextvars import copy_context
from pathlib import Path
from typing import Any

import msgspec

from engine.model.settings import Profile
from engine.ops.paths import Home, home
from engine.sim.run import RunningExchange

from . import calm, seams, setting
from .disk import Disk, SimJournal
from .life import Life
from .network import Network
from .person import LOOK_S, Person
from .seams import wall_ns
from .second import Seconds
from .simloop import Process, SimLoop, bury
from .sometimes import Seen
from .truth import Truth
from .weather import EVERY_S, Weather
from .wire import Wire

KEPT = 60


class Report(msgspec.Struct):
    seed: int
    hours: float = 0.0
    cpu_s: float = 0.0
    digest: str = ""
    slowest_s: float = 0.0
    """The longest that it took everything to come right."""
    counts: dict[str, int] = {}
    seen: dict[str, int] = {}
    violations: list[str] = []
    trace: list[str] = []


class World:
    profile: Profile
    exchange: RunningExchange
    home: Home

    def __init__(self, seed: int, minutes: float, *, trace: bool = False, hasty: bool = False) -> None:
        """``hasty`` ends the world soon after the first violation."""
        self.seed, self.minutes, self.tracing, self.hasty = seed, minutes, trace, hasty
        self.setting = setting.Setting.of(seed)
        self.loop = SimLoop()
        self.context = copy_context()
        self.network = Network(self.loop, random.Random(f"network:{seed}"))
        self.disk = Disk(random.Random(f"disk:{seed}"))
        self.rng = random.Random(f"world:{seed}")
        self.seen = Seen()
        self.report = Report(seed, counts={}, seen={}, violations=[], trace=[])
        self.lives: list[Life] = []
        self.life: Life | None = None
        self.trace: deque[str] = deque(maxlen=KEPT)
        self.wire = Wire(self)
        self.truth = Truth(self)
        self.person = Person(self, random.Random(f"person:{seed}"))
        self.weather = Weather(self, random.Random(f"weather:{seed}"))
        self.killed = False
        """The kill switch, as a person set it: it must outlive every process."""
        self.fills_known: set[str] = set()
        """Fills that lives before this one had on their disks."""
        self._seconds = Seconds(self)
        self._digest = hashlib.sha256()
        self._venue = Process("exchange")

    # --- playing ------------------------------------------------------------------------------------------------------

    def play(self) -> Report:
        began = time.process_time()
        folder = Path(tempfile.mkdtemp(prefix="cockpit-sim-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.home = home(folder, {})
        SimJournal.disk = self.disk
        self.network.taps += [self._sent, self.wire.tap]
        try:
            with seams.seams(self.loop, self.seed):
                self.loop.set_exception_handler(self.faulted)
                self.loop.run_until_complete(self._story())
                self.report.hours = self.loop.time() / 3600
                for life in self.lives:
                    bury(life.process)
                self._venue.die()
                bury(self._venue)
                self.loop.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.report.cpu_s = time.process_time() - began
        self.report.digest = self._digest.hexdigest()[:24]
        self.report.seen = dict(sorted(self.seen.count.items()))
        self.report.trace = list(self.trace)
        return self.report

    async def _story(self) -> None:
        opening = setting.exchange(self.setting, self.seed, self.loop.time, lambda: self.wall_ns() / 1e9)
        self.exchange = await self.loop.create_task(opening, context=self._venue.context)
        self.profile = setting.profile(self.setting, self.exchange)
        watches = [self.loop.create_task(work) for work in (self._lives(), self._every_second(), self._at_the_keys())]
        try:
            while self.loop.time() < self.minutes * 60 and not self._enough():
                await self._storm(self.rng.uniform(60.0, 300.0))
                await self._calm()
        finally:
            self.weather.clear()
            for watch in watches:
                watch.cancel()
            if self.life is not None:
                self.life.how = self.life.how or "over"
                self.life.process.die()

    async def _lives(self) -> None:
        while True:
            life = self.next_life()
            await life.ended
            await asyncio.sleep(self.rng.choice((0.3, 1.2, 3.0, 10.0, 30.0)))

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._seconds.look()

    async def _at_the_keys(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.person.look()

    async def _storm(self, seconds: float) -> None:
        self.weather.calm = self.person.calm = False
        end = self.loop.time() + seconds
        while (pause := self.rng.expovariate(1 / EVERY_S)) < end - self.loop.time() and not self._enough():
            await asyncio.sleep(pause)
            self.weather.strike()

    def _enough(self) -> bool:
        return self.hasty and bool(self.report.violations)

    async def _calm(self) -> None:
        """Everything must come right, and stays so long enough to be seen."""
        self.say("calm")
        self.weather.clear()
        self.person.calm = True
        began = self.loop.time()
        while (wrong := calm.unsettled(self, self.life)) and not self._enough():
            if self.loop.time() - began > calm.PATIENCE_S:
                self.violated("settled", "; ".join(wrong))
                return
            await asyncio.sleep(0.25)
        self.count("settled")
        self.report.slowest_s = max(self.report.slowest_s, self.loop.time() - began)

    def next_life(self) -> Life:
        self.life = Life(self, len(self.lives) + 1)
        self.lives.append(self.life)
        self.life.begin()
        return self.life

    # --- what is told of --------------------------------------------------------------------------------------------------

    def wall_ns(self) -> int:
        return wall_ns(self.loop)

    def count(self, name: str, by: int = 1) -> None:
        self.report.counts[name] = self.report.counts.get(name, 0) + by

    def say(self, text: str) -> None:
        line = f"{self.loop.time():10.4f}  {text}"
        self.trace.append(line)
        if self.tracing:
            print(line)

    def violated(self, rule: str, text: str) -> None:
        self.say(f"VIOLATION {rule}: {text}")
        self.report.violations.append(f"{self.loop.time():.3f} {rule}: {text}")

    def faulted(self, loop: Any, context: dict[str, Any]) -> None:
        """The loop's exception handler: faults go to the process in which they happened."""
        self.violated("unhandled", f"{context.get('message')}: {context.get('exception')!r}")
        if self.life is not None and self.life.alive and self.life.handler is not None:
            self.life.handler(loop, context)

    def born(self, life: Life, left: Any) -> None:
        self.count("lives")
        before = self.lives[-2] if len(self.lives) > 1 else None
        if left is None and before is not None and before.kept:
            self.violated("recovery", f"life {life.number} found nothing of {before.kept} events")
        elif left is not None:
            self.count("recoveries")
        self.say(f"life {life.number} begins" + (f" on {left.seq} events" if left is not None else ""))

    def broke(self, life: Life, error: Exception) -> None:
        self.say(f"life {life.number} broke: {error!r}")

    def died(self, life: Life) -> None:
        self.count({"killed": "deaths"}.get(life.how, life.how))
        journal = life.journal
        if journal is not None:
            for seq, t, kind, payload, _ in journal.rows:
                self._digest.update(f"{seq} {t} {kind} ".encode() + payload)
            if journal.tail != "none":
                self.seen.note(f"a commit under way at the end was {journal.tail}")
            for name, seq in life.rules.sent.items():
                if name in self.wire.requests and seq > life.kept:
                    self.violated("durable", f"{name} left, and its decision {seq} is lost: {life.kept} events kept")
            self.fills_known |= life.rules.durable_fills(life.kept)
        self.say(f"life {life.number} {life.how}, {life.kept} events kept")

    def _sent(self, transport: Any, data: bytes) -> None:
        self._digest.update(f"{transport.number} {self.loop.time():.9f} ".encode() + data)
