"""The whole system on a virtual clock: nothing is lost, nothing is done twice, and the same seed plays the same world."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import campaign
from .sometimes import SHORT, missing

ROOT = Path(__file__).parents[2]
SEEDS = (4, 6)
MINUTES = 5.0


def test_worlds_full_of_faults_end_with_all_books_equal() -> None:
    total = campaign.Sum()
    for seed in SEEDS:
        total.add(campaign.play(seed, MINUTES))
    assert not total.bad, [(campaign.replay(r.seed, MINUTES), r.violations[:3]) for r in total.bad]
    assert total.counts["deaths"] > 5
    assert total.counts["settled"] > 2
    assert not missing(total.seen, SHORT)


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed_and_time_zone() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "7", "--minutes", "2", "--digest"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes, "TZ": zone},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hashes, zone in (("0", "UTC"), ("1", "Asia/Tokyo"), ("4711", "America/New_York"))
    }
    assert len(told) == 1
    assert len(told.pop().strip()) == 24


@pytest.mark.parametrize("plant", ["early", "count-twice", "bare"])
def test_a_planted_bug_is_caught_within_a_few_seeds(plant: str) -> None:
    caught = campaign.caught_by(plant, range(1, 9), 10.0)
    assert caught is not None
    assert caught.trace
    assert f"--seed {caught.seed} --minutes 10 --plant {plant} --trace" in campaign.replay(caught.seed, 10.0, plant)
