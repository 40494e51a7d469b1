"""Recordings from the command line: list, open, verify, export; and a real terminal in which one is dragged through."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent.parent / "recordings" / "schema1.cockpit"
COCKPIT = [sys.executable, "-m", "cockpit.cli"]


def home_of(folder: Path, *names: str) -> Path:
    home = folder / "home"
    (home / "sessions").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    for name in names:
        (home / "sessions" / f"{name}.cockpit").write_bytes(RECORDED.read_bytes())
    return home


def cockpit(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COCKPIT, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


# --- sessions ---------------------------------------------------------------------------------------------------


def test_sessions_lists_what_there_is_as_a_table_and_as_json(tmp_path: Path) -> None:
    home = home_of(tmp_path, "one", "two")
    (home / "sessions" / "broken.cockpit").write_bytes(b"SQLite format 3\0" + b"x" * 2_000)
    table = cockpit("sessions", "--home", home).stdout
    assert "net PnL" in table.splitlines()[0]
    assert "-37.09 USDT" in table
    assert "? unreadable" in table
    rows = json.loads(cockpit("sessions", "--home", home, "--json").stdout)
    assert sorted(row["name"] for row in rows) == ["broken.cockpit", "one.cockpit", "two.cockpit"]
    assert {row["ending"] for row in rows} == {"clean", "unreadable"}


def test_no_session_yet_is_no_error(tmp_path: Path) -> None:
    done = cockpit("sessions", "--home", home_of(tmp_path))
    assert done.returncode == 0
    assert "nothing has been recorded yet" in done.stdout


# --- which recording --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["last", "20261120-a", "20261120-a.cockpit", "20261120"])
def test_a_recording_has_many_names(tmp_path: Path, name: str) -> None:
    home = home_of(tmp_path, "20261120-a")
    done = cockpit("replay", name, "--home", home, "--headless")
    assert done.returncode == 0, done.stderr
    assert "#599 of 599" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nix",), "there is no recording 'nix'"),
        (("2026",), "2 recordings begin with '2026'"),
        (("2026-a", "--headless", "--until", "soon"), "is no place in a recording"),
        (("2026-a", "--until", "50%"), "--until goes with --headless"),
        (("2026-a",), "the screen needs a terminal"),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_line(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    done = cockpit("replay", *args, "--home", home_of(tmp_path, "2026-a", "2026-b"))
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(200), RECORDED.read_bytes()[:5_000]])
@pytest.mark.parametrize(
    "command", [("replay", "--headless"), ("verify",), ("export", "-o", "-"), ("export", "-f", "svg", "-o", "-")]
)
def test_a_foreign_or_damaged_file_is_refused_or_read_as_far_as_it_goes(
    tmp_path: Path, content: bytes, command: tuple[str, ...]
) -> None:
    path = tmp_path / "x.cockpit"
    path.write_bytes(content)
    done = cockpit(command[0], path, *command[1:], "--home", home_of(tmp_path))
    assert done.returncode in (0, 1, 6), done.stderr
    assert done.stderr.startswith("cockpit: ") or done.returncode == 0


# --- without a screen -------------------------------------------------------------------------------------------


def test_the_state_at_a_moment_as_json(tmp_path: Path) -> None:
    done = cockpit("replay", RECORDED, "--headless", "--until", "#510", "--dump-state", "--home", home_of(tmp_path))
    state = json.loads(done.stdout)
    assert state["seq"] == 510
    assert state["positions"]["BTCUSDT"]["qty"] == "0.2638"


def test_verify_says_that_all_is_the_same(tmp_path: Path) -> None:
    done = cockpit("verify", RECORDED, "--home", home_of(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "all the same" in done.stdout
    found = json.loads(cockpit("verify", RECORDED, "--json", "--home", home_of(tmp_path / "two")).stdout)
    assert found["same"]
    assert found["differences"] == []


def test_a_difference_is_shown_as_a_diff_and_ends_with_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cockpit.commands import recordings
    from engine.replay import verify as module

    honest = module.trader_of

    def stricter(config: module.Config) -> object:
        config.profile.risk.cooldown_s = 3_600
        return honest(config)

    monkeypatch.setattr(module, "trader_of", stricter)
    assert recordings.print_verdict(RECORDED, as_json=False) == 1
    out = capsys.readouterr().out
    assert re.search(r"^@@ #\d+ \w+ @@$", out, re.M)
    assert re.search(r"^- ", out, re.M)
    assert re.search(r"^\+ ", out, re.M)
    assert "DIFFER" in out


@pytest.mark.parametrize(
    ("what", "count", "columns"),
    [
        ("events", 599, {"seq", "t", "time", "kind", "data"}),
        ("trades", 2, {"entry_ts", "exit_ts", "pnl", "exit_why"}),
        ("fills", 8, {"seq", "time", "price", "fee"}),
        ("orders", 1, {"client_id", "status", "filled"}),
        ("equity", 2, {"time", "equity"}),
        ("candles", 24, {"time", "open", "close"}),
    ],
)
def test_export_as_csv_and_json_lines(tmp_path: Path, what: str, count: int, columns: set[str]) -> None:
    home = home_of(tmp_path)
    out = tmp_path / "out.csv"
    assert cockpit("export", RECORDED, "-f", "csv", "--what", what, "-o", out, "--home", home).returncode == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == count if what in ("events", "trades", "fills") else len(rows) >= count
    assert columns <= set(rows[0])
    lines = cockpit("export", RECORDED, "-f", "jsonl", "--what", what, "-o", "-", "--home", home).stdout.splitlines()
    assert len(lines) == len(rows)
    assert columns <= set(json.loads(lines[0]))


def test_nothing_after_the_moment_is_exported(tmp_path: Path) -> None:
    done = cockpit("export", RECORDED, "--what", "trades", "--at", "#200", "-o", "-", "--home", home_of(tmp_path))
    assert len(done.stdout.splitlines()) == 1


def test_the_screen_at_an_instant_as_svg(tmp_path: Path) -> None:
    out = tmp_path / "screen.svg"
    done = cockpit("export", RECORDED, "-f", "svg", "--at", "#510", "-o", out, "--home", home_of(tmp_path))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert text.startswith("<svg")
    assert "0.2638" in text
    assert "REPLAY" in text


def test_an_existing_file_stays_unless_it_is_named(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    (tmp_path / "schema1.state.json").write_text("mine")
    assert "exists already" in cockpit("export", RECORDED, "-f", "state", "--home", home, cwd=tmp_path).stderr
    assert (tmp_path / "schema1.state.json").read_text() == "mine"


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.commands import export
    from engine.model.errors import CockpitError

    for name in ("pyarrow", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CockpitError, match="Parquet cannot be written") as error:
        export.to_parquet([], tmp_path / "x.parquet")
    assert "cockpit[parquet]" in error.value.hint


def test_parquet_has_the_rows(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    from cockpit.commands import export

    assert export.run(RECORDED, "parquet", "fills", "", str(tmp_path / "x.parquet"), None) == 0
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 8


# --- in a terminal ----------------------------------------------------------------------------------------------


def test_a_recording_is_dragged_through_stepped_and_left(tmp_path: Path) -> None:
    pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")
    from bench.terminal import Terminal

    home = home_of(tmp_path, "demo")
    before = (home / "sessions" / "demo.cockpit").read_bytes()
    with Terminal([*COCKPIT, "replay", "last", "--home", str(home)], 160, 45) as terminal:
        terminal.wait_for("#599 of 599", 30)
        row = next(n for n, line in enumerate(terminal.lines, 1) if "#599 of" in line)
        terminal.press(f"\x1b[<0;88;{row}M")
        for x in range(86, 58, -2):
            terminal.press(f"\x1b[<32;{x};{row}M")
        terminal.press(f"\x1b[<0;60;{row}m")
        terminal.wait_for(lambda text: (n := place(text)) and 30 < n < 400, 10)
        seq = place(terminal.text)
        terminal.press(".")
        terminal.wait_for(f"#{seq + 1} of 599")
        terminal.press(",", ",")
        terminal.wait_for(f"#{seq - 1} of 599")
        terminal.press("q")
        assert terminal.ended() == 0
    assert (home / "sessions" / "demo.cockpit").read_bytes() == before


def place(text: str) -> int:
    found = re.search(r"#([\d,]+) of 599", text)
    return int(found[1].replace(",", "")) if found else 0


def test_the_list_opens_a_recording_and_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("pty", reason="pseudo-terminals are a Unix thing")
    from bench.terminal import Terminal

    home = home_of(tmp_path, "demo", "other")
    with Terminal([*COCKPIT, "sessions", "--home", str(home)], 120, 36) as terminal:
        terminal.wait_for("SESSIONS 2", 30)
        terminal.press("/", *"other", "enter")
        terminal.wait_for("SESSIONS 1")
        terminal.press("r")
        terminal.wait_for("Name of")
        terminal.press(*"mine", "enter")
        terminal.wait_for(lambda text: "mine" in text and "Name of" not in text)
        terminal.press("enter")
        terminal.wait_for("REPLAY other", 20)
        terminal.press("q")
        terminal.wait_for("SESSIONS 2", 20)
        terminal.press("D")
        terminal.wait_for("for good")
        terminal.press(*"DELETE", "enter")
        terminal.wait_for("SESSIONS 1", 10)
        terminal.press("q")
        assert terminal.ended() == 0
    assert len(list((home / "sessions").glob("*.cockpit"))) == 1
