"""The fault campaign (``faults.py``) as one of the campaigns: every fault of the simulated exchange, a case a round."""

from __future__ import annotations

from chaos_cases import CASES, Case
from chaos_judge import judge
from chaos_outcome import Outcome, Task
from chaos_round import play
from chaos_stage import together

WINDOW_S, CALM_S, SPEED = 12.0, 8.0, 30.0


async def run(task: Task) -> Outcome:
    """The plants are those of ``chaos_planted``."""
    outcome, orders = Outcome(), [0, 0]

    async def one(number: int) -> None:
        case: Case = CASES[number % len(CASES)]
        verdict = judge(
            await play(
                case, task.folder / f"round{number}",
                window_s=WINDOW_S, calm_s=CALM_S, speed=SPEED, seed=task.seed + number, plant=task.plant,
            )
        )  # fmt: skip
        orders[0], orders[1] = orders[0] + verdict.tried, orders[1] + verdict.fills
        unsafe = verdict.early + bool(verdict.unprotected_s)
        faults = [f"{case.name}: {fault}" for fault in verdict.faults]
        outcome.count(faults, lost=verdict.lost, duplicated=verdict.duplicated, unsafe=unsafe)

    await together(task.rounds, task.together, one)
    outcome.figures.append(
        f"{orders[0]} orders and {orders[1]} fills under {min(task.rounds, len(CASES))} kinds of fault"
    )
    return outcome
