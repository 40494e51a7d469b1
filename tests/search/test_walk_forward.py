"""Walk-forward: chosen on the past, traded on what follows, and nothing of the future reaches the choice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from search_kit import T0, Sweep, market

from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle
from engine.runner.data import Bars, bars
from engine.search import windows, work
from engine.search.findings import findings
from engine.search.rank import OBJECTIVES, worth
from engine.search.store import Windows
from engine.search.windows import cut, pairs, parse

DAY_NS = 1_440 * MINUTE_NS
FORWARD = "train=2d,test=1d"
SHARPE = OBJECTIVES["sharpe"]


@pytest.fixture(scope="module")
def data() -> Bars:
    return market(7, per_day=180)


def forward(root: Path, data: Bars, **ask: Any) -> Sweep:
    return Sweep(root, data, **({"walk_forward": FORWARD, "objective": "pnl"} | ask))


def disturbed(data: Bars, first: int, end: int) -> Bars:
    """The same times, another market in rows ``first`` to before ``end``."""
    rows = list(data.candles)
    for row in range(first, end):
        c = rows[row]
        up = 1.0 + 0.05 * (row % 40) / 40
        rows[row] = Candle(c.open_time, c.open * up, c.high * up, c.low * up, c.close * up, c.volume)
    return bars(rows)


def test_windows_touch_and_never_overlap(data: Bars) -> None:
    found = cut(data.candles, parse(FORWARD))
    assert [(w.train, w.test, w.end) for w in found] == [(n * 180, n * 180 + 360, n * 180 + 540) for n in range(4)]


def test_anchored_windows_all_begin_at_the_first_bar(data: Bars) -> None:
    found = cut(data.candles, parse("train=2d, test=1d, anchored"))
    assert [(w.train, w.test) for w in found] == [(0, n * 180 + 360) for n in range(4)]


def test_a_window_without_candles_is_left_out() -> None:
    rows = [Candle(T0 + t * MINUTE_NS, 1.0, 1.0, 1.0, 1.0, 1.0) for t in (*range(120), *range(300, 420))]
    found = cut(rows, Windows(60 * MINUTE_NS, 60 * MINUTE_NS))
    assert [(w.n, w.train, w.test, w.end) for w in found] == [(0, 0, 60, 120), (1, 120, 180, 240)]


@pytest.mark.parametrize(
    "text", ["", "train=2d", "train=2d,test=", "train=0d,test=1d", "train=2d,test=1y", "train=1d,train=1d,test=1d", "x",
             "train=-1d,test=1d", "train=1d,test=1d,anchored,anchored"],
)  # fmt: skip
def test_what_makes_no_windows_is_refused(text: str) -> None:
    with pytest.raises(CockpitError, match="walk-forward"):
        parse(text)


def test_data_that_is_too_short_is_said_to_be(data: Bars) -> None:
    with pytest.raises(CockpitError, match="shorter than one"):
        cut(data.candles, parse("train=30d,test=7d"))


def test_the_choice_of_a_window_is_the_best_of_its_training(data: Bars, tmp_path: Path) -> None:
    sweep = forward(tmp_path, data)
    sweep.run()
    rows = sweep.store.rows()
    for pair in pairs(rows, OBJECTIVES["pnl"]):
        group = [r for r in rows if r.task.part == "train" and r.task.window == pair.window]
        assert pair.train.outcome.pnl == max(r.outcome.pnl for r in group)
        assert pair.test is not None
        assert pair.test.task.params == pair.train.task.params
        assert pair.test.task.first == pair.train.task.end


@pytest.mark.parametrize("anchored", ["", ",anchored"])
def test_no_candle_at_or_after_a_test_window_reaches_its_choice(data: Bars, tmp_path: Path, anchored: str) -> None:
    """From row 720 on (window 2's test) everything is another market: windows 0, 1 and 2 choose as before, digit for digit."""
    one = forward(tmp_path, data, name="one", walk_forward=FORWARD + anchored)
    two = forward(tmp_path, disturbed(data, 720, 1260), name="two", walk_forward=FORWARD + anchored)
    one.run()
    two.run()
    mine, other = (pairs(s.store.rows(), OBJECTIVES["pnl"]) for s in (one, two))
    for before, after in zip(mine[:3], other[:3], strict=True):
        assert before.train.task.params == after.train.task.params
        assert before.train.outcome.figures == after.train.outcome.figures
        assert before.train.outcome.config_hash == after.train.outcome.config_hash
    for before, after in zip(mine[:2], other[:2], strict=True):
        assert before.test is not None
        assert after.test is not None
        assert before.test.outcome.curve == after.test.outcome.curve
    assert mine[2].test is not None
    assert other[2].test is not None
    assert mine[2].test.outcome.pnl != other[2].test.outcome.pnl


def test_the_choice_never_looks_at_test_runs(data: Bars, tmp_path: Path) -> None:
    sweep = forward(tmp_path, data)
    sweep.run()
    rows = sweep.store.rows()
    chosen = windows.choose(rows, OBJECTIVES["pnl"])
    for row in rows:
        if row.task.part == "test":
            row.outcome.pnl, row.outcome.figures = Decimal(10**9), {"net_profit": 1e9}
    assert windows.choose(rows, OBJECTIVES["pnl"]) == chosen


def test_indicators_are_ready_when_a_test_window_begins_and_nothing_is_traded_before(
    data: Bars, tmp_path: Path
) -> None:
    sweep = forward(tmp_path, data, grid=("fast=20", "slow=100"))
    sweep.run()
    at = work.Bench(sweep.setup, data)
    for row in sweep.store.rows("test"):
        result = work.replay(at, row.task)
        start = data.candles[row.task.first].open_time
        assert all(order.created_t >= start + MINUTE_NS for order in result.orders)
        assert result.orders[0].created_t <= start + 2 * MINUTE_NS, "the averages were there from the first bar on"
        cold = work.replay(
            at,
            type(row.task)(**{f: getattr(row.task, f) for f in row.task.__struct_fields__} | {"warm": row.task.first}),
        )
        assert cold.orders[0].created_t >= start + 100 * MINUTE_NS


def test_joined_windows_are_the_sum_of_their_profits(data: Bars, tmp_path: Path) -> None:
    sweep = forward(tmp_path, data)
    sweep.run()
    tests = sweep.store.rows("test", heavy=True)
    joined = windows.join(tests, sweep.setup, data.candles)
    assert joined is not None
    assert joined.pnl == sum(row.outcome.pnl for row in tests)
    assert len(joined.curve) == joined.end - joined.start == 720
    assert joined.curve[-1] == pytest.approx(float(sweep.setup.cash + joined.pnl))
    assert len(joined.trades) == sum(row.outcome.trades for row in tests)
    headline = sweep.store.notes.joined
    assert headline is not None
    assert headline.figures == joined.figures
    assert headline.figures["trades"] == len(joined.trades)


def test_a_failed_test_window_is_flat_in_the_joined_curve(data: Bars, tmp_path: Path) -> None:
    sweep = forward(tmp_path, data)
    sweep.run()
    tests = sweep.store.rows("test", heavy=True)
    tests[1].outcome.status = "failed"
    joined = windows.join(tests, sweep.setup, data.candles)
    assert joined is not None
    assert len(joined.curve) == 720
    level = joined.curve[179]
    assert list(joined.curve[181:359]) == pytest.approx([level] * 178, abs=2)


def test_what_is_out_of_sample_stands_beside_its_choice(data: Bars, tmp_path: Path) -> None:
    sweep = forward(tmp_path, data)
    sweep.run()
    found = findings(sweep.store)
    chosen = [p for p in found.points if p.chosen]
    assert len(chosen) == 4
    assert all(p.test is not None and p.place == 1 for p in chosen)
    assert found.verdict is not None
    assert "Out of sample" in found.verdict.sentence


def test_another_objective_chooses_again_and_runs_only_what_is_new(data: Bars, tmp_path: Path) -> None:
    forward(tmp_path, data, name="a").run()
    other = forward(tmp_path, data, name="a", objective="win_rate")
    other.run()
    assert {task.part for task in other.here.ran} <= {"test"}
    assert other.store.notes.objective == "win_rate"
    assert all(pair.test is not None for pair in pairs(other.store.rows(), OBJECTIVES["win_rate"]))


def test_a_study_walks_forward_too(data: Bars, tmp_path: Path) -> None:
    ask: dict[str, Any] = {"grid": (), "ranges": ("fast=5:20", "slow=30:60"), "trials": 6}
    sweep = forward(tmp_path, data, **ask)
    sweep.run()
    assert len(pairs(sweep.store.rows(), OBJECTIVES["pnl"])) == 4
    assert not forward(tmp_path, data, **ask).run()


def test_points_without_a_trade_have_no_worth(data: Bars, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, data, grid=("fast=4000", "slow=5000"), monte_carlo=10)
    sweep.run()
    (row,) = sweep.store.rows()
    assert row.outcome.trades == 0
    assert worth(row, SHARPE) is None
    assert findings(sweep.store).verdict is None
    assert not Sweep(tmp_path, data, grid=("fast=4000", "slow=5000"), monte_carlo=10).run()
