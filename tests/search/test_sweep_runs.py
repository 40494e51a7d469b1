"""A sweep: every point once, on all cores, and nothing that was done is done again or lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from search_kit import GRID, Here, Sweep, market, profile

from engine import backtest
from engine.model.errors import CockpitError
from engine.runner.data import Bars
from engine.search import pool as pools
from engine.search import work
from engine.search.pool import Pool
from engine.search.store import StoreError
from engine.search.task import Outcome, Task, task


@pytest.fixture(scope="module")
def data() -> Bars:
    return market(4, per_day=240)


@pytest.fixture
def file(data: Bars, tmp_path: Path) -> Path:
    path = tmp_path / "candles"
    path.write_bytes(work.packed(data))
    return path


def test_a_point_has_the_digits_of_its_backtest(data: Bars, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data)
    assert sweep.run()
    rows = sweep.store.rows("all")
    assert len(rows) == 5
    for row in rows:
        alone = backtest(data, "ma_cross", params=row.task.params, profile=sweep.setup.profile)
        assert (row.outcome.pnl, row.outcome.run_id) == (alone.pnl, alone.run_id)


def test_points_that_the_strategy_refuses_are_counted_and_not_run(data: Bars, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data)
    sweep.run()
    assert [bad.params for bad in sweep.store.bad] == [{"fast": 40, "slow": 30}]
    assert "fast must be less than slow" in sweep.store.bad[0].why


def test_the_pool_gives_the_same_digits_as_one_process(data: Bars, file: Path, tmp_path: Path) -> None:
    alone, together = Sweep(tmp_path, data, name="alone"), Sweep(tmp_path, data, name="together")
    alone.run()
    with Pool(together.setup, file, 2) as workers:
        together.run(workers)
        assert 0 < workers.load.share <= 1
        assert workers.load.cpu > 0
    assert alone.digits() == together.digits()


def test_the_candles_reach_a_worker_unchanged_or_not_at_all(data: Bars) -> None:
    raw = work.packed(data)
    assert work.unpacked(raw, data.digest).candles == data.candles
    with pytest.raises(CockpitError, match="were changed"):
        work.unpacked(raw[:-1] + b"?", data.digest)


def test_a_finished_sweep_does_nothing_again(data: Bars, tmp_path: Path) -> None:
    Sweep(tmp_path, data).run()
    again = Sweep(tmp_path, data)
    assert not again.run()
    assert again.here.ran == []


def test_what_was_done_when_a_sweep_is_stopped_is_kept(data: Bars, tmp_path: Path) -> None:
    def stop(task: Task) -> Outcome | None:
        if len(stopped.here.ran) == 3:
            raise KeyboardInterrupt
        return None

    stopped = Sweep(tmp_path, data)
    stopped.here.spoil = stop
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert stopped.store.counts() == {"done": 2}
    with pytest.raises(StoreError, match="not finished"):
        Sweep(tmp_path, data)
    resumed = Sweep(tmp_path, data, resume=True)
    assert resumed.run()
    assert len(resumed.here.ran) == 3
    whole = Sweep(tmp_path, data, name="whole")
    whole.run()
    assert resumed.digits() == whole.digits()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"grid": ("fast=10,20", "slow=30,60")}, "another grid"),
        ({"seed": 3}, "another seed"),
        ({"strategy": "ribbon", "grid": ("stop_atr=1,2",)}, "another strategy"),
        ({"rules": profile(risk__max_leverage=2)}, "other settings of the profile"),
        ({"walk_forward": "train=1d,test=1d"}, "other walk-forward windows"),
    ],
)
def test_a_name_belongs_to_one_question(data: Bars, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    Sweep(tmp_path, data, name="mine").run()
    with pytest.raises(StoreError, match=words):
        Sweep(tmp_path, data, name="mine", resume=True, **change)


def test_a_name_belongs_to_one_set_of_candles(data: Bars, tmp_path: Path) -> None:
    Sweep(tmp_path, data, name="mine").run()
    with pytest.raises(StoreError, match="other candles"):
        Sweep(tmp_path, market(4, 2, per_day=240), name="mine", resume=True)


def test_a_point_is_known_by_all_that_its_result_depends_on(data: Bars, tmp_path: Path) -> None:
    def ids(name: str, **change: Any) -> set[str]:
        sweep = Sweep(tmp_path, change.pop("data", data), name=name, **change)
        sweep.run()
        return {row.task.id for row in sweep.store.rows()}

    first = ids("a")
    assert ids("b") == first
    others: list[dict[str, Any]] = [
        {"seed": 1}, {"rules": profile(fill__slippage_bps=3)}, {"data": market(4, 2, per_day=240)}, {"base": {"stop_atr": 2.0}},
    ]  # fmt: skip
    for n, change in enumerate(others):
        assert not first & ids(f"c{n}", **change)


def test_workers_have_their_next_task_while_there_are_many_and_share_the_last_ones(
    data: Bars, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps the cores busy: nobody waits for us, and nobody is left with two while another has none."""

    class Line:
        def send_bytes(self, _word: bytes) -> None: ...

    monkeypatch.setattr(Pool, "_start", lambda _self: pools._Worker(None, Line()))  # type: ignore[arg-type]
    sweep = Sweep(tmp_path, data)
    workers = Pool(sweep.setup, file, 2)
    for n in range(64):
        workers.submit(task("", {}, n, "all", 0, 0, 0, 1, 0, 0))
    assert [len(w.tasks) for w in workers.workers] == [2, 2]
    while workers._waiting:
        busiest = max(workers.workers, key=lambda w: len(w.tasks))
        busiest.tasks.popleft()
        workers._feed()
        assert all(w.tasks for w in workers.workers)
    assert sum(len(w.tasks) for w in workers.workers) <= 3


def test_a_worker_that_dies_costs_one_point(data: Bars, file: Path, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data)
    with Pool(sweep.setup, file, 2) as workers:
        killed: list[int] = []
        hear = workers._hear

        def hear_and_kill(worker: pools._Worker) -> None:
            hear(worker)
            if not killed and worker.ready and worker.tasks:
                killed.append(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGKILL)

        workers._hear = hear_and_kill  # type: ignore[method-assign]
        sweep.run(workers)
    assert sweep.store.counts() == {"done": 4, "failed": 1}
    (failed,) = [row.outcome for row in sweep.store.rows() if row.outcome.status == "failed"]
    assert "SIGKILL" in failed.why
    again = Sweep(tmp_path, data, resume=True)
    assert again.run()
    assert len(again.here.ran) == 1
    assert again.store.counts() == {"done": 5}


def test_workers_that_cannot_begin_end_the_sweep_with_a_reason(data: Bars, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data)
    with Pool(sweep.setup, tmp_path / "nowhere", 1) as workers, pytest.raises(CockpitError, match="cannot begin"):
        sweep.run(workers)


def test_a_point_that_raises_is_failed_and_the_rest_goes_on(data: Bars, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data)
    bad = msgspec.structs.replace(
        sweep.setup.profile, symbols=[], risk=msgspec.structs.replace(sweep.setup.profile.risk, symbols={})
    )
    sweep.run(Here(msgspec.structs.replace(sweep.setup, profile=bad), data))
    assert sweep.store.counts() == {"failed": 5}
    assert "no limits for BTCUSDT" in sweep.store.rows()[0].outcome.why


@pytest.mark.parametrize("name", ["", "../x", "a/b", "..", "a..b", "-x", "x" * 81, "a\x1bb"])
def test_a_name_is_never_a_path(name: str, tmp_path: Path) -> None:
    from engine.search.store import place_of

    with pytest.raises(StoreError, match="no name for a sweep"):
        place_of(tmp_path, name)


def test_a_file_that_is_no_sweep_is_said_to_be_none(data: Bars, tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "x.sqlite").write_bytes(b"hello")
    with pytest.raises(StoreError, match="no sweep"):
        Sweep(tmp_path, data, name="x", grid=GRID)
