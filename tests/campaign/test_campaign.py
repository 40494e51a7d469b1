"""A short round of the fault campaign, and the proof that it would notice a bug."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from chaos_cases import CASES, Case
from chaos_judge import Verdict, judge
from chaos_round import play

from engine.sim.faults import Faults

SHORT = Case("short", {"lost_reply": 1, "duplicate_push": 0.3, "out_of_order_push": 0.3})


async def round_of(case: Case, folder: Path, plant: str = "") -> Verdict:
    return judge(await play(case, folder, window_s=3.5, calm_s=2, speed=120, seed=7, plant=plant))


async def test_faults_lose_nothing_double_nothing_and_leave_nothing_unprotected(tmp_path: Path) -> None:
    sound, buggy = await asyncio.gather(
        round_of(SHORT, tmp_path / "sound"), round_of(CASES[0], tmp_path / "buggy", "drop-fill")
    )
    assert sound.faults == []
    assert buggy.lost, "a fill that the adapter keeps to itself must be noticed"


def test_every_fault_of_the_exchange_is_in_the_campaign() -> None:
    tried = {name for case in CASES for name in case.faults}
    assert tried == set(Faults.__struct_fields__) - {"seed"}
