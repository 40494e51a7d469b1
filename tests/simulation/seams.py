"""The few places where the code meets the real world, replaced for as long as a world is played.

==========================================  ========================================================================
``time.time``, ``time_ns``, ``monotonic``,  the loop's clock (the session's and the exchange's clocks are parameters;
``monotonic_ns``, ``perf_counter``          httpcore's keep-alive, aiohttp's ``Date`` and the journal's header ask here)
``secrets.token_hex``, ``token_bytes``      seeded: names of sessions, nonces, keys and masks of websockets
``random``'s own generator                  seeded, put back afterwards
``engine.session.start.Journal``            ``disk.SimJournal``
``engine.session.latch.keep``               the same without its thread
``engine.session.preflight.shutil``         a disk with as much room as the simulated one has
``engine.session.preflight.GATES``          the gate that writes a file tells no path and no room
``httpcore … is_socket_readable``           asks the connection in memory instead of the system
==========================================  ========================================================================
"""

from __future__ import annotations

import gc
import os
import random
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpcore._backends.anyio as http_backend

from engine.model import events as ev
from engine.session import latch, preflight, start

from .disk import SimJournal
from .simloop import SimLoop

EPOCH_NS = 1_772_540_100_000_000_000
"""2026-03-03 12:15:00 UTC, a Tuesday: a day of worlds passes a midnight and several fundings."""


def wall_ns(loop: SimLoop) -> int:
    return EPOCH_NS + round(loop.time() * 1e9)


@contextmanager
def seams(loop: SimLoop, seed: int) -> Iterator[None]:
    chance = random.Random(f"secrets:{seed}")
    before = random.getstate()
    random.seed(seed)
    clocks: dict[str, Any] = {
        "time": lambda: wall_ns(loop) / 1e9,
        "time_ns": lambda: wall_ns(loop),
        "monotonic": lambda: loop.time() + 1000.0,
        "monotonic_ns": lambda: round(loop.time() * 1e9) + 10**12,
        "perf_counter": lambda: loop.time() + 1000.0,
    }
    with ExitStack() as held:
        for name, clock in clocks.items():
            held.enter_context(patch.object(time, name, clock))
        held.enter_context(patch.object(secrets, "token_hex", lambda n=32: chance.randbytes(n).hex()))
        held.enter_context(patch.object(secrets, "token_bytes", lambda n=32: chance.randbytes(n)))
        held.enter_context(patch.object(start, "Journal", SimJournal))
        held.enter_context(patch.object(latch, "keep", _keep))
        held.enter_context(patch.object(preflight, "GATES", _gates()))
        held.enter_context(patch.object(http_backend, "is_socket_readable", lambda sock: sock.readable()))
        held.enter_context(patch.object(sys, "unraisablehook", lambda _: None))
        gc.collect()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
            random.setstate(before)


def _gates() -> tuple[preflight.Gate, ...]:
    return tuple(gate._replace(check=_room) if gate.name == "state folder" else gate for gate in preflight.GATES)


async def _room(session: Any, _: Path) -> preflight.Result:
    return preflight.Result(session.journal.failed is None, "a simulated disk")


def _keep(path: Path, event: ev.Event) -> None:
    if not isinstance(event, ev.TradingChanged):
        return
    if event.state == "HALTED":
        if not (event.by == "latch" and os.path.lexists(path)):
            latch.trip(path, event.why, event.by, event.t)
    elif event.state == "ACTIVE":
        with suppress(OSError):
            path.unlink(missing_ok=True)
