"""Regression baselines: backtests whose every number is kept. A change is written with ``python -m tests.golden.make``."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from golden_cases import CASES, COIN, RESULTS, RULES, golden, kept, run, text_of
from golden_data import HASHES, MADE, ROWS, market

ONE = ("range", "same_close", "brackets")
"""A short case with chance, funding, costs, refusals of both kinds and partial fills."""
ALONE = """
import json, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from golden_cases import kept, run
print(json.dumps(kept(run({data!r}, {rule!r}, {strategy!r}, Path({place!r})))))
"""


def differences(before: str, now: str) -> str:
    """The lines that differ, each under the names that it belongs to."""
    return "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), "golden", "now", lineterm="", n=4))


@pytest.mark.parametrize("name", MADE)
def test_the_data_is_what_the_results_were_made_of(name: str) -> None:
    assert market(name).digest == HASHES[name]
    assert len(market(name).candles) == ROWS


@pytest.mark.parametrize(("data", "rule"), CASES)
def test_every_number_is_the_golden_one(data: str, rule: str, tmp_path: Path) -> None:
    before, now = golden(data, rule).read_text(encoding="utf-8"), text_of(data, rule, tmp_path)
    if before != now:
        pytest.fail(f"{differences(before, now)}\n\nif this is meant: python -m tests.golden.make", pytrace=False)


def test_the_golden_results_hold_what_they_are_to_guard() -> None:
    """Partial fills, both kinds of fees, funding, costs, gaps, bars without volume, and refusals of many codes."""
    files = [json.loads(golden(data, rule).read_text(encoding="utf-8")) for data, rule in CASES]
    rows = [row for file in files for row in file["results"].values()]
    codes = {code for row in rows for code in row["rejections"]}
    assert {"cooldown", "throttled", "price_collar", "weekly_loss", "reward_risk_too_low", "venue_rejected"} <= codes
    assert any(row["fills"]["maker"] and row["fills"]["taker"] for row in rows)
    assert any(sum(row["fills"].values()) > 2 * sum(row["orders"].values()) for row in rows)
    assert any(Decimal(row["funding"]) for row in rows)
    assert {rule.fill.market for rule in RULES.values()} == {"next_open", "same_close", "next_close"}
    assert all(market(name).odd for name in MADE)
    assert {path.name for path in RESULTS.iterdir()} == {golden(*case).name for case in CASES}


def test_bar_by_bar_gives_the_golden_numbers_too(tmp_path: Path) -> None:
    data, rule, strategy = ONE
    rows = json.loads(golden(data, rule).read_text(encoding="utf-8"))["results"]
    assert kept(run(data, rule, strategy, tmp_path, "realistic")) == rows[strategy]


def test_a_hash_seed_or_a_time_zone_changes_no_digit(tmp_path: Path) -> None:
    data, rule, strategy = ONE
    code = ALONE.format(folder=str(Path(__file__).parent), data=data, rule=rule, strategy=strategy, place=str(tmp_path))
    jobs = []
    for seed, zone in (("0", "Pacific/Apia"), ("4242", "Asia/Kolkata")):
        told = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        command = [sys.executable, "-c", code]
        jobs.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=told, cwd=Path(__file__).parents[2]))
    expected = json.loads(golden(data, rule).read_text(encoding="utf-8"))["results"][strategy]
    for job in jobs:
        said, _ = job.communicate(timeout=60)
        assert json.loads(said) == expected


def test_one_thousandth_of_a_percent_of_the_fee_is_seen_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dearer = msgspec.structs.replace(COIN, taker_fee=COIN.taker_fee + Decimal("0.00001"))
    monkeypatch.setattr("golden_cases.COIN", dearer)
    data, rule, strategy = ONE
    before = json.loads(golden(data, rule).read_text(encoding="utf-8"))["results"][strategy]
    now = kept(run(data, rule, strategy, tmp_path))
    said = differences(json.dumps(before, indent=1), json.dumps(now, indent=1))
    assert f'-  "fees": "{before["fees"]}"'.replace("  ", " ") in said
    assert f'+ "fees": "{now["fees"]}"' in said
    assert '"orders"' not in "".join(line for line in said.splitlines() if line.startswith("+"))
