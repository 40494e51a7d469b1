"""Killed at every step between the key and the final state, on an exchange that survives; and the proof that bugs are noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from recovery_kit import STEPS, Step, Verdict, round_of
from recovery_plants import PLANTS

BY_NAME = {step.name: step for step in STEPS}


async def together(tmp: Path, rounds: list[tuple[Step, int, str]]) -> list[Verdict]:
    room = asyncio.Semaphore(4)

    async def one(n: int, step: Step, seed: int, plant: str) -> Verdict:
        async with room:
            return await round_of(tmp / f"{n}", step, seed, PLANTS.get(plant))

    return list(await asyncio.gather(*(one(n, *each) for n, each in enumerate(rounds))))


async def test_nothing_is_lost_sent_twice_or_left_open_wherever_a_session_is_killed(tmp_path: Path) -> None:
    verdicts = await together(tmp_path, [(step, 1 + n, "") for n, step in enumerate(STEPS)])
    assert [v for v in verdicts if v.faults] == []
    assert sum(v.orders for v in verdicts) >= 6


async def test_a_recovery_with_a_bug_is_noticed(tmp_path: Path) -> None:
    rounds = [
        (BY_NAME["durable"], 1, "send-again"),
        (BY_NAME["unseen"], 1, "forget"),
        (BY_NAME["held"], 2, "count-twice"),
    ]
    again, forgot, twice = await together(tmp_path, rounds)
    assert again.duplicated, "an order that was closed here and sent all the same"
    assert forgot.faults, "an order without an answer that nobody asks about"
    assert twice.lost, "an execution that is booked by both sessions"
