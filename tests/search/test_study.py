"""A study proposes the same points from the same seed, however many cores run them and however often it is stopped."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from search_kit import Here, Sweep, market, profile

from engine.model.errors import CockpitError
from engine.runner.data import Bars
from engine.search.space import Range, SpaceError
from engine.search.task import Outcome, Task

RANGES = ("fast=5:40", "slow=20:80:5")


@pytest.fixture(scope="module")
def data() -> Bars:
    return market(3, per_day=120)


def study(root: Path, data: Bars, trials: int = 24, **ask: Any) -> Sweep:
    return Sweep(root, data, **({"grid": (), "ranges": RANGES, "trials": trials} | ask))


def points(sweep: Sweep) -> list[dict[str, Any]]:
    return [row.task.params for row in sweep.store.rows()]


def test_a_study_proposes_points_inside_its_ranges(data: Bars, tmp_path: Path) -> None:
    sweep = study(tmp_path, data)
    sweep.run()
    assert sweep.store.plan.ranges == (Range("fast", "int", 5, 40, 1), Range("slow", "int", 20, 80, 5))
    for point in points(sweep):
        assert 5 <= point["fast"] <= 40
        assert point["slow"] in range(20, 81, 5)
        assert point["fast"] < point["slow"]
    assert all(bad.params["fast"] >= bad.params["slow"] for bad in sweep.store.bad)
    assert len(points(sweep)) + len(sweep.store.bad) <= 24


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_order_in_which_points_are_done_changes_nothing(data: Bars, tmp_path: Path, sampler: str) -> None:
    class OldestFirst(Here):
        def next(self) -> Outcome:
            self.tasks.reverse()
            outcome = super().next()
            self.tasks.reverse()
            return outcome

    one, two = (study(tmp_path, data, name=name, sampler=sampler) for name in ("one", "two"))
    one.run()
    two.run(OldestFirst(two.setup, data))
    assert one.digits() == two.digits()


def test_a_stopped_study_goes_on_as_if_it_had_not_been_stopped(data: Bars, tmp_path: Path) -> None:
    def stop(task: Task) -> Outcome | None:
        if len(stopped.here.ran) == 15:
            raise KeyboardInterrupt
        return None

    stopped, whole = study(tmp_path, data, name="a"), study(tmp_path, data, name="b")
    stopped.here.spoil = stop
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = study(tmp_path, data, name="a", resume=True)
    resumed.run()
    whole.run()
    assert resumed.digits() == whole.digits()
    assert len(resumed.here.ran) == len(whole.here.ran) - 14


def test_more_trials_go_on_with_a_finished_study(data: Bars, tmp_path: Path) -> None:
    study(tmp_path, data, 20, name="a").run()
    more, whole = study(tmp_path, data, 30, name="a", resume=True), study(tmp_path, data, 30, name="b")
    more.run()
    whole.run()
    assert more.digits() == whole.digits()
    assert not study(tmp_path, data, 30, name="a").run()


def test_decimals_and_choices_reach_the_strategy_in_its_types(data: Bars, tmp_path: Path) -> None:
    ranges = ("quantity=0.01:0.03:0.01", "stop_atr=1:5")
    sweep = study(tmp_path, data, 6, ranges=ranges, rules=profile())
    sweep.run()
    assert {type(point["quantity"]) for point in points(sweep)} == {str}
    chosen = study(tmp_path, data, 6, strategy="sweep", ranges=("cvd=off,required", "lookback=5,10"), name="c")
    chosen.run()
    assert {point["cvd"] for point in points(chosen)} <= {"off", "required"}


def test_a_step_that_does_not_divide_a_range_stays_inside_it(
    data: Bars, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    sweep = study(tmp_path, data, 6, ranges=("fast=5:12:5", "slow=30:60"))
    sweep.run()
    assert {point["fast"] for point in points(sweep)} <= {5, 10}
    assert not [w for w in recwarn if "optuna" in str(w.filename)]


def test_without_optuna_a_study_says_what_to_install(
    data: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **named: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(CockpitError, match="not installed") as caught:
        study(tmp_path, data)
    assert "cockpit[search]" in caught.value.hint


@pytest.mark.parametrize(
    "ask",
    [
        {"sampler": "gp"}, {"ranges": ()}, {"ranges": ("fast=5",), "grid": ("fast=5,6",)}, {"ranges": ("fast=9:5",)},
        {"ranges": ("fast=5:30:0.5",)}, {"ranges": ("nope=1:2",)}, {"ranges": ("fast=1:2", "fast=3:4")}, {"ranges": ("cvd=1:2",)},
    ],
)  # fmt: skip
def test_what_makes_no_study_is_refused(data: Bars, tmp_path: Path, ask: dict[str, Any]) -> None:
    with pytest.raises((SpaceError, CockpitError)):
        study(tmp_path, data, **ask)
    assert not (tmp_path / "sweeps").exists()
