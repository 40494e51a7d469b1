"""``cockpit backtest`` as a person uses it: one process from options to files, and its recording opened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

COCKPIT = [sys.executable, "-m", "cockpit"]
T0 = 1_700_006_400
Made = tuple[Path, Path, dict[str, Any], str]
"""A home, the data, what --json said, and what was said of the same run again."""


def candles(path: Path, count: int = 2_500) -> Path:
    chance, close = random.Random(2), 42_000.0
    rows = ["time,open,high,low,close,volume"]
    for n in range(count):
        open_, close = close, round(close * (1 + chance.gauss(0, 0.001)), 2)
        high, low = max(open_, close) + 5, min(open_, close) - 5
        rows.append(f"{T0 + 60 * n},{open_},{high:.2f},{low:.2f},{close},{chance.uniform(1, 9):.3f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def cockpit(*args: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COCKPIT, *map(str, args), "--home", str(home)],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A home with one run in it, its data, what --json said, and what a second run said to a person."""
    folder = tmp_path_factory.mktemp("backtest")
    data, home = candles(folder / "btcusdt.csv"), folder / "home"
    ask = ("backtest", "--strategy", "ma_cross", "--param", "fast=8", "--data", data, "--set", "risk.order_spacing_s=0")
    first = cockpit(*ask, "--json", home=home)
    assert first.returncode == 0, first.stderr
    second = cockpit(*ask, home=home)
    assert second.returncode == 0, second.stderr
    return home, data, json.loads(first.stdout), second.stdout


def test_the_result_is_printed_with_its_rule_its_fingerprints_and_its_files(made: Made) -> None:
    home, _, found, said = made
    for part in (
        "Sharpe", "Max drawdown", "Profit factor", "Refused",
        "A market order decided on a closed candle fills at the open of the next one.",
        f"run        {found['run_id']}", str(found["config_hash"]), str(found["data_hash"]),
        f"{home}/backtests/{found['run_id']}: trades.csv, report.html, result.json",
        f"cockpit replay backtest-ma_cross-{found['run_id']}",
    ):  # fmt: skip
        assert part in said


def test_the_same_command_twice_is_the_same_run(made: Made) -> None:
    *_, found, said = made
    assert not found["again"]
    assert "made before: same numbers" in said


def test_json_is_what_the_result_file_holds(made: Made) -> None:
    home, _, found, _ = made
    kept = json.loads((home / "backtests" / found["run_id"] / "result.json").read_text())
    assert {name: found[name] for name in kept} == kept
    assert kept["config"]["strategies"][0]["params"]["fast"] == 8
    assert [Path(file).name for file in found["files"]] == ["trades.csv", "report.html", "result.json"]


def test_a_backtest_is_among_the_sessions_but_is_never_the_last_one(made: Made, tmp_path: Path) -> None:
    home, _, found, _ = made
    listed = json.loads(cockpit("sessions", "--json", home=home).stdout)
    assert [(row["mode"], row["ending"], row["name"]) for row in listed] == [
        ("BACKTEST", "clean", f"backtest-ma_cross-{found['run_id']}.cockpit")
    ]
    own = tmp_path / "own"
    (own / "sessions").mkdir(parents=True, mode=0o700)
    lived = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
    (own / "sessions" / "lived.cockpit").write_bytes(lived.read_bytes())
    (own / "sessions" / listed[0]["name"]).write_bytes((home / "sessions" / listed[0]["name"]).read_bytes())
    assert "lived.cockpit" in cockpit("replay", "last", "--headless", home=own).stdout


def test_its_recording_opens_with_the_candles_of_the_run(made: Made) -> None:
    home, _, found, _ = made
    done = cockpit("replay", "backtest", "--headless", "--until", "50%", "--dump-state", home=home)
    state = json.loads(done.stdout)
    shown = state["markets"]["BTCUSDT"]["candles"]
    assert len(shown) == 1_250
    assert shown[-1][0] == (T0 + 60 * 1_249) * 1_000_000_000
    end = json.loads(cockpit("replay", "backtest", "--headless", "--dump-state", home=home).stdout)
    assert len(end["markets"]["BTCUSDT"]["candles"]) == 2_500
    assert end["trades_total"] == found["counts"]["trades"]


def test_it_is_verified_and_exported_with_the_candles_that_it_refers_to(made: Made) -> None:
    home, _, found, _ = made
    done = cockpit("verify", "backtest", home=home)
    assert done.returncode == 0, done.stdout
    assert "all the same" in done.stdout
    exported = cockpit("export", "backtest", "--what", "candles", "-f", "csv", "-o", "-", home=home).stdout.splitlines()
    assert len(exported) == 2_501
    exported = cockpit("export", "backtest", "--what", "trades", "-f", "csv", "-o", "-", home=home).stdout.splitlines()
    assert len(exported) == found["counts"]["trades"] + 1


def test_without_its_data_it_opens_without_candles_and_says_so(made: Made, tmp_path: Path) -> None:
    home, data, *_ = made
    recording = next((home / "sessions").glob("backtest-*.cockpit"))
    text = data.read_text()
    try:
        data.write_text(text.replace("42000.0,", "42000.5,", 1))
        changed = cockpit("replay", recording, "--headless", home=tmp_path)
        data.unlink()
        missing = cockpit("replay", recording, "--headless", home=tmp_path)
        unverified = cockpit("verify", recording, home=tmp_path)
    finally:
        data.write_text(text)
    assert changed.returncode == missing.returncode == 0
    assert "no longer holds those of the run (SHA-256" in changed.stdout
    assert "without candles" in missing.stdout
    assert unverified.returncode == 1
    assert "without candles" in unverified.stderr
    assert "there is no such file" in missing.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--strategy", "sweap", "--data", "x.csv"), 2, "did you mean sweep?"),
        (("--data", "x.csv"), 2, "ma_cross, ribbon"),
        (("--strategy", "sweep"), 2, "--data: which candles?"),
        (("--strategy", "sweep", "--data", "nix.csv"), 7, "there is no such file"),
        (("--strategy", "sweep", "--data", "BAD"), 7, "row 3"),
        (("--strategy", "sweep", "--data", "GOOD", "--from", "2030-01-01"), 7, "there are no candles from 2030-01-01"),
        (("--strategy", "sweep", "--data", "GOOD", "--cash", "-5"), 2, "--cash"),
        (("--strategy", "sweep", "--data", "GOOD", "--fidelity", "fats"), 2, "fast"),
        (("--strategy", "sweep", "--data", "GOOD", "--funding", "BAD"), 7, "there is no column for the rate"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(
    made: Made,
    tmp_path: Path,
    args: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("time,open,high,low,close,volume\n1700006400,1,2,1,1,1\n1700006460,1,0.5,1,1,1\n")
    done = cockpit("backtest", *({"BAD": bad, "GOOD": made[1]}.get(arg, arg) for arg in args), home=tmp_path / "home")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(os.name == "nt", reason="signals are a Unix thing")
def test_ctrl_c_ends_it_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    data, home = candles(tmp_path / "btcusdt.csv", 60_000), tmp_path / "home"
    command = [
        *COCKPIT,
        "backtest",
        "--strategy",
        "ma_cross",
        "--data",
        str(data),
        "--home",
        str(home),
        "--fidelity",
        "realistic",
    ]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 30
    while not list(home.glob("sessions/.backtest-*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    out, said = run.communicate(timeout=30)
    assert run.returncode == 130, said
    assert (out, said) == ("", "cockpit: interrupted; nothing was written\n")
    assert [path for path in home.rglob("*") if path.is_file()] == []
