"""``trades.csv``: exact, in UTC, whole or not at all, and no formula for a spreadsheet."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from report_kit import T0, D, crossed, empty, trade

from engine.report.trades import COLUMNS, cell, iso, write_trades


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_row_a_trade_with_exact_numbers(tmp_path: Path) -> None:
    result, _ = crossed(stop=3.0)
    rows = read(write_trades(result, tmp_path / "trades.csv"))
    assert len(rows) == len(result.trades) > 100
    assert tuple(rows[0]) == COLUMNS
    for row, one in zip(rows, result.trades, strict=True):
        assert (D(row["pnl"]), D(row["entry"]), D(row["exit"]), D(row["fees"])) == (
            one.pnl,
            one.entry,
            one.exit,
            one.fees,
        )
        assert (row["entry_time"], row["exit_time"]) == (iso(one.entry_t), iso(one.exit_t))
        assert float(row["r"]) == one.r
    assert sum(D(row["funding"]) for row in rows) == sum(one.funding for one in result.trades) != 0


def test_a_run_without_trades_is_a_head_only(tmp_path: Path) -> None:
    assert write_trades(empty()[0], tmp_path / "t.csv").read_text().strip() == ",".join(COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1", "\n-2"])
def test_text_that_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    assert cell(text).startswith("'")


def test_plain_text_and_negative_numbers_stay_as_they_are(tmp_path: Path) -> None:
    assert cell("stop - 3 ATR") == "stop - 3 ATR"
    result = replace(empty()[0], trades=[trade("-2.5", r=-1.0, why="=cmd|' /C calc'!A0", exit_why='a "b", c\nd')])
    (row,) = read(write_trades(result, tmp_path / "t.csv"))
    assert (row["pnl"], row["r"]) == ("-2.5", "-1.0")
    assert row["why_in"] == "'=cmd|' /C calc'!A0"
    assert row["why_out"] == 'a "b", c d'


def test_times_are_iso_in_utc_to_the_digit_that_counts() -> None:
    assert iso(T0) == "2023-11-15T00:00:00Z"
    assert iso(T0 + 1_500_000_000) == "2023-11-15T00:00:01.5Z"
    assert iso(T0 + 1) == "2023-11-15T00:00:00.000000001Z"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    broken = replace(empty()[0], trades=[trade("1"), None])  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        write_trades(broken, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
