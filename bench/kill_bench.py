"""From the kill switch to the first cancel at the venue: ``python -m bench kill``."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from bench import resting
from bench.program import Exchange, Wire, cockpit, exchange, home
from bench.start_bench import PRICE
from bench.table import Row, row
from cockpit import __version__
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.market import MINUTE_NS
from engine.ops import config, paths
from engine.session.rig import Rig
from engine.session.session import Session
from engine.strategies.registry import STRATEGIES

EVENTS_A_SECOND = 1_000
STILL = ("--seed", "7", "--speed", "0.001")
"""No candle closes but the ones that the measurement makes."""
QUICK = ("--seed", "7", "--speed", "60")
"""A candle a second, so that an order works again soon after every round."""
CANCEL = "cancel_orders"
PATIENCE_S = 10.0
SPACING_S = (0.35, 0.55)
"""Between two rounds: the venue's limits leave room for a cancel at once every time, as in a session."""
Flags = dict[str, Any]


def rows(rounds: int = 60, presses: int = 12) -> list[Row]:
    """Sessions with a working order while a thousand market events a second come in; times of arrival are the exchange's."""
    wire, gate, rate = headless(rounds)
    key, key_gate = by_key(presses)
    return [
        Row("events that the engine took in", "1/s", rate),
        row("kill command to the gate shut, no screen", "ms", gate, 10, "worst"),
        row("kill command to the first cancel received, no screen", "ms", wire, 50, "worst"),
        row("kill key to the gate shut, by the screen", "ms", key_gate, 10, "worst"),
        row("kill key to the first cancel received, by the screen", "ms", key, 50, "worst"),
    ]


# --- without a screen -----------------------------------------------------------------------------------------------


def headless(rounds: int) -> tuple[list[float], list[float], float]:
    """Milliseconds to the first cancel and to the shut gate of every round, and events a second."""
    with home() as place, exchange(place.with_name("exchange"), *STILL) as venue:
        return asyncio.run(_headless(place, venue, rounds))


async def _headless(place: Path, venue: Exchange, rounds: int) -> tuple[list[float], list[float], float]:
    STRATEGIES[resting.Resting.name] = resting.Resting
    given = resting.options(place)
    flags = dict(option.split("=", 1) for option in [*given, *venue.options][1::2])
    os.environ.update(venue.keys, XDG_RUNTIME_DIR=str(place.parent))
    here = paths.home(place)
    rig = Rig(config.load("demo", here, flags), here, __version__)
    killed, gates = [], []
    try:
        session = await rig.build()
        await rig.bring_up()
        await asyncio.to_thread(venue.fault, event_rate=EVENTS_A_SECOND)
        await asyncio.sleep(1)
        began, seq = time.monotonic(), session.state.seq
        for _ in range(rounds):
            await asyncio.sleep(random.uniform(*SPACING_S))
            await working(session)
            started = time.time_ns()
            session.command("kill", text="bench")
            gates.append((time.time_ns() - started) / 1e6)
            assert session.state.trading == "HALTED"
            await session.until(lambda: not session.state.open_orders, PATIENCE_S)
            killed.append(started)
            session.command("rearm", text="the next round")
        rate = (session.state.seq - seq) / (time.monotonic() - began)
    finally:
        await rig.end("leave", "bench")
    return [first_cancel(venue, at) for at in killed], gates, rate


async def working(session: Session) -> None:
    """A candle closes, the strategy answers it, and its order works at the venue."""
    symbol = session.trader.profile.symbols[0]
    last = session.state.markets[symbol].candles[-1]
    candle = msgspec.structs.replace(last, open_time=last.open_time + MINUTE_NS)
    session.ingest(ev.CandleTick(session.clock(), symbol, candle, True))

    def works() -> bool:
        orders = session.state.orders
        return any(orders[client_id].status == "ACCEPTED" for client_id in session.state.open_orders)

    if not await session.until(works, PATIENCE_S):
        raise TimeoutError(f"no order works: {[line.text for line in session.state.log[-5:]]}")
    await asyncio.sleep(random.uniform(0.02, 0.12))


def first_cancel(venue: Exchange, since_ns: int) -> float:
    """Milliseconds from ``since_ns`` to the arrival of the first request that cancels."""
    return (min(venue.received(CANCEL, since_ns)) - since_ns) / 1e6


# --- by the key -----------------------------------------------------------------------------------------------------


def by_key(presses: int) -> tuple[list[float], list[float]]:
    """Milliseconds from F9 in the terminal to the first cancel received, and to the journaled stop of trading."""
    argv = (sys.executable, "-m", "bench.resting")
    with home() as place, exchange(place.with_name("exchange"), *QUICK) as venue:
        options = [*resting.options(place), *venue.options]
        with cockpit(place, *options, argv=argv, **venue.keys) as wire:
            wire.shown(PRICE)
            venue.fault(event_rate=EVENTS_A_SECOND)
            pressed = [_round(wire, venue) for _ in range(presses)]
            cancels = [first_cancel(venue, at) for at in pressed]
        (path,) = (place / "sessions").glob("*.cockpit")
        with Recording.open(path) as recording:
            stops = [e.t for _, e in recording.events(kinds={"TradingChanged"}) if _halted(e)]
        return cancels, [(min(t for t in stops if t >= at) - at) / 1e6 for at in pressed]


def _halted(event: ev.Event) -> bool:
    return isinstance(event, ev.TradingChanged) and event.state == "HALTED"


def _round(wire: Wire, venue: Exchange) -> int:
    """Kill with a working order, then allow trading again; returns when the key was pressed (UTC nanoseconds)."""
    end = time.monotonic() + PATIENCE_S
    while not venue.working():
        if time.monotonic() > end:
            raise TimeoutError("no order came to the exchange")
        time.sleep(0.05)
    time.sleep(0.1)
    pressed, since = time.time_ns(), time.monotonic()
    wire.press("f9")
    wire.shown("HALTED", since)
    since = time.monotonic()
    wire.press("R")
    wire.shown("type the reason", since)
    time.sleep(0.4)
    for letter in "bench":
        wire.press(letter)
        time.sleep(0.05)
    wire.press("enter")
    wire.shown("ACTIVE", since)
    return pressed
