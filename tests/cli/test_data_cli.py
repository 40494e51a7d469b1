"""`cockpit data`: what a person types, what is printed, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exchange_kit import START_MS, ScriptedMarket, exchange

from engine.data.contract import CandleError
from engine.data.load import candles_from
from engine.data.store import Store
from engine.model.market import MINUTE_NS, Candle
from engine.ops.paths import Home

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
T0 = 1_704_067_200_000_000_000


def cockpit(home: Path, *args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_STATE_HOME": f"{home.parent}", "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    argv = [sys.executable, "-m", "cockpit", "--home", f"{home}", "data", *map(str, args)]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL, check=False, cwd=cwd
    )


def csv(path: Path, count: int = 2_880, without: tuple[int, ...] = ()) -> Path:
    rows = [f"{T0 // 10**6 + n * 60_000},100,{101 + n % 3},99,100.5,{n % 7}" for n in range(count) if n not in without]
    path.write_text("\n".join(["open_time,open,high,low,close,volume", *rows]))
    return path


def test_import_list_check_and_export_go_together(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = cockpit(home, "import", csv(tmp_path / "btcusdt.csv", without=(700, 701)), "--venue", "bitunix")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "btcusdt.csv → bitunix/BTCUSDT: 2,878 candles, 2024-01-01 00:00 to 2024-01-02 23:59",
        "  2,878 new, 0 known, 1 gap of 2 minutes together",
    ]
    listed = cockpit(home, "list").stdout.splitlines()
    assert listed[1].split()[:7] == ["bitunix/BTCUSDT", "2,878", "2024-01-01", "00:00", "2024-01-02", "23:59", "1"]
    assert json.loads(cockpit(home, "list", "--json").stdout)[0]["missing"] == 2
    checked = cockpit(home, "check")
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        "bitunix/BTCUSDT  ✓ 2,878 candles as they were written, 1 gap of 2 minutes together",
        "  · gap 2024-01-01 11:40 to 2024-01-01 11:42: 2 minutes",
    ]
    out = tmp_path / "day.csv"
    exported = cockpit(home, "export", "BTCUSDT", "--interval", "1d", "--out", out)
    assert exported.stderr == f"{out}: 1 1d candle, 1 incomplete one left out (--partial keeps them)\n"
    assert out.read_text().splitlines()[1].startswith("2024-01-02T00:00:00Z,100.0,103.0,99.0,100.5,")
    whole = cockpit(home, "export", "BTCUSDT", cwd=tmp_path)
    assert (whole.returncode, (tmp_path / "BTCUSDT-1m.csv").exists()) == (0, True)
    assert "exists already" in cockpit(home, "export", "BTCUSDT", cwd=tmp_path).stderr
    again = cockpit(home, "import", tmp_path / "BTCUSDT-1m.csv", "--venue", "bitunix")
    assert "0 new, 2,878 known" in again.stdout


def test_check_ends_with_1_and_names_the_file_when_a_bit_has_rotted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cockpit(home, "import", csv(tmp_path / "btcusdt.csv"))
    month = home / "data" / "file" / "BTCUSDT" / "2024-01.parquet"
    raw = bytearray(month.read_bytes())
    raw[500] ^= 1
    month.write_bytes(raw)
    done = cockpit(home, "check")
    assert done.returncode == 1
    assert "  ✕ 2024-01: 2024-01.parquet is not as it was written (SHA-256)" in done.stdout.splitlines()
    assert json.loads(cockpit(home, "check", "--json").stdout)[0]["problems"][0]["month"] == "2024-01"
    refused = cockpit(home, "export", "BTCUSDT", "-o", "-")
    assert (refused.returncode, refused.stdout) == (7, "")
    assert "is not as it was written" in refused.stderr


def test_a_recording_is_imported_and_back_tests(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = cockpit(home, "import", RECORDED, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["symbol"] == "BTCUSDT"
    assert found["rows"] == len(candles_from("BTCUSDT", Home(home)).candles) > 100
    assert cockpit(home, "check").returncode == 0


async def test_fetch_loads_the_history_of_an_exchange_and_goes_on_later(tmp_path: Path) -> None:
    home, market = tmp_path / "home", ScriptedMarket(bars=450)
    begin, end = "2025-12-31T17:00", "2025-12-31T22:00"
    async with exchange(market) as client:

        async def fetch(*args: str) -> subprocess.CompletedProcess[str]:
            argv = ("fetch", "btcusdt", "--rest", client.running.rest, *args)
            return await asyncio.to_thread(cockpit, home, *argv)

        done = await fetch("--from", begin, "--to", end)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "simulated/BTCUSDT: 300 candles new; the store ends at 2025-12-31 21:59\n"
        again = await fetch("--to", "2026-01-01", "--json")
        assert json.loads(again.stdout) == {"simulated/BTCUSDT": {"asked": 120, "added": 120}}
        assert (await fetch("--to", "2026-01-01")).stdout == "simulated/BTCUSDT: nothing is missing\n"
    assert Store(home / "data").read("simulated", "BTCUSDT") == market.history()[30:]
    assert market.history()[-1].open_time == START_MS * 10**6 - MINUTE_NS


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["import", "no.csv"], "there is no such file"),
        (["import", "."], "it is a folder"),
        (["import", "bad.csv"], "row 2: open is 'x\\x1b', not a number"),
        (["import", "btcusdt.csv", "--venue", "../x"], "'../x' is no name of a venue"),
        (["import", "btcusdt.csv", "--symbol", "\x1b[2J"], r"'\x1b[2J' is no name of a symbol"),
        (["fetch", "BTCUSDT"], "say where to begin"),
        (["fetch", "BTCUSDT", "--from", "soon"], "'soon' is no moment"),
        (["fetch", "BTCUSDT", "--from", "2024-01-02", "--to", "2024-01-01"], "is not before --to"),
        (["fetch", "BTCUSDT", "--from", "-1d", "--rest", "http://example.com"], "not one of the venue's hosts"),
        (["fetch", "BTCUSDT", "--from", "-1d", "--rest", "file:///etc/passwd"], "must begin with https://"),
        (["fetch", "../../BTCUSDT", "--from", "-1d"], "is no name of a symbol"),
        (["check", "BTCUSDT"], "there is no series 'BTCUSDT'"),
        (["export", "BTCUSDT"], "the store is empty"),
        (["export", "a/b/c"], "is no name of a venue"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_line_and_a_hint(tmp_path: Path, args: list[str], says: str) -> None:
    csv(tmp_path / "btcusdt.csv", 5)
    (tmp_path / "bad.csv").write_text("open_time,open,high,low,close,volume\n1704067200000,x\x1b,1,1,1,1\n")
    more = ["--symbol", "BTCUSDT"] if args[1] == "bad.csv" else []
    done = cockpit(tmp_path / "home", *args, *more, cwd=tmp_path)
    assert done.returncode not in {0, None}
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not any(ord(char) < 32 and char != "\n" for char in done.stdout + done.stderr)
    assert not (tmp_path / "home" / "data").exists()


def test_an_empty_store_is_no_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "no candles yet" in cockpit(home, "list").stdout
    assert cockpit(home, "check").returncode == 0
    with pytest.raises(CandleError):
        candles_from("BTCUSDT", Home(home))


def test_the_store_keeps_what_is_there_when_a_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cockpit(home, "import", csv(tmp_path / "btcusdt.csv", 10))
    other = tmp_path / "btcusdt-2.csv"
    other.write_text(csv(tmp_path / "x.csv", 20).read_text().replace(",100,", ",100.25,"))
    done = cockpit(home, "import", other)
    assert done.returncode == 7
    assert "10 minutes are in the store already with other values, the first at 2024-01-01 00:00" in done.stderr
    assert len(Store(home / "data").read("file", "BTCUSDT")) == 10
    done = cockpit(home, "import", other, "--replace")
    assert "10 new, 0 known, 10 replaced, no gaps" in done.stdout
    assert Store(home / "data").read("file", "BTCUSDT")[0] == Candle(T0, 100.25, 101.0, 99.0, 100.5, 0.0)
