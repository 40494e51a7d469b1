"""The computer's clock is set in mid-session: the session's time goes on evenly, says so, and trades on."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from chaos_books import compare, read
from chaos_outcome import Outcome, Skipped, Task
from chaos_shim import Shim, missing
from chaos_stage import Life, Stage, stage, together

from engine.journal.recording import Recording
from engine.model import events as ev

JUMPS_S = (1.0, -1.0, 3600.0, -3600.0)
STAYS_S = 8.0
TOLD_S = 4.0


async def run(task: Task) -> Outcome:
    """``rounds`` jumps of ±1 s and ±1 h; every second one is set back after a while. The plant ``wall-clock`` follows them."""
    if why := missing():
        raise Skipped(why)
    outcome = Outcome()
    told = await together(task.rounds, task.together, lambda n: _round(task, n, outcome))
    if known := [seconds for seconds in told if seconds is not None]:
        outcome.figures.append(f"a jump of the clock was told within {max(known):.1f} s, and orders went on")
    return outcome


async def _round(task: Task, number: int, outcome: Outcome) -> float | None:
    jump_s, folder = JUMPS_S[number % len(JUMPS_S)], task.folder / f"round{number}"
    chance = random.Random(task.seed * 1000 + number)
    async with stage(folder, task.seed + number, speed=120.0) as here:
        shim = Shim(folder, here.sessions)
        faults: list[str] = []
        async with here.life(task.plant, shim.env) as life:
            if not await life.trading():
                faults.append(f"it does not trade: {life.text[-200:]}")
            await life.wait(chance.uniform(2, 4))
            set_t = time.time_ns()
            shim.set(clock_ns=int(jump_s * 1e9))
            told = (time.time_ns() - set_t) / 1e9 if await _alarm(life, set_t) else None
            await life.wait(STAYS_S)
            if number % 2:
                shim.set(clock_ns=0)
                await life.wait(STAYS_S / 2)
            traded = await _orders_since(here, set_t + int(2e9))
            took = await life.end()
            if life.process.returncode or "Traceback" in life.text:
                faults.append(f"exit code {life.process.returncode} after {took:.0f} s: {life.text[-300:]}")
        await here.look()
        if told is None or told > TOLD_S:
            faults.append("nobody says that the clock was set")
        if not traded:
            faults.append("no order after the clock was set")
        path = here.recordings()[-1]
        faults += await asyncio.to_thread(_uneven, path)
        verdict = compare(here, [await asyncio.to_thread(read, path)])
        outcome.count(
            [f"{jump_s:+g} s: {fault}" for fault in (*faults, *verdict.faults)],
            lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe,
        )  # fmt: skip
        return told


async def _alarm(life: Life, since: int) -> bool:
    return await life.said("computer's clock", TOLD_S, since)


async def _orders_since(here: Stage, t: int) -> bool:
    await here.look()
    return any(at > t for at, _ in here.seen.orders)


def _uneven(path: Path) -> list[str]:
    """The session's own time goes neither back nor ahead, and nothing is lost sight of because of it."""
    faults, before = [], 0
    with Recording.open(path) as recording:
        for seq, event in recording.events():
            if isinstance(event, ev.OrderReport) and event.status == "UNKNOWN":
                faults.append(f"order {event.client_id} was given up: {event.message[:80]}")
            if (
                isinstance(event, ev.LinkReport)
                and event.state == "down"
                and not event.detail.startswith("closed by us")
            ):
                faults.append(f"the {event.link} link went down: {event.detail[:80]}")
            if before and not -1 <= (event.t - before) / 1e9 <= 5:
                faults.append(f"event {seq} is {(event.t - before) / 1e9:+.1f} s from the one before")
            before = event.t
    return faults[:5]
