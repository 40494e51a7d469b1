"""Which file the last session is, what is read of a broken one, and how long that takes."""

from __future__ import annotations

import asyncio
import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest
from desk import SYMBOL, T0
from recovery_kit import ACCOUNT, STEPS, alive, floor, folded

from engine.journal import keyframe
from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.ops.paths import home
from engine.session import recover, start
from engine.session.session import Session

BY_NAME = {step.name: step for step in STEPS}


async def made(folder: Path, name: str, account: str = ACCOUNT, mode: str = "DEMO", *more: ev.Event) -> Path:
    path = folder / f"{name}.cockpit"
    journal = Journal.create(path)
    journal.append(ev.SessionStarted(T0, name, "test", mode, "test", "1", 1, "{}", f"c{name}", account))
    for event in more:
        journal.append(event)
    await journal.close()
    return path


async def test_the_last_session_is_the_newest_of_the_same_account_and_mode(tmp_path: Path) -> None:
    await made(tmp_path, "1")
    wanted = await made(tmp_path, "2")
    await made(tmp_path, "3", "another account")
    await made(tmp_path, "4", mode="LIVE")
    await made(tmp_path, "5", account="")
    assert recover.find(tmp_path, ACCOUNT, "DEMO") == wanted
    assert recover.find(tmp_path, ACCOUNT, "PAPER") is None


async def test_a_file_that_was_never_more_than_made_is_passed_over(tmp_path: Path) -> None:
    wanted = await made(tmp_path, "1")
    (tmp_path / "2.cockpit").touch()
    (await made(tmp_path, "3")).rename(tmp_path / "old")
    journal = Journal.create(tmp_path / "4.cockpit")
    await journal.close()
    assert recover.find(tmp_path, ACCOUNT, "DEMO") == wanted


async def test_a_newer_file_that_cannot_be_read_asks_for_a_decision(tmp_path: Path) -> None:
    place = home(tmp_path, {})
    await made(place.sessions, "1")
    broken = await made(place.sessions, "2")
    broken.write_bytes(b"\0" * 4_000)
    with pytest.raises(RecordingError) as raised:
        start.look_back(place, ACCOUNT, "DEMO", "carry")
    assert "cockpit restore 2" in raised.value.hint
    assert "--fresh" in raised.value.hint
    assert start.look_back(place, ACCOUNT, "DEMO", "fresh") == ("fresh", None)
    assert start.look_back(place, ACCOUNT, "DEMO", "adopt") == ("fresh", None)
    assert start.look_back(place, "", "DEMO", "carry") == ("carry", None)


async def test_there_must_be_something_to_continue(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="no session to continue"):
        start.look_back(home(tmp_path, {}), ACCOUNT, "DEMO", "resume")


async def test_damage_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    ticks = [ev.FundingPaid(T0 + n, SYMBOL, Decimal(1)) for n in range(50)]
    path = await made(tmp_path, "1", ACCOUNT, "DEMO", *ticks)
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"BTCUSDT\xa11")
    raw[at + 8] ^= 1
    path.write_bytes(raw)
    left = recover.read(path)
    assert left.seq == 51
    assert left.state.account.funding == 49
    assert any("checksum" in line for line in left.lost)
    assert recover.carried(left, T0, resume=False).lost


async def test_a_long_session_is_folded_from_its_last_keyframe(tmp_path: Path) -> None:
    ticks = 30_000
    path = tmp_path / "1.cockpit"
    journal = Journal.create(path)
    journal.append(ev.SessionStarted(T0, "1", "test", "DEMO", "test", "1", 1, "{}", "c1", ACCOUNT))
    for n in range(ticks):
        journal.append(ev.MarkTick(T0 + n, SYMBOL, 60_000.0 + n % 7, 60_000.0, 0.0, 0, T0 + n))
        if n % 5_000 == 0:
            await asyncio.sleep(0.05)
    await journal.close()
    began = time.process_time()
    state = recover.read(path).state
    slow = time.process_time() - began
    assert state.seq == ticks + 1
    assert keyframe.encode_state(state) == keyframe.encode_state(folded(path))
    assert slow < 2.0


@pytest.mark.parametrize("how", ["carry", "resume"])
async def test_a_session_that_was_killed_goes_on_from_a_file_that_stands_alone(tmp_path: Path, how: start.How) -> None:
    async with floor(tmp_path) as f:
        await f.live(BY_NAME["held"], 2)
        async with alive(f.bench, how) as session:
            state = session.state
            assert state.positions[SYMBOL].qty == Decimal("0.1")
            assert state.positions[SYMBOL].risk_per_unit is not None
            assert state.trading == "ACTIVE"
            assert state.gates["recovery"].status == "pass"
            assert state.recovery.resumed is (how == "resume")
            assert state.account.start == (Decimal(10_000) if how == "resume" else state.account.wallet)
            assert f.account["orders"] == []
        files = sorted((Path(f.bench.home) / "sessions").glob("*.cockpit"))
        assert len(files) == 2
        shutil.move(files[0], tmp_path / "gone")
        with Recording.open(files[1]) as recording:
            assert recording.check() == []
        assert folded(files[1]).positions[SYMBOL].qty == Decimal("0.1")


async def test_a_venue_that_is_away_keeps_every_key_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "RECOVERED_S", 0.5)
    monkeypatch.setattr(start, "LINKS_UP_S", 1.0)
    async with floor(tmp_path) as f:
        await f.live(BY_NAME["held"], 2)

        def away(session: Session) -> None:
            async def nothing(*_: object) -> list[ev.Event]:
                from engine.venues.port import VenueError

                raise VenueError("no answer")

            session.venue.snapshot = nothing  # type: ignore[method-assign,assignment]

        async with alive(f.bench, plant=away) as session:
            assert session.state.recovery.open
            assert session.state.gates["recovery"].status == "fail"
            assert session.state.trading == "PAUSED"
            session.command("resume")
            session.command("flatten")
            assert session.state.trading == "PAUSED"
            assert session.state.orders_total == 0
