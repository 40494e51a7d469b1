"""`cockpit sweep`: a table, JSON, one-line errors, a stop that loses nothing, and a list of what there is."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = "open_time,open,high,low,close,volume\n"
BASE = ("-s", "ma_cross", "--grid", "fast=5,10,40", "--grid", "slow=20,30", "--jobs", "1")


def command(home: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "cockpit", "sweep", *args, "--home", str(home)]


def run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(home, *args), capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
        env=environ(home),
    )  # fmt: skip


def environ(home: Path) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(home / "xdg"), "XDG_STATE_HOME": str(home / "xdg"), "HOME": str(home)}


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six days of a walk in dollars."""
    chance, close, rows = random.Random(2), 42_000.0, []
    for n in range(6 * 1_440):
        open_, close = close, round(close * (1 + chance.gauss(0, 0.0008)), 2)
        high, low = max(open_, close) + 3, min(open_, close) - 3
        rows.append(f"{1_700_006_400_000 + n * 60_000},{open_},{high:.2f},{low:.2f},{close},12.5\n")
    path = tmp_path_factory.mktemp("data") / "btcusdt-1m.csv"
    path.write_text(HEAD + "".join(rows))
    return path


@pytest.fixture(scope="module")
def home(candles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one finished sweep."""
    place = tmp_path_factory.mktemp("home")
    done = run(place, *BASE, "-d", str(candles), "--to", "2023-11-18", "--name", "mine", "--monte-carlo", "50")
    assert done.returncode == 0, done.stderr
    assert "mine: ma_cross on BTCUSDT, 4 runs, 2 points refused by the strategy" in done.stdout
    assert "4 trials" in done.stdout
    assert "Monte Carlo, 50 times" in done.stdout
    assert "1 workers" in done.stdout or "1 worker" in done.stdout
    return place


def test_a_finished_sweep_is_not_run_again_and_says_so(home: Path, candles: Path) -> None:
    done = run(home, *BASE, "-d", str(candles), "--to", "2023-11-18", "--name", "mine")
    assert done.returncode == 0
    assert done.stdout.startswith("mine is finished: nothing was run")
    assert "Monte Carlo, 50 times" in done.stdout


def test_a_point_is_repeated_by_its_command_to_the_last_digit(home: Path) -> None:
    shown = json.loads(run(home, "show", "mine", "--json").stdout)
    point = shown["points"][0]
    words = point["command"].split()
    assert words[:2] == ["cockpit", "backtest"]
    done = subprocess.run(
        [sys.executable, "-m", *words, "--home", str(home), "--json", "--no-report"],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, env=environ(home),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert point["run_id"] in done.stdout
    assert point["config_hash"] in done.stdout


def test_json_has_all_points_the_refused_ones_and_the_judgement(home: Path) -> None:
    shown = json.loads(run(home, "show", "mi", "--json").stdout)
    assert shown["counts"] == {"done": 4}
    assert [bad["params"] for bad in shown["invalid"]] == [{"fast": 40, "slow": 20}, {"fast": 40, "slow": 30}]
    assert shown["finished"] is True
    assert shown["overfitting"]["trials"] == 4
    assert shown["monte_carlo"]["runs"] == 50
    values = [p["figures"]["sharpe"] for p in shown["points"]]
    assert values == sorted(values, reverse=True)


def test_another_order_can_be_asked_for(home: Path) -> None:
    shown = json.loads(run(home, "show", "mine", "--objective", "pnl", "--json").stdout)
    values = [float(p["pnl"]) for p in shown["points"]]
    assert values == sorted(values, reverse=True)


def test_the_list_names_what_there_is(home: Path) -> None:
    assert "mine  ma_cross  BTCUSDT  grid    finished" in run(home, "list").stdout
    assert json.loads(run(home, "list", "--json").stdout)[0]["name"] == "mine"


def test_a_walk_forward_prints_both_sides_and_the_joined_windows(candles: Path, tmp_path: Path) -> None:
    done = run(
        tmp_path,
        *BASE,
        "-d",
        str(candles),
        "--walk-forward",
        "train=3d,test=1d",
        "--to",
        "2023-11-20",
        "--name",
        "f",
        "--objective",
        "pnl",
    )
    assert done.returncode == 0, done.stderr
    assert "net profit in  net profit out" in done.stdout
    assert "OUT OF SAMPLE, 2 windows joined" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--strategy and --data are needed"),
        (("-s", "ma_cros", "-d", "x.csv", "--grid", "fast=1,2"), "did you mean"),
        (("-s", "ma_cross", "--grid", "fast=1,2"), "--data"),
        (("-s", "ma_cross", "-d", "nowhere.csv", "--grid", "fast=1,2"), "no such file"),
        (("-s", "ma_cross", "-d", "DATA"), "--grid"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fsat=1,2"), "did you mean 'fast'"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1:2"), "from, to and step"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--objective", "luck"), "unknown objective"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--walk-forward", "train=9w,test=1w"), "shorter than"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--name", "../x"), "no name for a sweep"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--set", "risk.nope=1"), "unknown setting"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--cluster", "nowhere"), "no address"),
        (("-s", "ma_cross", "-d", "DATA", "--grid", "fast=1,2", "--from", "soon"), "no moment"),
        (("show", "nothing"), "no such sweep"),
        (("show",), "no sweep yet"),
        (("show", "\x1b[2J"), "no name for a sweep"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    args: tuple[str, ...], words: str, candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from cockpit.cli import main

    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    typed = [str(candles) if a == "DATA" else a for a in args]
    monkeypatch.setattr(sys, "argv", ["cockpit", "sweep", *typed, "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        main()
    error = capsys.readouterr().err
    assert caught.value.code not in (0, 130)
    assert words in error
    assert "\x1b" not in error
    assert len(error.strip().splitlines()) <= 2
    assert not list(tmp_path.glob("sweeps/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_what_is_done_and_resume_goes_on(candles: Path, tmp_path: Path, number: signal.Signals) -> None:
    grid = ("--grid", "fast=2:12:2", "--grid", "slow=30:60:10")
    args = ("-s", "ma_cross", "-d", str(candles), "--to", "2023-11-17", *grid, "-j", "2", "--name", "long")
    process = subprocess.Popen(
        command(tmp_path, *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environ(tmp_path),
    )
    file, kept = tmp_path / "sweeps" / "long.sqlite", 0
    deadline = time.monotonic() + 60
    while kept < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
        kept = rows(file)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "stopped: " in err
    assert "--resume" in err
    assert "Traceback" not in err
    assert out == ""
    kept = rows(file)
    assert 3 <= kept < 24
    refused = run(tmp_path, *args)
    assert "is not finished" in refused.stderr
    done = run(tmp_path, *args, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"done": 24}


def rows(file: Path) -> int:
    import sqlite3

    if not file.exists():
        return 0
    try:
        db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return int(db.execute("SELECT COUNT(*) FROM points").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error:
        return 0
