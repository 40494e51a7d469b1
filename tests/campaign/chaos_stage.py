"""An exchange that outlives the sessions on it, and sessions of the real program, one after the other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import yaml
from chaos_round import PROFILE, Seen, exchange

RUN = Path(__file__).with_name("chaos_run.py")
READY_S = 60.0
END_S = 45.0
TRADES = "ACTIVE"
FAST = "strategy: chaos_flip\nparams: {}\n"
"""An order a candle (``chaos_run``)."""
REST = "strategy: chaos_rest\nparams: {}\n"
"""One order that rests, far from the market."""
WIDE = {
    "risk": {"outlier_pct": 50, "total_at_risk_pct": 90, "order_spacing_s": 0, "min_reward_risk": 0,
             "min_notional_quote": 1, "price_collar_pct": 50},
}  # fmt: skip


class Life:
    """One session. ``words`` is what it said on standard error, with the time of each line (UTC nanoseconds)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.words: list[tuple[int, str]] = []
        self.told = ""
        self._heard = asyncio.Event()
        self._hearing = asyncio.gather(self._hear(), self._read())

    async def _hear(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.words.append((time.time_ns(), line.decode(errors="replace")))
            self._heard.set()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        self.told = (await self.process.stdout.read()).decode(errors="replace")

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.words)

    @property
    def why_not(self) -> str:
        """What it said of why it does not trade."""
        words = ("PAUSED", "fail", "recover", "differ", "not ours", "foreign", "unsolved")
        return " | ".join(text.strip() for _, text in self.words if any(word in text for word in words))[-600:]

    @property
    def over(self) -> bool:
        return self.process.returncode is not None

    async def said(self, word: str, timeout_s: float = READY_S, since: int = 0) -> bool:
        """Whether it has said ``word`` (a part of a line) after ``since`` (UTC nanoseconds), or does within the time."""
        end = time.monotonic() + timeout_s
        while not any(word in text for t, text in self.words if t >= since):
            if self.over or time.monotonic() > end:
                return any(word in text for t, text in self.words if t >= since)
            self._heard.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), 0.2)
        return True

    async def trading(self, timeout_s: float = READY_S) -> bool:
        return await self.said(TRADES, timeout_s)

    async def wait(self, seconds: float) -> bool:
        """Whether it ends within the time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)
        return self.over

    async def kill(self) -> None:
        """SIGKILL, and see it off."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        await self.process.wait()
        await self._hearing

    async def end(self, within_s: float = END_S) -> float:
        """SIGTERM, and how long its end took; killed when it takes too long."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        if not await self.wait(within_s):
            await self.kill()
        await self._hearing
        return time.monotonic() - began

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Stage:
    """``at`` has the exchange's addresses and keys, ``seen`` its books as they were last looked at."""

    def __init__(self, folder: Path, at: dict[str, Any], control: httpx.AsyncClient) -> None:
        self.folder, self.at, self.control = folder, at, control
        self.seen = Seen(control)
        self.exchange: Process = at["process"]

    @property
    def home(self) -> Path:
        return self.folder

    @property
    def sessions(self) -> Path:
        return self.folder / "sessions"

    def recordings(self) -> list[Path]:
        return sorted(self.sessions.glob("*.cockpit"))

    async def faults(self, **change: Any) -> None:
        await self.control.post("/sim/faults", json=change)

    async def look(self) -> dict[str, Any]:
        """The account as the exchange has it now."""
        await self.seen.look()
        return self.seen.account

    async def start(
        self, bugs: str = "", env: Mapping[str, str] | None = None, places: Mapping[str, str] | None = None, *flags: str
    ) -> Life:
        """A session without a person. ``places`` are addresses in the exchange's stead."""
        where = {**{name: self.at[name] for name in ("rest", "public", "private")}, **(places or {})}
        given = [item for name, address in where.items() for item in ("--set", f"venue.{name}={address}")]
        words = ["run", "--headless", "--json", "--profile", "chaos", "--home", f"{self.home}", *given, *flags]
        keys = {"COCKPIT_API_KEY": self.at["api_key"], "COCKPIT_API_SECRET": self.at["api_secret"]}
        process = await asyncio.create_subprocess_exec(
            sys.executable, f"{RUN}", bugs, *words, stdout=PIPE, stderr=PIPE, limit=1 << 24,
            env={**os.environ, **keys, "XDG_STATE_HOME": f"{self.folder}", **(env or {})},
        )  # fmt: skip
        return Life(process)

    async def command(
        self, *words: str, env: Mapping[str, str] | None = None, within_s: float = 30.0
    ) -> tuple[int, str]:
        """Another command of the program on this home: exit code and all it said; -1 when it did not end in time."""
        keys = {"COCKPIT_API_KEY": self.at["api_key"], "COCKPIT_API_SECRET": self.at["api_secret"]}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cockpit", *words, "--home", f"{self.home}", stdout=PIPE, stderr=STDOUT,
            env={**os.environ, **keys, "XDG_STATE_HOME": f"{self.folder}", **(env or {})},
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            return -1, "no end"
        return process.returncode or 0, said.decode(errors="replace")

    @asynccontextmanager
    async def life(self, *words: Any, **named: Any) -> AsyncIterator[Life]:
        life = await self.start(*words, **named)
        try:
            yield life
        finally:
            if not life.over:
                await life.kill()


@asynccontextmanager
async def stage(
    folder: Path, seed: int, *, speed: float = 60.0, strategy: str = FAST, profile: Mapping[str, Any] | None = None
) -> AsyncIterator[Stage]:
    """``folder`` must be new; ``profile`` is laid over the campaign's."""
    config = folder / "config"
    (config / "strategies").mkdir(parents=True)
    (config / "chaos.yaml").write_text(yaml.safe_dump(_over(_over(yaml.safe_load(PROFILE), WIDE), profile or {})))
    (config / "strategies" / "chaos.yaml").write_text(strategy)
    async with exchange(folder, speed, seed) as at, httpx.AsyncClient(base_url=at["rest"], timeout=30) as control:
        here = Stage(folder, at, control)
        watching = asyncio.create_task(_watch(here.seen, 1.0))
        try:
            yield here
        finally:
            watching.cancel()


def _over(base: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in more.items():
        inner = merged.get(name)
        merged[name] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


async def _watch(seen: Seen, every_s: float) -> None:
    while True:
        with suppress(httpx.HTTPError):
            await seen.look()
        await asyncio.sleep(every_s)


async def until(done: Callable[[], bool], timeout_s: float = 1e9, every_s: float = 0.02) -> bool:
    """Look again and again; False when it was not so within the time."""
    end = time.monotonic() + timeout_s
    while True:
        if done() or time.monotonic() > end:
            return done()
        await asyncio.sleep(every_s)


async def together(count: int, room: int, one: Callable[[int], Any]) -> list[Any]:
    """``one(n)`` for n below ``count``, ``room`` of them at a time; their results in order."""
    free = asyncio.Semaphore(room)

    async def each(number: int) -> Any:
        async with free:
            return await one(number)

    return list(await asyncio.gather(*(each(number) for number in range(count))))


def summary(life: Life) -> dict[str, Any]:
    return json.loads(life.told) if life.told.strip() else {}
