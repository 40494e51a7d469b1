"""``kill -9`` of the real program at any moment of its life, again and again on one account that survives."""

from __future__ import annotations

import asyncio
import random
import time

from chaos_books import Book, compare, read
from chaos_outcome import Outcome, Task
from chaos_stage import Stage, stage, together

ROUNDS_A_FLOOR = 25
LIFE_S = 4.0
SPEED = 240.0
"""Market minutes a minute: four candles a second, each good for two orders."""


async def run(task: Task) -> Outcome:
    """``rounds`` kills. After every one the journal is verified; the next start recovers; the last one ends in order."""
    outcome = Outcome()
    floors = [min(ROUNDS_A_FLOOR, task.rounds - at) for at in range(0, task.rounds, ROUNDS_A_FLOOR)]
    if len(floors) == 1 and task.rounds > 8:
        floors = [task.rounds // 2, task.rounds - task.rounds // 2]
    figures = await together(len(floors), task.together, lambda n: _floor(task, n, floors[n], outcome))
    orders, events, ready = (sum(f[0] for f in figures), sum(f[1] for f in figures), [s for f in figures for s in f[2]])
    slowest = f", a start after a kill traded within {max(ready):.1f} s" if ready else ""
    outcome.figures.append(f"{orders} orders and {events:,} events before the kills{slowest}")
    return outcome


async def _floor(task: Task, number: int, rounds: int, outcome: Outcome) -> tuple[int, int, list[float]]:
    chance = random.Random(task.seed * 1000 + number)
    books: list[Book] = []
    ready: list[float] = []
    async with stage(task.folder / f"floor{number}", task.seed + number, speed=SPEED) as here:
        for _ in range(rounds):
            await _die(here, task.plant, chance, ready)
            books = await asyncio.to_thread(_read_new, here, books)
            await here.look()
            verdict = compare(here, books, ended=False)
            outcome.count(
                [] if outcome.faults else verdict.faults,
                lost=verdict.lost,
                duplicated=verdict.duplicated,
                unsafe=verdict.unsafe,
            )
            if verdict.faults:
                outcome.faults = verdict.faults
                return len(here.seen.orders), sum(book.events for book in books), ready
        await _come_back(here, books, outcome)
        return len(here.seen.orders), sum(book.events for book in books), ready


async def _die(here: Stage, plant: str, chance: random.Random, ready: list[float]) -> None:
    """One life, ended while it starts (one in four) or trades."""
    began = time.monotonic()
    async with here.life(plant) as life:
        if chance.random() < 0.25:
            await life.wait(chance.uniform(0, 3.0))
        elif await life.trading():
            ready.append(time.monotonic() - began)
            await life.wait(chance.uniform(0, LIFE_S))


def _read_new(here: Stage, books: list[Book]) -> list[Book]:
    known = {book.path: book for book in books if book.events}
    return [known.get(path) or read(path) for path in here.recordings()]


async def _come_back(here: Stage, books: list[Book], outcome: Outcome) -> None:
    """The session after the last kill: it must trade, and end with the exchange's account."""
    async with here.life() as life:
        traded = await life.trading()
        await life.wait(2.0)
        took = await life.end()
    await here.look()
    verdict = compare(here, await asyncio.to_thread(_read_new, here, books))
    faults = list(verdict.faults)
    if not traded:
        faults.append(f"the session after the kills does not trade: {life.why_not}")
    if life.process.returncode:
        faults.append(
            f"the session after the kills: exit code {life.process.returncode} in {took:.0f} s: {life.text[-300:]}"
        )
    outcome.count(faults, lost=verdict.lost, duplicated=verdict.duplicated, unsafe=verdict.unsafe)
