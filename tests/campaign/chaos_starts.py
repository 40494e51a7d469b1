"""Many starts at once on one account: one of them trades, the others say who does; and after a kill the next one gets in."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

from chaos_books import compare, read
from chaos_outcome import Outcome, Task
from chaos_stage import Life, Stage, stage

LOCKED = 4
FIRST_S = 120.0
HOLDER = """
import sys, time
from pathlib import Path
from engine.ops import lock
while True:
    try:
        with lock.hold("chaos", "account", Path(sys.argv[1])):
            print(time.monotonic_ns(), flush=True)
            time.sleep(600)
    except lock.LockedError:
        time.sleep(0.002)
"""
"""Asks for the lock for as long as somebody else has it."""
GRACE_MS = 2_000.0
"""Goal S5 is 100 ms; on a machine that is busy with other things the waiting process may not even be asked for as long."""
IMPORTED_S = 0.7


async def run(task: Task) -> Outcome:
    """``rounds`` starts of the program at the same time, and up to twenty kills of a process that holds the lock."""
    outcome = Outcome()
    async with stage(task.folder / "floor", task.seed) as here:
        await _at_once(here, task, outcome)
        if not task.plant:
            await _next_gets_in(here, outcome)
    if not task.plant:
        await _handed_over(task.folder, min(20, task.rounds), outcome)
    return outcome


async def _at_once(here: Stage, task: Task, outcome: Outcome) -> None:
    lives = list(await asyncio.gather(*(here.start(task.plant) for _ in range(task.rounds))))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(_settled(lives), FIRST_S + task.rounds * 3)
    finally:
        writers = [life for life in lives if not life.over]
        refused = [life for life in lives if life.over and life.process.returncode == LOCKED]
        for life in writers[1:]:
            await life.kill()
    for life in lives:
        faults = []
        if life in refused and "another cockpit trades this" not in life.text:
            faults.append(f"it does not say who trades: {life.text[-200:]}")
        if life not in refused and life not in writers[:1]:
            faults.append(f"a second writer, or an odd end (exit code {life.process.returncode}): {life.text[-200:]}")
        outcome.count(faults, unsafe=len(faults))
    if len(writers) != 1:
        outcome.faults = [*outcome.faults, f"{len(writers)} of {len(lives)} trade on one account"]
        outcome.unsafe += 1
    if written := [path for path in here.recordings() if path.stat().st_size]:
        outcome.unsafe += len(written) - 1
    outcome.figures.append(f"{len(lives)} starts at once: {len(writers)} writer(s), {len(refused)} refused")
    for life in writers[:1]:
        await life.kill()


async def _settled(lives: list[Life]) -> None:
    """All but one have ended, or those that have not all trade."""
    while True:
        left = [life for life in lives if not life.over]
        trading = [await life.trading(0.0) for life in left]
        if all(trading):
            return
        await asyncio.sleep(0.2)


async def _next_gets_in(here: Stage, outcome: Outcome) -> None:
    """The writer was killed: the next start must trade, and end in order."""
    began = time.monotonic()
    async with here.life() as life:
        faults = [] if await life.trading() else [f"the start after the kill does not trade: {life.text[-200:]}"]
        took = time.monotonic() - began
        await life.end()
    await here.look()
    verdict = compare(here, [read(path) for path in here.recordings()])
    outcome.count(faults + verdict.faults, lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe)
    outcome.figures.append(f"the next start after a kill traded after {took:.1f} s")


async def _handed_over(folder: Path, kills: int, outcome: Outcome) -> None:
    """From the kill of a holder to the next one's hold, that one waiting with everything imported."""
    took: list[float] = []
    holder = await _holder(folder)
    await _said(holder)
    try:
        for _ in range(kills):
            waiting = await _holder(folder)
            await asyncio.sleep(IMPORTED_S)
            killed = time.monotonic_ns()
            holder.kill()
            took.append((await _said(waiting) - killed) / 1e6)
            await holder.wait()
            holder = waiting
            slow = f"the lock was free {took[-1]:.0f} ms after its holder's death, limit {GRACE_MS:g} ms"
            outcome.count([slow] if took[-1] > GRACE_MS else [])
    finally:
        holder.kill()
        await holder.wait()
    middle = sorted(took)[kills // 2]
    outcome.figures.append(
        f"after {kills} kills of a holder the next one had the lock within {max(took):.1f} ms, {middle:.1f} ms in the middle"
    )


async def _holder(folder: Path) -> Process:
    env = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, f"{folder / 'locks'}", stdout=PIPE, env=env
    )


async def _said(holder: Process) -> int:
    assert holder.stdout is not None
    return int(await asyncio.wait_for(holder.stdout.readline(), 10))
