"""The committed recording opens, replays and verifies as on the day it was made."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from replay_kit import RECORDED, digest

from engine.core.fold import apply
from engine.core.trader import Trader, copy_of
from engine.journal.opening import RecordingError
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State
from engine.replay import verify as verifying
from engine.replay.cursor import Replay
from engine.replay.sessions import describe
from engine.replay.timeline import Timeline
from engine.replay.verify import config_of, trader_of, verify
from engine.replay.why import why

EXPECTED: dict[str, Any] = {
    "counts": (599, 8, 2, 2),
    "net": "-37.09087168",
    "marks": {"approval": 3, "end": 1, "fill": 8, "kill": 1, "pause": 1, "reject": 2, "resume": 1},
    "decisions": 67,
}


@pytest.fixture(scope="module")
def truth() -> list[bytes]:
    with Recording.open(RECORDED) as recording:
        state, found = State(), [digest(State())]
        for _, event in recording.events():
            apply(state, event)
            found.append(digest(state))
    return found


def test_nothing_of_it_is_damaged() -> None:
    with Recording.open(RECORDED) as recording:
        assert recording.check() == []
        assert recording.spans()
    assert RECORDED.stat().st_size <= 300_000


def test_its_figures_are_what_they_were() -> None:
    row = describe(RECORDED, 0)
    assert (row.events, row.fills, row.trades, row.rejections) == EXPECTED["counts"]
    assert (row.ending, row.mode, row.symbols) == ("clean", "DEMO", ["BTCUSDT"])
    assert f"{row.net_pnl:.8f}" == EXPECTED["net"]
    with Replay.open(RECORDED) as replay:
        kinds = [mark.kind for mark in Timeline(replay).marks]
        assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == EXPECTED["marks"]
        state = replay.seek(replay.last.seq)
        assert state.trading == "HALTED"
        assert {order.status for order in state.orders.values()} >= {"FILLED", "DENIED"}


def test_every_state_is_the_one_that_was_there(truth: list[bytes]) -> None:
    with Replay.open(RECORDED) as replay:
        for seq in [*range(0, len(truth), 13), *range(len(truth) - 1, 0, -17)]:
            assert digest(replay.seek(seq)) == truth[seq]


def test_every_order_has_a_chain_that_starts_with_its_cause() -> None:
    with Recording.open(RECORDED) as recording:
        ids = [e.order.client_id for _, e in recording.events(kinds={"OrderDecided"}) if isinstance(e, ev.OrderDecided)]
        assert len(ids) > 3
        for client_id in ids:
            links = why(recording, client_id)
            assert links[0].title in ("candle closed", "key pressed", "input")
            assert "sized and decided" in [link.title for link in links]
            assert all(link.since_previous_ns >= 0 for link in links)


# --- would it decide the same today -------------------------------------------------------------------------------


def test_todays_code_decides_the_same() -> None:
    with Recording.open(RECORDED) as recording:
        verdict = verify(recording)
        assert verdict.differences == []
        assert verdict.same
        assert verdict.inputs + verdict.decisions == recording.count
        assert verdict.decisions == EXPECTED["decisions"]
        assert verdict.per_second > 1_000


def changed(change: Callable[[verifying.Config], object]) -> Trader:
    with Recording.open(RECORDED) as recording:
        config = config_of(recording)
    change(config)
    return trader_of(config)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.strategies[0].params.update(lookback=40),
        lambda c: c.strategies.pop(0),
        lambda c: setattr(c.profile.trading, "risk_pct", 0.01),
        lambda c: setattr(c.profile.trading, "approval", "auto"),
        lambda c: setattr(c.profile.risk, "max_notional_quote", 9_000.0),
    ],
    ids=["strategy parameter", "strategy gone", "risk", "approval", "limit"],
)
def test_a_changed_parameter_is_found(change: Any) -> None:
    with Recording.open(RECORDED) as recording:
        verdict = verify(recording, changed(change))
        assert not verdict.same
        first = verdict.differences[0]
        assert 1 <= first.seq <= recording.count
        assert first.recorded != first.now
        assert verdict.differing >= len(verdict.differences)


def test_a_changed_recording_is_found_at_its_number(tmp_path: Path) -> None:
    path = Path(shutil.copy(RECORDED, tmp_path / "changed.cockpit"))
    with Recording.open(path) as recording:
        seq = next(seq for seq, _ in recording.events(kinds={"OrderSent"}))
    db = sqlite3.connect(path)
    trigger = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_no_update'").fetchone()[0]
    db.execute("DROP TRIGGER event_no_update")
    db.execute("UPDATE event SET crc = crc + 1 WHERE seq = ?", (seq,))
    db.execute(trigger)
    db.commit()
    db.close()
    with Recording.open(path) as recording:
        verdict = verify(recording)
        assert isinstance(verdict.differences[0].now, ev.OrderSent)
        assert verdict.damage == [f"event {seq} is not as it was written (checksum)"]


def test_progress_is_told_and_differences_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PROGRESS_EVERY", 100)
    monkeypatch.setattr(verifying, "MAX_DIFFERENCES", 3)
    told: list[int] = []
    with Recording.open(RECORDED) as recording:
        verdict = verify(recording, changed(lambda c: c.strategies.clear()), told.append)
    assert told
    assert len(verdict.differences) == 3 < verdict.differing


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.strategies[0].params.update(lookback="many"),
        lambda c: setattr(c.strategies[0], "name", "nobody's"),
    ],
    ids=["parameters", "name"],
)
def test_a_strategy_that_cannot_be_had_is_an_error_that_says_so(change: Any) -> None:
    with pytest.raises(RecordingError, match="strategies cannot be had"):
        changed(change)


@pytest.mark.parametrize("config", ["", "{}", "[]", '{"profile":{}}', "[" * 100_000], ids=range(5))
def test_a_configuration_that_is_none_is_an_error(config: str) -> None:
    class Told:
        path = Path("x.cockpit")

        def events(self, *_: object) -> list[tuple[int, ev.Event]]:
            return [(1, ev.SessionStarted(1, "s", "p", "DEMO", "v", "0", 1, config, "t"))]

    with pytest.raises(RecordingError, match="configuration"):
        config_of(Told())  # type: ignore[arg-type]


def test_the_recorded_trader_ends_in_the_recorded_state(truth: list[bytes]) -> None:
    with Recording.open(RECORDED) as recording:
        trader = trader_of(config_of(recording))
        verify(recording, trader)
        assert digest(copy_of(trader.state)) == truth[-1]
        assert msgspec.msgpack.encode(trader.state) == truth[-1]
