"""``cockpit parity`` and ``cockpit lookahead`` as they are typed: what is printed, as text and as JSON, and the exit codes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from parity_kit import CROSS, Tape, written
from typer.testing import CliRunner

from cockpit.cli import app
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS
from engine.replay.parity_causes import CAUSES

T0 = 1_672_531_200


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    folder.mkdir()
    return written(folder / "20260101-000000-aaaa.cockpit", Tape(tmp_path, (CROSS,)).run(60, seed=3).end())


def typed(*words: str, home: Path) -> tuple[int, str]:
    """Exit code and what was printed; errors of ours are raised."""
    result = CliRunner().invoke(app, [*words, "--home", str(home)], env={"COLUMNS": "200"})
    if isinstance(result.exception, CockpitError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def candles(path: Path, count: int = 900) -> Path:
    """A file of a market that goes up and down."""
    rows, price = ["open_time,open,high,low,close,volume"], 30_000
    for n in range(count):
        close = price + (37 * n % 101 - 50) + (20 if n // 90 % 2 else -20)
        rows.append(f"{(T0 + 60 * n) * 1000},{price},{max(price, close) + 9},{min(price, close) - 9},{close},5")
        price = close
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


# --- parity ------------------------------------------------------------------------------------------------------


def test_a_session_on_paper_ends_with_no_difference_and_zero(paper: Path, tmp_path: Path) -> None:
    code, said = typed("parity", "last", home=tmp_path)
    assert code == 0
    assert "recorded at paper, simulated from the start" in said
    assert "No difference in" in said
    assert "PnL USDT" in said


def test_differences_are_a_table_with_causes_and_the_exit_code_is_one(paper: Path, tmp_path: Path) -> None:
    code, said = typed("parity", "last", "--set", "fill.slippage_bps=2", home=tmp_path)
    assert code == 1
    assert "fill.slippage_bps: 0.0 → 2.0" in said
    assert "ma_cross" in said
    assert "by the model's slippage of 2 bp" in said
    lines = said.splitlines()
    (total,) = (line for line in lines if line.startswith("PnL USDT"))
    parts = [line for line in lines if line.startswith("  ") and line.split()[0] in CAUSES and len(line.split()) == 2]
    split = sum(Decimal(line.split()[-1].replace("−", "-").replace(",", "")) for line in parts)
    assert abs(split - Decimal(total.split()[-1].replace("−", "-").replace(",", ""))) <= Decimal("0.01") * len(parts)


def test_json_says_the_same_and_adds_up(paper: Path, tmp_path: Path) -> None:
    code, said = typed("parity", "last", "--set", "fill.latency_ms=7000", "--json", home=tmp_path)
    found = json.loads(said)
    assert code == 1
    assert found["same"] is False
    assert Decimal(found["recorded"]["pnl"]) - Decimal(found["simulated"]["pnl"]) == Decimal(found["difference"])
    assert sum(map(Decimal, found["by_cause"].values())) == Decimal(found["difference"])
    assert set(found["by_cause"]) <= set(CAUSES)
    assert sum(Decimal(c["pnl"]) for row in found["rows"] for c in row["causes"]) == Decimal(found["difference"])


def test_a_planted_fill_is_printed_with_its_number(paper: Path, tmp_path: Path) -> None:
    from engine.journal.recording import Recording

    with Recording.open(paper) as recording:
        events = [event for _, event in recording.events()]
    at = next(n for n, event in enumerate(events) if isinstance(event, ev.FillReport))
    report: Any = events[at]
    better = msgspec.structs.replace(report.fill, price=report.fill.price + Decimal("0.1"))
    events[at] = msgspec.structs.replace(report, fill=better)
    path = written(tmp_path / "planted.cockpit", events)
    code, said = typed("parity", str(path), home=tmp_path)
    assert code == 1
    assert "1 tick " in said
    assert "price 1." in said


def test_bars_put_trades_side_by_side(paper: Path, tmp_path: Path) -> None:
    code, said = typed("parity", "last", "--bars", home=tmp_path)
    assert code == 0
    assert "closed candles through a backtest" in said
    assert "PnL of the trades" in said
    assert json.loads(typed("parity", "last", "--bars", "--json", home=tmp_path)[1])[0]["pairs"]


def test_what_is_wrong_is_said(paper: Path, tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="--set takes path=value"):
        typed("parity", "last", "--set", "fill.latency_ms", home=tmp_path)
    with pytest.raises(CockpitError, match="there is no recording"):
        typed("parity", "nothing", home=tmp_path)
    with pytest.raises(CockpitError, match="does not belong"):
        typed("parity", "last", "--set", "risk.max_leverage=2", home=tmp_path)


# --- lookahead ---------------------------------------------------------------------------------------------------


def test_an_honest_strategy_ends_with_zero(tmp_path: Path) -> None:
    data = str(candles(tmp_path / "btcusdt-1m.csv"))
    code, said = typed("lookahead", "ma_cross", "--data", data, "--cuts", "4", "--param", "fast=5", home=tmp_path)
    assert code == 0
    assert "No decision changed." in said
    assert "900 of 900 candles" in said
    code, said = typed(
        "lookahead", "ribbon_patient", "--data", data, "--cuts", "2", "--json", "--param", "trend_bars=1", home=tmp_path
    )
    assert code == 0
    assert json.loads(said)["clean"] is True


def test_a_cheater_ends_with_one_and_with_what_it_knew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.strategies import registry
    from engine.strategies.ma_cross import MaCross

    class Remembers(MaCross):
        """Its class knows what came next the last time."""

        seen: dict[int, float] = {}  # noqa: RUF012

        def observe(self, candle: Any) -> None:
            super().observe(candle)
            self.seen[candle.open_time] = candle.close

        def decide(self, candle: Any, view: Any) -> Any:
            ahead = self.seen.get(candle.open_time + 9 * MINUTE_NS)
            return [] if ahead is not None and ahead < candle.close else super().decide(candle, view)

    monkeypatch.setitem(registry.STRATEGIES, "ma_cross", Remembers)
    data = str(candles(tmp_path / "btcusdt-1m.csv"))
    code, said = typed("lookahead", "ma_cross", "--data", data, "--cuts", "4", home=tmp_path)
    assert code == 1
    assert "again" in said
    assert "became" in said
    assert "knows more than the candles" in said


def test_what_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    data = str(candles(tmp_path / "btcusdt-1m.csv", 100))
    with pytest.raises(CockpitError, match="no strategy"):
        typed("lookahead", "nobody", "--data", data, home=tmp_path)
    with pytest.raises(CockpitError, match="decides nothing"):
        typed("lookahead", "ma_cross", "--data", data, "--param", "slow=400", home=tmp_path)
    with pytest.raises(CockpitError, match="is not before"):
        typed("lookahead", "ma_cross", "--data", data, "--from", "2023-02-01", "--to", "2023-01-01", home=tmp_path)
