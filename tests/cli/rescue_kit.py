"""A headless engine as its own process, what works at its exchange, and the commands that come to its rescue."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.model.orders import Order
from engine.ops import running
from engine.ops.paths import Home
from engine.ops.running import Beat, RunFile
from engine.venues.bitunix.adapter import Bitunix

SYMBOL = "BTCUSDT"


class Engine:
    """``cockpit run --headless`` on the demo profile, up and trading; ``events`` is what it printed so far."""

    def __init__(self, home: Path, process: subprocess.Popen[str]) -> None:
        self.home, self.process = Home(home), process
        self.until(lambda: self.beat.trading == "ACTIVE", "trading")

    @property
    def run(self) -> RunFile:
        (found,) = running.found(self.home)
        return found

    @property
    def beat(self) -> Beat:
        for run in running.found(self.home):
            if (beat := running.last_beat(self.home, run.session)) is not None:
                return beat
        return Beat(0, 0, 0, 0, "", 0, 0)

    def until(self, done: Callable[[], object], what: str, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end, f"{what}: {self.beat}"
            time.sleep(0.02)

    def at_venue(self, *orders: Order) -> int:
        """Place orders with the account's keys; returns how many work."""

        async def ask() -> int:
            run = self.run
            venue = Bitunix(
                run.venue, key=run.demo_key, secret=run.demo_secret, clock=time.time_ns, rng=random.Random(1)
            )
            try:
                for order in orders:
                    assert (await venue.submit(order)).status == "ACCEPTED"
                return len(await venue._reads.open_orders())
            finally:
                await venue.close()

        return asyncio.run(ask())

    def fault(self, **switches: Any) -> None:
        import httpx

        assert httpx.post(f"{self.run.venue.rest}/sim/faults", json=switches, trust_env=False).status_code == 200

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def entry(number: int = 0) -> Order:
    """Far below the market: it works until it is cancelled."""
    price = Decimal(60_000 + number)
    return Order(client_id=f"t-{number}", symbol=SYMBOL, side="BUY", kind="LIMIT", qty=Decimal("0.01"), price=price)


def held() -> Order:
    return Order(client_id="t-held", symbol=SYMBOL, side="BUY", kind="MARKET", qty=Decimal("0.01"))


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COCKPIT_HOME": f"{home}", "XDG_STATE_HOME": f"{home.parent}"}


def launched(home: Path, *args: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "cockpit", *args]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(home))


@contextmanager
def engine(home: Path, *settings: str, profile: str = "demo") -> Iterator[Engine]:
    """Nobody is there to approve what its strategies propose: what works at the exchange is what the test has placed."""
    quiet = ("trading.approval=required", *settings)
    process = launched(home, "run", "--headless", "--profile", profile, *(f"--set={item}" for item in quiet))
    with process:
        try:
            yield Engine(home, process)
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def cockpit(home: Path, *args: str, seconds: float = 40.0) -> tuple[int, Any, float]:
    """Exit code, answer (JSON where it is some), and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cockpit", *args],
        capture_output=True,
        text=True,
        env=environment(home),
        timeout=seconds,
        check=False,
    )
    took = time.monotonic() - began
    assert "Traceback" not in done.stderr, done.stderr
    try:
        return done.returncode, json.loads(done.stdout), took
    except ValueError:
        return done.returncode, done.stdout + done.stderr, took
