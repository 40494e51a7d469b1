"""Disks that fail: each write, sync and truncation in turn; full disks and slow ones; under the journal and under the program."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from typing import Any

from chaos_books import compare, read
from chaos_outcome import Outcome, Skipped, Task
from chaos_power import child
from chaos_shim import SYNC, TRUNCATE, WRITE, Shim, missing
from chaos_stage import REST, Life, Stage, stage, together, until

NAMES = {WRITE: "write", SYNC: "sync", TRUNCATE: "truncation"}
AFTER_NS = 500_000_000
"""What was durable before the failure may still be on its way."""
ENDS_S = 30.0
CANCELS_S = 5.0
UNCONFIRMED = 4
"""Of ``cockpit kill``: the venue did as it was told, and the switch is not on the disk."""


# --- the journal alone: quick, so that every call can be tried -----------------------------------------------------------


async def journal(task: Task) -> Outcome:
    """``rounds`` failures, most of them of writes and syncs; the plant ``ignore-commit`` calls a failed commit done."""
    if why := missing():
        raise Skipped(why)
    outcome, chance = Outcome(), random.Random(task.seed)
    share = max(1, task.rounds // 4)
    each = ((WRITE, share, False), (SYNC, share, False), (SYNC, share, True), (TRUNCATE, min(share, 3), False))
    slowest = 0.0
    for kind, count, sticky in each:
        lines = await _sweep(task, {"kind": kind, "at": list(range(1, count + 1)), "sticky": sticky})
        slowest = max(slowest, *(line["late_ms"] for line in lines))
        _count(outcome, lines, f"{NAMES[kind]}{' and all later ones' if sticky else ''} number")
    rooms = sorted(chance.randrange(1, 600_000) for _ in range(share))
    lines = await _sweep(task, {"kind": "room", "at": rooms, "sticky": False})
    _count(outcome, lines, "disk full at byte")
    outcome.figures.append(f"a failed write or sync was told, and the journal ended, within {slowest:.0f} ms")
    return outcome


async def _sweep(task: Task, order: dict[str, object]) -> list[dict[str, Any]]:
    folder = task.folder / f"{order['kind']}-{order['sticky']}"
    folder.mkdir()
    shim = Shim(folder, folder, folder)
    words = {"folder": f"{folder}", "seed": task.seed, "events": 3_000, "checkpoint": 30, "careless": bool(task.plant)}
    said = await child({**order, **words}, shim)
    return [json.loads(line) for line in said.splitlines()]


def _count(outcome: Outcome, lines: list[dict[str, Any]], what: str) -> None:
    for line in lines:
        faults = [f"{what} {line['n']}: {text}" for text in line["damage"]]
        if line["struck"] and not line["said"] and (line["lost"] or not line["acked"]):
            faults.append(f"{what} {line['n']} failed, and nothing was said")
        if line["lost"]:
            faults.append(f"{what} {line['n']}: {line['lost']} acknowledged events are gone")
        outcome.count(faults, lost=int(line["lost"]))


# --- the program ---------------------------------------------------------------------------------------------------------


async def program(task: Task) -> Outcome:
    """``rounds`` sessions of the real program, each with one failure in the middle of its trading, or while it starts."""
    if why := missing():
        raise Skipped(why)
    outcome = Outcome()
    ends = await together(task.rounds, task.together, lambda n: _failing(task, n, outcome))
    told = [took for took in ends if took]
    if told:
        outcome.figures.append(f"after a failure the process had ended within {max(told):.1f} s")
    return outcome


async def _failing(task: Task, number: int, outcome: Outcome) -> float:
    chance = random.Random(task.seed * 1000 + number)
    folder = task.folder / f"round{number}"
    async with stage(folder, task.seed + number, speed=240.0) as here:
        shim = Shim(folder, here.sessions, here.home)
        kind = chance.choice((WRITE, SYNC, SYNC))
        at = chance.randint(1, 40)
        starting = number % 5 == 4
        if starting:
            shim.fail(kind, at, sticky=chance.random() < 0.5)
        async with here.life(task.plant, shim.env) as life:
            if not starting:
                await life.trading()
                await life.wait(chance.uniform(0, 2))
                shim.fail(kind, at, sticky=chance.random() < 0.5)
            await until(lambda: bool(shim.struck_ns) or life.over, ENDS_S)
            struck = time.monotonic()
            ended = await life.wait(ENDS_S)
            took = time.monotonic() - struck
            faults = _ended_well(life, ended, f"{NAMES[kind]} {at}") if shim.struck_ns else ["the failure never came"]
        await here.look()
        unsafe = _after(here, shim, life, faults)
        shim.calm()
        await _again(here, shim, faults)
        outcome.count(faults, unsafe=unsafe)
        return took if ended else 0.0


def _ended_well(life: Life, ended: bool, what: str) -> list[str]:
    """It must end by itself, say why on its last lines, and say nothing that is not for people."""
    if not ended:
        return [f"after {what} failed it went on for {ENDS_S:g} s"]
    faults = []
    if not life.process.returncode:
        faults.append(f"after {what} failed it ended as if nothing had been")
    if not any(word in life.text for word in ("journal", "disk", "folder")):
        faults.append(f"after {what} failed it does not say why: {life.text[-200:]}")
    if "Traceback" in life.text:
        faults.append(f"after {what} failed: {life.text.strip().splitlines()[-1][:200]}")
    return faults


def _after(here: Stage, shim: Shim, life: Life, faults: list[str]) -> int:
    """Orders without a decision on the disk, and orders that left after the failure."""
    books = [read(path) for path in here.recordings()]
    verdict = compare(here, books, ended=False)
    late = [name for t, name in here.seen.orders if shim.struck_ns and t > shim.struck_ns + AFTER_NS]
    faults += verdict.faults
    if late:
        faults.append(f"{len(late)} order(s) came after the failure")
    return verdict.unsafe + len(late)


async def _again(here: Stage, shim: Shim, faults: list[str]) -> None:
    """The next start on the same disk, which works again."""
    async with here.life("", shim.env) as life:
        if not await life.trading():
            faults.append(f"the next start does not trade: {life.why_not}")
        await life.end()
    await here.look()
    verdict = compare(here, [read(path) for path in here.recordings()])
    faults += [f"after the next start: {fault}" for fault in verdict.faults]


# --- full disks: cancels and the kill still go out -------------------------------------------------------------------------


async def full(task: Task) -> Outcome:
    """``rounds`` sessions that rest an order when the disk fills up at a random byte; every other one is killed then."""
    if why := missing():
        raise Skipped(why)
    outcome = Outcome()
    took = await together(task.rounds, task.together, lambda n: _filling(task, n, outcome))
    for odd, who in enumerate(("the session itself", "cockpit kill, after a SIGKILL")):
        if gone := [seconds for seconds in took[odd::2] if seconds]:
            outcome.figures.append(f"entries were cancelled by {who} within {max(gone):.1f} s of the full disk")
    return outcome


async def _filling(task: Task, number: int, outcome: Outcome) -> float:
    chance, folder = random.Random(task.seed * 1000 + number), task.folder / f"round{number}"
    async with stage(folder, task.seed + number, speed=240.0, strategy=REST) as here:
        shim = Shim(folder, here.sessions, here.home)
        faults: list[str] = []
        async with here.life(task.plant, shim.env) as life:
            if not await life.trading() or not await _resting(here):
                faults.append(f"nothing rested at the exchange: {life.text[-300:]}")
            gone = await (_killed if number % 2 else _by_itself)(here, shim, life, chance, faults)
        if gone is None:
            faults.append(f"the entry still works {ENDS_S:g} s after the disk was full: {life.text[-200:]}")
        unsafe = _after(here, shim, life, faults)
        shim.calm()
        (here.home / "killed").unlink(missing_ok=True)
        await _again(here, shim, faults)
        outcome.count(faults, unsafe=unsafe)
        return gone or 0.0


async def _by_itself(here: Stage, shim: Shim, life: Life, chance: random.Random, faults: list[str]) -> float | None:
    shim.set(room=chance.randrange(0, 120_000))
    await until(lambda: bool(shim.struck_ns) or life.over, ENDS_S)
    gone = await _cancelled(here, ENDS_S)
    faults += _ended_well(life, await life.wait(ENDS_S), "a write on the full disk")
    return gone


async def _killed(here: Stage, shim: Shim, life: Life, chance: random.Random, faults: list[str]) -> float | None:
    """Nobody is left but ``cockpit kill``, and there is no room for the latch."""
    shim.set(room=0)
    await life.kill()
    began = time.monotonic()
    code, said = await here.command("kill", env=shim.env)
    if code not in (0, UNCONFIRMED):
        faults.append(f"cockpit kill on a full disk: exit code {code}: {said[-300:]}")
    gone = await _cancelled(here, 2.0)
    return None if gone is None else time.monotonic() - began


async def _resting(here: Stage, timeout_s: float = 20.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if (await here.look())["orders"]:
            return True
        await asyncio.sleep(0.1)
    return False


async def _cancelled(here: Stage, timeout_s: float) -> float | None:
    """Seconds until no order works at the exchange; None: one still does."""
    began = time.monotonic()
    while time.monotonic() - began < timeout_s:
        if not (await here.look())["orders"]:
            return time.monotonic() - began
        await asyncio.sleep(0.05)
    return None


# --- slow disks ---------------------------------------------------------------------------------------------------------


async def slow(task: Task) -> Outcome:
    """Syncs that take 2 and 10 ms longer, and one that takes 5 s: orders wait, and a kill in the middle cancels all the same."""
    if why := missing():
        raise Skipped(why)
    outcome = Outcome()
    took = await together(task.rounds, task.together, lambda n: _stalling(task, n, outcome))
    if gone := [seconds for seconds in took if seconds is not None]:
        outcome.figures.append(f"a kill while a sync stood for 5 s had cancelled within {max(gone):.2f} s")
    return outcome


async def _stalling(task: Task, number: int, outcome: Outcome) -> float | None:
    folder = task.folder / f"round{number}"
    async with stage(folder, task.seed + number, speed=240.0, strategy=REST) as here:
        shim = Shim(folder, here.sessions)
        shim.set(delay_us=(0, 2_000, 10_000)[number % 3])
        faults: list[str] = []
        async with here.life(task.plant, shim.env) as life:
            traded = await life.trading()
            if not traded or not await _resting(here):
                faults.append(f"with slow syncs it did not trade: {life.text[-200:]}")
            shim.set(stall_us=5_000_000)
            await asyncio.sleep(0.1)
            asked = time.time_ns()
            life.signal(signal.SIGUSR1)
            gone = await _cancelled(here, 20.0)
            if gone is None or gone > CANCELS_S:
                faults.append(f"a kill while the disk stood: {gone and round(gone, 1)} s until the entry was cancelled")
            late = [name for t, name in here.seen.orders if t > asked + AFTER_NS]
            faults += [f"order {name} came after the kill" for name in late]
            await life.end()
        await here.look()
        verdict = compare(here, [read(path) for path in here.recordings()])
        outcome.count(
            faults + verdict.faults, lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe + len(late)
        )
        return gone
