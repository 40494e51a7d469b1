"""What the cockpit costs while it runs: ``python -m bench steady``."""

from __future__ import annotations

import time

from bench.program import Wire, cockpit, cpu_s, exchange, home, rss_mb
from bench.start_bench import PRICE
from bench.table import Row

HURRY = 6_000
"""Market minutes per minute: a hundred candles a second."""
DAY_S = 1_440 * 60 / HURRY


def rows(seconds: float = 20.0) -> list[Row]:
    """Nothing arriving, a market that stands still, the demo, and memory after a day of candles."""
    return [*quiet(seconds), *demo(seconds), *day()]


def quiet(seconds: float) -> list[Row]:
    """Connected, first with the whole stream of a market whose price does not move, then with nothing but pings."""
    with home() as place, exchange(place.with_name("exchange"), "--seed", "7", "--speed", "0.001") as venue:
        patient = ["--set", "venue.silence_public_s=60", "--speed", "1"]
        with cockpit(place, *venue.options, *patient, **venue.keys) as wire:
            wire.shown(PRICE)
            time.sleep(5)
            still, still_kb = cost(wire, seconds)
            venue.fault(drop_push=1.0)
            time.sleep(2)
            idle, idle_kb = cost(wire, seconds)
            return [
                Row("idle, connected and nothing arriving: CPU", "% of a core", idle, goal=0.5),
                Row("  to the terminal", "KB/s", idle_kb),
                Row("idle, the whole stream of a market standing still: CPU", "% of a core", still, goal=0.5),
                Row("  to the terminal", "KB/s", still_kb),
            ]


def demo(seconds: float) -> list[Row]:
    """The demo as it comes, five pictures a second."""
    with home() as place, cockpit(place, "--seed", "7") as wire:
        wire.shown(PRICE)
        time.sleep(5)
        cpu, kb = cost(wire, seconds)
        return [
            Row("live at 5 Hz: CPU", "% of a core", cpu, goal=5),
            Row("live at 5 Hz: to the terminal", "KB/s", kb, goal=60),
        ]


def day() -> list[Row]:
    """Resident memory once the engine holds a day of candles."""
    with home() as place, cockpit(place, "--seed", "7", "--speed", str(HURRY)) as wire:
        wire.shown(PRICE)
        time.sleep(DAY_S)
        return [Row("resident memory with a day of bars", "MB", rss_mb(wire.process.pid), goal=90)]


def cost(wire: Wire, seconds: float) -> tuple[float, float]:
    """Percent of a core and KB/s to the terminal over the next ``seconds``; the exchange's process is not counted."""
    pid = wire.process.pid
    started, used = time.monotonic(), cpu_s(pid)
    time.sleep(seconds)
    passed = time.monotonic() - started
    return (cpu_s(pid) - used) / passed * 100, wire.bytes_since(started) / passed / 1000
