from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from engine.strategies.ma_cross import MaCross, MaCrossParams
from engine.strategies.registry import (
    STRATEGIES,
    BadParams,
    UnknownStrategy,
    WrongEnvironment,
    build,
    check_environment,
)

FILES = sorted((Path(__file__).parents[2] / "config" / "strategies").glob("*.yaml"))


def test_every_strategy_is_built_with_its_defaults() -> None:
    assert set(STRATEGIES) == {"ma_cross", "ribbon", "sweep"}
    for name in STRATEGIES:
        assert build(name, {}).name == name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_shipped_parameter_files_are_valid_and_name_every_parameter(file: Path) -> None:
    given = yaml.safe_load(file.read_text(encoding="utf-8"))
    strategy = build(given["strategy"], given["params"])
    assert set(given) == {"strategy", "params"}
    assert set(given["params"]) == set(strategy.params_type.__struct_fields__)
    if file.stem == given["strategy"]:
        assert strategy.params == strategy.params_type()


def test_the_optimized_sweep() -> None:
    (file,) = [file for file in FILES if file.stem == "sweep_optimized"]
    params = build("sweep", yaml.safe_load(file.read_text(encoding="utf-8"))["params"]).params
    values = params.lookback, params.stop_atr, params.volume_factor, params.cvd, params.min_rr, params.size_factor
    assert values == (15, 0.6, 0.6, "required", 2.0, 0.5)


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(UnknownStrategy, match=r"unknown strategy 'sweeps' \(did you mean 'sweep'\?\)") as caught:
        build("sweeps", {})
    assert caught.value.path == "strategy"
    with pytest.raises(UnknownStrategy, match="known: ma_cross, ribbon, sweep"):
        build("zzz", {})


@pytest.mark.parametrize(
    ("name", "params", "path", "message"),
    [
        ("ma_cross", {"fsat": 3}, "params.fsat", "unknown parameter (did you mean 'fast'?)"),
        ("ma_cross", {"fast": 0}, "params.fast", "Expected `int` >= 1"),
        ("ma_cross", {"fast": "ten"}, "params.fast", "Expected `int`, got `str`"),
        ("ma_cross", {"fast": 30}, "params.fast", "fast must be less than slow, is 30 with slow 30"),
        ("ma_cross", {"quantity": "-1"}, "params.quantity", "quantity must be over 0, is -1"),
        ("ma_cross", {"quantity": "nan"}, "params.quantity", "quantity must be over 0, is NaN"),
        ("ma_cross", {"quantity": "x"}, "params.quantity", "Invalid decimal string"),
        ("ma_cross", {"stop_atr": -0.1}, "params.stop_atr", "Expected `float` >= 0.0"),
        ("ma_cross", {"stop_atr": float("nan")}, "params.stop_atr", "must be a finite number"),
        ("sweep", {"min_rr": float("inf")}, "params.min_rr", "must be a finite number"),
        ("sweep", {"cvd": "on"}, "params.cvd", "Invalid enum value 'on'"),
        ("sweep", {"cvd": True}, "params.cvd", "Expected `str`, got `bool`"),
        ("sweep", {"funding_none": 0.0005}, "params.funding_half", "funding_half must be under funding_none"),
        ("ribbon", {"expires_bars": 1.5}, "params.expires_bars", "Expected `int`, got `float`"),
    ],
)
def test_a_bad_parameter_says_where_and_what(name: str, params: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(BadParams) as caught:
        build(name, params)
    assert caught.value.path == path
    assert caught.value.message.startswith(message)
    assert isinstance(caught.value, ValueError)


def test_a_bare_off_in_yaml_is_off() -> None:
    assert build("sweep", yaml.safe_load("cvd: off")).params.cvd == "off"


@pytest.mark.parametrize("quantity", ["0.05", 0.05, Decimal("0.05")])
def test_a_quantity_is_exact_however_it_is_written(quantity: object) -> None:
    assert build("ma_cross", {"quantity": quantity}).params.quantity == Decimal("0.05")


class Research(MaCross):
    name = "research"
    environments: ClassVar[frozenset[str]] = frozenset({"backtest", "paper"})


def test_a_research_strategy_does_not_start_live() -> None:
    strategy = Research(MaCrossParams())
    check_environment(strategy, "PAPER")
    check_environment(Research, "backtest")
    with pytest.raises(WrongEnvironment, match=r"research may not run in live \(allowed: backtest, paper\)"):
        check_environment(strategy, "LIVE")


def test_why_is_a_sentence_that_may_also_be_given_whole() -> None:
    strategy = Research(MaCrossParams())
    assert strategy.why == ""
    strategy.why = "a {brace} is text"
    assert strategy.why == "a {brace} is text"
