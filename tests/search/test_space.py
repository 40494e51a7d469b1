"""Grids as they are typed: values in the strategy's own types, and what is no grid is refused with a hint."""

from __future__ import annotations

import pytest

from engine.search.space import Axis, Bad, SpaceError, axis, checked, grid, strategy_of
from engine.strategies.ma_cross import MaCrossParams
from engine.strategies.sweep import SweepParams


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fast=5:30:5", (5, 10, 15, 20, 25, 30)),
        ("fast=5:7:5", (5,)),
        ("slow=20,40,80", (20, 40, 80)),
        ("slow= 20 , 20,40", (20, 40)),
        ("stop_atr=0.1:0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("stop_atr=3", (3.0,)),
        ("quantity=0.01:0.03:0.01", ("0.01", "0.02", "0.03")),
    ],
)
def test_values_have_the_types_of_the_parameters(text: str, values: tuple[object, ...]) -> None:
    found = axis(text, MaCrossParams)
    assert found.values == values
    assert [type(v) for v in found.values] == [type(v) for v in values]


def test_choices_are_words() -> None:
    assert axis("cvd=off,required", SweepParams) == Axis("cvd", ("off", "required"))


@pytest.mark.parametrize(
    "text",
    [
        "", "fast", "fast=", "=5", "fast=a,b", "fast=5:30", "fast=5:30:0", "fast=5:30:-5", "fast=30:5:5", "fast=5,,6", "fast=1.5",
        "fast=5:30:5:5", "fast=nan", "fast=1e400", "fast=0:1e30:1", "nope=1,2", "fast=5:30:x", "fast=\x1b[2J",
    ],
)  # fmt: skip
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        axis(text, MaCrossParams)


@pytest.mark.parametrize("text", ["cvd=perhaps", "cvd=1:2:1"])
def test_words_that_are_no_choice_are_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        axis(text, SweepParams)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpaceError, match="did you mean 'fast'"):
        axis("fsat=1,2", MaCrossParams)
    with pytest.raises(SpaceError, match="did you mean 'ma_cross'"):
        strategy_of("ma_cros")


def test_contradicting_points_are_counted_as_bad() -> None:
    good, bad = grid(MaCrossParams, [axis("fast=0,10,40", MaCrossParams), axis("slow=20,40", MaCrossParams)], {})
    assert [(p["fast"], p["slow"]) for p in good] == [(10, 20), (10, 40)]
    assert len(bad) == 4
    assert good[0]["quantity"] == "0.01"


def test_a_base_fills_what_is_not_tried() -> None:
    assert checked(MaCrossParams, {"fast": 5}, {"stop_atr": 1.0, "fast": 7}) == {
        "fast": 5, "slow": 30, "quantity": "0.01", "stop_atr": 1.0,
    }  # fmt: skip
    assert isinstance(checked(MaCrossParams, {"fast": 50}, {}), Bad)


def test_a_grid_that_is_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(SpaceError, match="at most"):
        grid(MaCrossParams, [axis("fast=1:1000:1", MaCrossParams), axis("slow=1:1000:1", MaCrossParams)], {})
    with pytest.raises(SpaceError, match="twice"):
        grid(MaCrossParams, [axis("fast=1,2", MaCrossParams), axis("fast=3,4", MaCrossParams)], {})
