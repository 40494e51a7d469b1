"""``cockpit status``, ``doctor`` and ``equity`` as a person and a monitor meet them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from desk import profile
from typer.testing import CliRunner, Result

from cockpit.cli import app
from cockpit.commands.equity import fill_in, sparkline, table
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.settings import WatchSettings
from engine.ops import equity_book, running
from engine.ops.config import as_json, load
from engine.ops.paths import Home, home
from engine.session import latch

SHELL = CliRunner()
SECOND = 1_000_000_000
NAME = "20260101-000000-abcd"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return home(tmp_path / "home", {})


@asynccontextmanager
async def recorded(place: Home, name: str = NAME, age_s: float = 60.0) -> AsyncIterator[tuple[Journal, int]]:
    """A session with a funded account whose last event is ``age_s`` old; the journal, and when that was."""
    t = time.time_ns() - int(age_s * SECOND)
    journal = Journal.create(place.sessions / f"{name}.cockpit")
    config = as_json(load("demo", place))
    for event in (
        ev.SessionStarted(t - 10 * SECOND, name, "demo", "DEMO", "bitunix", "1", 1, config, "c1", "acc0"),
        ev.AccountReport(t - 9 * SECOND, "USDT", Decimal(1000), Decimal(1000), Decimal(0), Decimal(0)),
        ev.LinkReport(t - 9 * SECOND, "private", "up", 1.5),
        ev.Clock(t, 0.2, 0.1),
    ):
        journal.append(event)
    yield journal, t
    await journal.close()


def run_file(place: Home, pid: int, name: str = NAME, beat_age_s: float = 0.0) -> None:
    run = running.RunFile(
        session=name, pid=pid, born=running.born(pid), started_t=1, profile="demo", mode="DEMO", symbols=["BTCUSDT"],
        venue=profile().venue, watch=WatchSettings(),
    )  # fmt: skip
    running.save(place, run)
    steady = running.steady_ns() - int(beat_age_s * SECOND)
    running.beat(place, name, running.Beat(time.time_ns(), steady, 0.1, 80.0, "ACTIVE", 0, 0))


def ask(place: Home, *words: str) -> tuple[int, Any]:
    done = SHELL.invoke(app, [*words, "--home", str(place.root), "--json"])
    assert done.stdout.strip(), done
    return done.exit_code, json.loads(done.stdout)


def said(place: Home, *words: str) -> Result:
    return SHELL.invoke(app, [*words, "--home", str(place.root)])


# --- status ------------------------------------------------------------------------------------------------------------


async def test_a_session_that_runs_is_ok_while_its_journal_is_written(place: Home) -> None:
    async with recorded(place, age_s=0.1) as (journal, _):
        await journal.durable(journal.seq)
        run_file(place, os.getpid())
        code, found = ask(place, "status")
    assert (code, found["verdict"], found["life"], found["pid"]) == (0, "ok", "running", os.getpid())
    assert (found["equity"], found["day_pnl"], found["trading"]["state"]) == (1000.0, 0.0, "ACTIVE")
    assert found["links"][0]["latency_ms"] == 1.5
    assert found["limits"][0] == {"name": "daily loss", "used": 0.0, "limit": 5.0, "unit": "%"}


async def test_a_session_that_ended_in_order_is_ok_and_one_that_did_not_is_dead(place: Home) -> None:
    async with recorded(place):
        pass
    code, found = ask(place, "status", NAME)
    assert (code, found["verdict"], found["life"]) == (3, "dead", "gone")
    async with recorded(place, "20260101-000001-abcd") as (journal, t):
        journal.append(ev.SessionEnded(t, "duration is over", True))
    code, found = ask(place, "status", "last")
    assert (code, found["life"], found["ended"]) == (0, "ended", "duration is over")
    assert "ended 60 s ago" in said(place, "status").stdout


async def test_a_process_that_does_not_move_is_critical(place: Home) -> None:
    async with recorded(place, age_s=0.1) as (journal, _):
        await journal.durable(journal.seq)
        run_file(place, os.getpid(), beat_age_s=30)
        code, found = ask(place, "status")
    assert (code, found["life"]) == (2, "hung")


async def test_a_process_that_is_gone_is_dead_at_once(place: Home) -> None:
    async with recorded(place, age_s=0.1) as (journal, _):
        await journal.durable(journal.seq)
        run_file(place, 2**22 - 3)
        code, found = ask(place, "status")
    assert (code, found["life"], found["pid"]) == (3, "gone", 0)


async def test_the_kill_switch_and_a_position_without_a_stop_are_told(place: Home) -> None:
    latch.trip(place.latch, "loss limit", "test", 1)
    async with recorded(place) as (journal, t):
        from engine.model.orders import Fill

        fill = Fill(t, "BTCUSDT", "t1", "v1", "", "BUY", Decimal("0.5"), Decimal(100), Decimal(0), False)
        journal.append(ev.FillReport(t, fill))
        journal.append(ev.SessionEnded(t, "over", True))
    code, found = ask(place, "status")
    texts = [reason["text"] for reason in found["reasons"]]
    assert code == 2
    assert texts[0] == "+0.5 BTCUSDT is left without a stop at the venue"
    assert "the kill switch is latched: loss limit" in texts
    assert "NO STOP" in said(place, "status").stdout


async def test_hostile_text_in_a_recording_does_not_reach_the_terminal(place: Home) -> None:
    async with recorded(place) as (journal, t):
        journal.append(ev.TradingChanged(t, "PAUSED", "\x1b]0;owned\x07\x1b[2J", "\x1b[31m"))
    assert "\x1b" not in said(place, "status").stdout
    assert "\x1b" not in said(place, "status", "--all").stdout


async def test_a_file_that_is_no_recording_is_dead_not_a_traceback(place: Home) -> None:
    (place.sessions / f"{NAME}.cockpit").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    code, found = ask(place, "status", NAME)
    assert (code, found["verdict"]) == (3, "dead")
    assert "cannot be read" in said(place, "status", NAME).stdout


async def test_all_is_judged_by_the_newest(place: Home) -> None:
    async with recorded(place):
        pass
    async with recorded(place, "20260102-000000-abcd", age_s=30) as (journal, t):
        journal.append(ev.SessionEnded(t, "over", True))
    code, found = ask(place, "status", "--all")
    assert code == 0
    assert [(row["session"], row["verdict"]) for row in found["sessions"]] == [
        ("20260102-000000-abcd", "ok"),
        (NAME, "dead"),
    ]


def test_nothing_recorded_is_said(place: Home) -> None:
    done = said(place, "status")
    assert done.exit_code == 1
    assert "nothing has been recorded" in str(done.exception)


async def test_watch_goes_on_until_it_is_interrupted_and_ends_with_the_verdict(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cockpit.commands import status

    async with recorded(place):
        pass
    rounds = []

    def nap(_: float) -> None:
        rounds.append(1)
        if len(rounds) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", nap)
    done = said(place, "status", "--watch")
    assert (done.exit_code, done.stdout.count("DEAD")) == (3, 2)


# --- doctor ------------------------------------------------------------------------------------------------------------


async def test_doctor_measures_and_says_what_it_could_not(place: Home) -> None:
    async with recorded(place) as (journal, t):
        journal.append(ev.SessionEnded(t, "over", True))
    _, found = ask(place, "doctor")
    rows = {row["name"]: row for row in found["checks"]}
    for name in (
        "python",
        "libraries",
        "home folder",
        "locks",
        "profile",
        "kill switch",
        "last session",
        "its journal",
    ):
        assert rows[name]["status"] == "ok", rows[name]
    for name in ("terminal", "clock"):
        assert rows[name]["status"] == "not checked"
        assert rows[name]["detail"]


async def test_doctor_fails_on_a_latch_a_bad_profile_and_a_damaged_journal(place: Home) -> None:
    async with recorded(place) as (journal, t):
        journal.append(ev.SessionEnded(t, "over", True))
    path = place.sessions / f"{NAME}.cockpit"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"USDT", b"USDX"))
    latch.trip(place.latch, "a person", "test", 1)
    (place.config / "mine.yaml").write_text("_extends: demo\nrisk:\n  max_leverage: many\n")
    code, found = ask(place, "doctor", "-p", "mine")
    status = {row["name"]: row["status"] for row in found["checks"]}
    assert code == 2
    assert (status["profile"], status["kill switch"], status["its journal"]) == ("fail", "fail", "fail")
    assert status["keys"] == "not checked"


def test_doctor_asks_no_venue_that_is_not_on_this_machine(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.commands import doctor

    def never(_: Any) -> Any:
        raise AssertionError("it was asked")

    monkeypatch.setattr(doctor, "_offset", never)
    _, found = ask(place, "doctor", "-p", "live")
    clock = next(row for row in found["checks"] if row["name"] == "clock")
    assert clock["status"] == "not checked"
    assert "--online" in clock["detail"]


def test_doctor_never_shows_a_key(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_API_KEY", "canary-key-1")
    monkeypatch.setenv("COCKPIT_API_SECRET", "canary-secret-2")
    done = said(place, "doctor", "-p", "live")
    assert "canary" not in done.output
    assert "✓ keys" in done.output
    assert os.environ["COCKPIT_API_KEY"] == "canary-key-1"


def test_doctor_makes_nothing(tmp_path: Path) -> None:
    done = said(Home(tmp_path / "none"), "doctor")
    assert done.exit_code in (0, 1)
    assert not (tmp_path / "none").exists()


# --- equity ------------------------------------------------------------------------------------------------------------


async def test_a_session_that_broke_off_gets_its_row_from_its_recording_once(place: Home) -> None:
    async with recorded(place, age_s=60) as (_, t):
        pass
    assert fill_in(place) == []
    (row,) = equity_book.read(place)
    assert (row.why, row.session, row.account, row.equity, row.t) == ("torn", NAME, "acc0", Decimal("1000.00"), t)
    assert fill_in(place) == []
    assert len(equity_book.read(place)) == 1
    code, found = ask(place, "equity")
    assert (code, found[0]["equity"]) == (0, "1000.00")
    assert "recording breaks off" in said(place, "equity").stdout


async def test_a_session_that_runs_gets_none(place: Home) -> None:
    async with recorded(place, age_s=30) as (journal, _):
        await journal.durable(journal.seq)
        run_file(place, os.getpid())
        assert ask(place, "equity") == (0, [])
    assert "no day is over yet" in said(place, "equity").stdout


def test_days_of_one_account_are_a_curve() -> None:
    def row(day: int, value: str) -> equity_book.Row:
        return equity_book.Row(
            date=f"2026-03-{day:02d}", time="", t=day, session=f"s{day}", profile="live", mode="LIVE", account="abcdef12",
            currency="USDT", equity=Decimal(value), wallet=Decimal(value), unrealised=Decimal(0), day_pnl=Decimal(-1),
            fees=Decimal(1), funding=Decimal(0), trades=1, why="midnight",
        )  # fmt: skip

    shown = table([row(1, "1000"), row(2, "1100"), row(3, "950.5")])
    assert shown[-1] == "LIVE live abcdef  ▃█▁  1,000.00 → 950.50 (low 950.50, high 1,100.00)"
    assert len(shown) == 6


def test_a_flat_curve_is_in_the_middle() -> None:
    assert sparkline([Decimal(5)] * 3) == "▄▄▄"
    assert sparkline([Decimal(1), Decimal(9)]) == "▁█"
