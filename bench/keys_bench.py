"""From a key to its picture: ``python -m bench keys``."""

from __future__ import annotations

import random
import time
from itertools import cycle, islice

from bench.program import Wire, cockpit, exchange, home
from bench.start_bench import PRICE
from bench.table import Row, row
from bench.terminal import HAND_S

EVENTS_A_SECOND = 1_000
KEYS = (
    ("t", r"perpetual · 5m"),
    ("]", "REJECTIONS"),
    ("t", r"perpetual · 15m"),
    ("]", "REJECTIONS"),
    ("t", r"perpetual · 1h"),
    ("]", "REJECTIONS"),
    ("t", r"perpetual · 1m"),
    ("]", "REJECTIONS"),
)
"""A key and what is written only when its change is drawn: the chart's heading, the tabs of the logs."""


def rows(presses: int = 104) -> list[Row]:
    """On the demo's market, and while a thousand events a second come in."""
    with home() as place, exchange(place.with_name("exchange"), "--seed", "7", "--speed", "12") as venue:
        options = [*venue.options, "--set", "trading.approval_ttl_s=5"]
        with cockpit(place, *options, **venue.keys) as wire:
            wire.shown(PRICE)
            time.sleep(4)
            calm = press(wire, presses)
            venue.fault(event_rate=EVENTS_A_SECOND)
            time.sleep(1)
            busy = press(wire, presses)
    return [
        row("key to its picture, demo", "ms", calm, 50, "worst"),
        row(f"key to its picture, {EVENTS_A_SECOND:,} events/s", "ms", busy, 50, "worst"),
    ]


def press(wire: Wire, presses: int) -> list[float]:
    """Milliseconds from each key to the bytes that show what it did, at moments that no clock of ours knows."""
    chance, times = random.Random(1), []
    for key, shows in islice(cycle(KEYS), presses // len(KEYS) * len(KEYS)):
        time.sleep(HAND_S + chance.uniform(0.0, 0.2))
        pressed = time.monotonic()
        wire.press(key)
        times.append((wire.shown(shows, pressed, 5) - pressed) * 1000)
    return times
