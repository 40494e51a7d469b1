"""The parts of ``cockpit backtest``: what is asked for, funding files, terms of other symbols, and what is kept of a run."""

from __future__ import annotations

import csv
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backtest_kit import COINS, T0, rules, walk
from hypothesis import given
from hypothesis import strategies as st

from cockpit.commands import backtest as command
from cockpit.commands import backtest_files as files
from cockpit.commands.backtest import Asked
from engine import backtest
from engine.model.errors import CockpitError
from engine.model.market import Candle
from engine.ops.paths import Home
from engine.ops.paths import home as home_of
from engine.ops.yaml_file import ConfigError
from engine.runner.backtest import Result
from engine.runner.funding_file import FundingError, read_funding
from engine.runner.terms import BTCUSDT, terms_of


def asked(**more: Any) -> Asked:
    blank = Asked("ma_cross", "x.csv", "backtest", [], "", "", "fast", "", "", [], None, 0, None, None, False, False)
    return Asked(**({name: getattr(blank, name) for name in Asked.__dataclass_fields__} | more))


# --- what is asked for --------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return home_of(tmp_path / "home")


def test_a_strategy_is_a_parameter_file_and_single_parameters_go_over_it(place: Home) -> None:
    profile, chosen = command.configured(asked(strategy="sweep_keen", params=["lookback=15", "cvd=required"]), place)
    assert chosen.name == "sweep"
    assert Path(chosen.file).stem == "sweep_keen"
    assert (chosen.params["trend"], chosen.params["lookback"], chosen.params["cvd"]) == ("any", 15, "required")
    assert profile.strategies == ["sweep_keen"]


def test_ones_own_parameter_file_hides_the_one_that_came_with_the_program(place: Home) -> None:
    (place.config / "strategies").mkdir()
    (place.config / "strategies" / "sweep.yaml").write_text("strategy: ma_cross\nparams: {fast: 5}\n")
    _, chosen = command.configured(asked(strategy="sweep"), place)
    assert (chosen.name, chosen.params["fast"]) == ("ma_cross", 5)


def test_the_fill_rule_and_settings_are_the_profiles_with_what_was_said(place: Home) -> None:
    profile, _ = command.configured(
        asked(fill="same_close", settings=["fill.slippage_bps=2", "risk.cooldown_s=0"]), place
    )
    assert (profile.fill.market, profile.fill.slippage_bps, profile.risk.cooldown_s) == ("same_close", 2.0, 0.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"strategy": ""}, "ma_cross, ribbon"),
        ({"strategy": "sweap"}, "did you mean sweep?"),
        ({"strategy": "../x"}, "there is no strategy"),
        ({"params": ["fst=1"]}, "did you mean 'fast'?"),
        ({"params": ["fast"]}, "--param takes name=value"),
        ({"params": ["fast=ten"]}, "params.fast"),
        ({"params": ["fast=40"]}, "fast must be less than slow"),
        ({"fill": "never"}, "next_open, same_close, next_close"),
        ({"settings": ["fill.slipage_bps=1"]}, "did you mean fill.slippage_bps?"),
        ({"profile": "nix"}, "there is no profile 'nix'"),
    ],
)
def test_what_cannot_be_is_said_with_what_can(place: Home, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        command.configured(asked(**more), place)
    assert said in str(error.value)


# --- funding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "time,rate\n2023-11-15T08:00:00Z,0.0001\n2023-11-15 16:00,-0.0002\n",
        "fundingTime,symbol,fundingRate\n1700035200000,BTCUSDT,0.0001\n1700064000000,BTCUSDT,-0.0002\n",
        "\ufeffRate,Time\n1e-4,1700035200\n-0.0002,1700064000\n",
    ],
)
def test_funding_is_read_in_utc_as_exact_fractions(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    eight = T0 + 8 * 3_600_000_000_000
    assert read_funding(tmp_path / "f.csv") == [
        (eight, Decimal("0.0001")),
        (eight + 8 * 3_600_000_000_000, Decimal("-0.0002")),
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2023-11-15,0.0001\n2023-11-15,0.0001", "row 3: the time is not after the one before"),
        ("2023-11-15,0.0001\n2023-11-14,0.0001", "row 3: the time is not after the one before"),
        ("2023-11-15,0.05", "row 2: the rate 0.05 is out of all bounds"),
        ("2023-11-15,-0.06", "out of all bounds"),
        ("2023-11-15,nan", "is not finite"),
        ("2023-11-15,inf", "is not finite"),
        ("2023-11-15,", "is no rate"),
        ("yesterday,0.0001", "'yesterday' is no time"),
        ("-1d,0.0001", "is no time"),
        ("2023-11-15", "too few columns"),
        ("", "there are no rates"),
    ],
)
def test_a_bad_rate_is_named_with_its_row(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "f.csv").write_text(f"time,rate\n{rows}\n")
    with pytest.raises(FundingError) as error:
        read_funding(tmp_path / "f.csv")
    assert said in str(error.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_rates_or_a_funding_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("f") / "f.csv"
    path.write_bytes(b"time,rate\n" + raw)
    with suppress(FundingError):
        assert read_funding(path)


def test_longs_pay_a_positive_rate_at_its_time() -> None:
    data = walk(1_000, 4)
    table = [(data[500].open_time, Decimal("0.001"))]
    free, paid = (backtest(data, "ma_cross", profile=rules(), instrument=COINS, funding=of) for of in ((), table))
    held = next(t for t in free.trades if t.entry_t <= data[500].open_time < t.exit_t)
    owed = -Decimal(1 if held.side == "BUY" else -1) * held.qty * Decimal(repr(data[499].close)) * Decimal("0.001")
    assert paid.funding == owed
    assert paid.pnl - free.pnl == owed


# --- other symbols, other forms of data ---------------------------------------------------------------------------


def test_the_steps_of_another_symbol_fit_its_prices() -> None:
    cheap = [Candle(T0, 0.0712, 0.0713, 0.071, 0.07125, 1e6)]
    terms = terms_of("DOGEUSDT", cheap)
    assert (terms.tick, terms.step, terms.base, terms.quote) == (Decimal("0.00001"), Decimal(1), "DOGE", "USDT")
    assert terms_of("ETHUSDT", [Candle(T0, 2000.1, 2000.1, 2000.1, 2000.12, 1.0)]).step == Decimal("0.00001")
    assert terms_of("BTCUSDT", cheap) is BTCUSDT


def test_the_library_takes_the_path_of_a_file(tmp_path: Path) -> None:
    data = walk(300, 4)
    path = tmp_path / "btcusdt.csv"
    path.write_text(
        "time,open,high,low,close,volume\n" + "".join(",".join(map(repr, msgspec.to_builtins(c))) + "\n" for c in data)
    )
    result = backtest(str(path), "ma_cross", profile=rules())
    assert result.data_hash == backtest(data, "ma_cross", profile=rules()).data_hash
    assert msgspec.json.decode(result.config)["data"]["source"] == str(path)


def test_an_unknown_strategy_is_an_error_that_a_person_reads() -> None:
    with pytest.raises(CockpitError, match="unknown strategy 'sweap'"):
        backtest(walk(10, 1), "sweap")


# --- what is kept -------------------------------------------------------------------------------------------------


def run_into(place: Home, out: Path | None = None, seed: int = 0, count: int = 600) -> tuple[Result, files.Kept]:
    data = walk(count, 4)
    draft = place.sessions / ".draft.part"
    result = backtest(data, "ma_cross", profile=rules(), instrument=COINS, seed=seed, journal=draft, source="x.csv")
    try:
        return result, files.keep(result, data, draft, place, "ma_cross", out, None)
    finally:
        draft.unlink(missing_ok=True)


def test_a_run_leaves_its_trades_its_result_and_its_recording(place: Home) -> None:
    result, kept = run_into(place)
    assert kept.folder == place.root / "backtests" / result.run_id
    assert sorted(path.name for path in kept.folder.iterdir()) == ["result.json", "trades.csv"]
    assert [path.name for path in place.sessions.iterdir()] == [f"backtest-ma_cross-{result.run_id}.cockpit"]
    with (kept.folder / "trades.csv").open() as file:
        assert sum(Decimal(row["pnl"]) for row in csv.DictReader(file)) == sum(t.pnl for t in result.trades)
    found = msgspec.json.decode((kept.folder / "result.json").read_bytes())
    assert found["run_id"] == result.run_id
    assert found["pnl"] == str(result.pnl)
    assert found["config"]["data"]["sha256"] == found["data_hash"]
    assert found["metrics"]["trades"] == len(result.trades)


def test_the_result_is_enough_to_make_it_again(place: Home) -> None:
    result, kept = run_into(place)
    config = kept.found["config"]
    again = backtest(
        walk(600, 4), config["strategies"][0]["name"], params=config["strategies"][0]["params"], profile=rules(),
        instrument=COINS, cash=config["cash"], seed=config["seed"],
    )  # fmt: skip
    assert again.run_id == result.run_id
    assert again.pnl == result.pnl


def test_the_same_run_again_changes_no_file(place: Home) -> None:
    _, first = run_into(place)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in [*first.files, first.recording]}
    _, second = run_into(place)
    assert second.again
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before


def test_other_numbers_of_the_same_run_are_an_alarm_and_overwrite_nothing(place: Home) -> None:
    _, kept = run_into(place)
    path = kept.folder / "result.json"
    path.write_text(path.read_text().replace(f'"pnl": "{kept.found["pnl"]}"', '"pnl": "1.0"'))
    with pytest.raises(CockpitError, match=r"gave other numbers \(pnl\)"):
        run_into(place)
    assert msgspec.json.decode(path.read_bytes())["pnl"] == "1.0"


def test_a_folder_with_another_run_is_left_alone(place: Home, tmp_path: Path) -> None:
    run_into(place, tmp_path / "out")
    before = (tmp_path / "out" / "result.json").read_bytes()
    with pytest.raises(CockpitError, match="results of another run"):
        run_into(place, tmp_path / "out", count=500)
    assert (tmp_path / "out" / "result.json").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_files_that_are_not_ours_are_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text("mine")
    with pytest.raises(CockpitError, match="exists already"):
        files.check_free(tmp_path)
    (tmp_path / "result.json").write_text("[1")
    files.check_free(tmp_path)
    files.check_free(tmp_path / "new")
    with pytest.raises(CockpitError, match="this is no folder"):
        files.check_free(tmp_path / "trades.csv")


def test_a_run_that_is_broken_off_leaves_nothing(place: Home) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), command._draft(place) as draft:
        backtest(walk(600, 4), "ma_cross", profile=rules(), journal=draft, progress=stop)
    assert list(place.sessions.iterdir()) == []
