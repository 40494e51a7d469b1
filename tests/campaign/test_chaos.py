"""Short rounds of the campaigns, and the proof that they would notice a bug."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chaos import BY_NAME, CAMPAIGNS
from chaos_outcome import Outcome, Skipped, Task
from chaos_shim import missing

SEED = 3


async def played(tmp_path: Path, name: str, rounds: int, plant: str = "") -> Outcome:
    folder = tmp_path / (plant or name)
    folder.mkdir()
    try:
        return await BY_NAME[name].run(Task(folder, rounds, SEED, plant, together=2))
    except Skipped as why:
        pytest.skip(str(why))


@pytest.mark.parametrize(("name", "rounds"), [("kill", 2), ("power", 40), ("journal", 20), ("bits", 12), ("starts", 3)])
async def test_nothing_is_lost_doubled_or_unsafe(tmp_path: Path, name: str, rounds: int) -> None:
    outcome = await played(tmp_path, name, rounds)
    assert outcome.tried >= rounds
    assert outcome.good, outcome


@pytest.mark.parametrize(
    ("name", "plant", "rounds"),
    [
        ("kill", "send-early", 4),
        ("power", "synchronous-normal", 40),
        ("journal", "ignore-commit", 32),
        ("bits", "no-checksum", 8),
        ("starts", "no-lock", 2),
        ("links", "deaf", 1),
    ],
)
async def test_a_planted_bug_is_noticed(tmp_path: Path, name: str, plant: str, rounds: int) -> None:
    assert plant in BY_NAME[name].plants
    outcome = await played(tmp_path, name, rounds, plant)
    assert outcome.noticed, outcome


def test_every_campaign_has_a_bug_to_notice() -> None:
    assert all(campaign.plants and campaign.rounds for campaign in CAMPAIGNS)


@pytest.mark.skipif(bool(missing()), reason=missing() or "there is a shim")
def test_a_shim_that_is_told_nothing_changes_nothing(tmp_path: Path) -> None:
    from chaos_shim import Shim

    shim = Shim(tmp_path, tmp_path, tmp_path, log=True)
    words = "import os, sys; f = open(sys.argv[1], 'wb'); f.write(b'x' * 70000); f.flush(); os.fsync(f.fileno())"
    path = tmp_path / "one.cockpit"
    subprocess.run([sys.executable, "-c", words, str(path)], check=True, env=shim.env)
    assert path.read_bytes() == b"x" * 70_000
    assert [(op.op, op.name, len(op.data)) for op in shim.ops()] == [
        (5, "one.cockpit", 0), (1, "one.cockpit", 70_000), (2, "one.cockpit", 0),
    ]  # fmt: skip
