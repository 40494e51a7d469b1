"""A backtest's recording: every order, fill and refusal by value, the market by reference, opened like any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from backtest_kit import COINS, rules, walk

from engine import backtest, bars
from engine.core.fold import apply
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.state import State
from engine.runner import record
from engine.runner.backtest import Result
from engine.runner.record import RecordError


def recorded(path: Path, count: int = 2_000, **more: object) -> Result:
    return backtest(walk(count, 4), "ma_cross", profile=rules(), instrument=COINS, journal=path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [50, 100_000])
def test_a_recording_holds_every_decision_and_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Through a writer of its own (small batches) and without one."""
    monkeypatch.setattr(record, "BATCH", batch)
    result = recorded(tmp_path / "run.cockpit")
    assert result.recording is not None
    with Recording.open(result.recording) as recording:
        assert recording.closed
        events = [event for _, event in recording.events()]
        assert recording.check() == []
    assert len(events) == result.state.seq
    assert [e.fill.price for e in events if isinstance(e, ev.FillReport)] == [f.price for f in result.fills]
    assert [e.order.client_id for e in events if isinstance(e, ev.OrderDecided)] == [o.client_id for o in result.orders]
    assert not any(isinstance(e, ev.CandleTick | ev.BookTick | ev.MarkTick | ev.Clock) for e in events)
    started = events[0]
    assert isinstance(started, ev.SessionStarted)
    data = msgspec.json.decode(started.config)["data"]
    assert data["sha256"] == bars(walk(2_000, 4)).digest == result.data_hash
    assert data["rows"] == [0, 2_000]


def test_the_recording_folds_to_the_same_money(tmp_path: Path) -> None:
    result = recorded(tmp_path / "run.cockpit")
    assert result.recording is not None
    state = State()
    with Recording.open(result.recording) as recording:
        for _, event in recording.events():
            apply(state, event)
    for name in ("wallet", "realised", "fees", "funding"):
        assert getattr(state.account, name) == getattr(result.state.account, name)
    assert state.trades_total == len(result.trades)
    assert state.seq == result.state.seq


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    recorded(tmp_path / "run.cockpit", 200)
    with pytest.raises(RecordError, match="never written over"):
        recorded(tmp_path / "run.cockpit", 200)


def test_a_writer_that_dies_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "BATCH", 50)
    monkeypatch.setattr(record.sys, "executable", sys.executable)
    start = record.Recorder._start_writer

    def dying(self: record.Recorder) -> subprocess.Popen[bytes]:
        writer = start(self)
        writer.kill()
        return writer

    monkeypatch.setattr(record.Recorder, "_start_writer", dying)
    with pytest.raises(RecordError):
        recorded(tmp_path / "run.cockpit")


def test_importing_the_engine_loads_neither_numpy_nor_the_runner() -> None:
    code = "import sys, engine; print(sorted({'numpy', 'engine.runner', 'sqlite3', 'msgspec'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    code = "import sys; from engine import backtest; print('numpy' in sys.modules, 'asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.startswith(
        "False"
    )
