"""What leaves for other programs is exact, complete and harmless there."""

from __future__ import annotations

import csv
import json
from copy import copy
from decimal import Decimal
from pathlib import Path

import pytest

from engine.journal.export import TRADE_COLUMNS, iso, write_jsonl, write_trades_csv
from engine.journal.recording import Recording
from engine.journal.writer import Journal
from engine.model.events import BookTick, FillReport, Noticed
from engine.model.orders import Fill, Trade

FILL = Fill(5, "BTCUSDT", "t1", "v1", "c1", "BUY", Decimal("0.100"), Decimal("95000.1"), Decimal("5.70"), False)
TRADE = Trade(
    *("BTCUSDT", "SELL", Decimal("0.10"), 0, 1_500_000_000, Decimal("1E+5"), Decimal("95000"), Decimal("-12.50")),
    *(Decimal("1"), Decimal("0"), None, 7, "sweep", "=HYPERLINK(1)", "stop, then\n@exit"),
)


async def test_events_become_one_named_object_per_line(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one.ckpt")
    journal.append(FillReport(1_000_000_001, FILL))
    journal.append(Noticed(2_000_000_000, "Config", "", "a\nb"))
    await journal.close()
    with Recording.open(journal.path) as recording:
        assert write_jsonl(recording, tmp_path / "events.jsonl") == 2
    first, second = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (first["seq"], first["t"], first["kind"]) == (1, 1_000_000_001, "FillReport")
    assert first["time"] == "1970-01-01T00:00:01.000000001Z"
    assert first["data"]["fill"]["price"] == "95000.1"
    assert first["data"]["fill"]["qty"] == "0.100"
    assert (second["kind"], second["data"]["kind"], second["data"]["text"]) == ("Noticed", "Config", "a\nb")


async def test_the_sides_of_a_book_stay_lists_of_price_and_size(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one.ckpt")
    journal.append(BookTick(1, "BTCUSDT", [(1.5, 2.0)], [(2.5, 1.0), (3.0, 4.0)], 7))
    journal.append(BookTick(2, "X", [], [], 0))
    await journal.close()
    with Recording.open(journal.path) as recording:
        write_jsonl(recording, tmp_path / "events.jsonl")
    first, second = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (first["data"]["bids"], first["data"]["asks"]) == ([[1.5, 2.0]], [[2.5, 1.0], [3.0, 4.0]])
    assert second["data"]["bids"] == []


def test_trades_have_entry_and_exit_times_and_no_formulas(tmp_path: Path) -> None:
    write_trades_csv([TRADE], tmp_path / "trades.csv")
    with (tmp_path / "trades.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert tuple(line) == TRADE_COLUMNS
    assert line["entry_ts"] == "1970-01-01T00:00:00.000000000Z"
    assert line["exit_ts"] == "1970-01-01T00:00:01.500000000Z"
    assert (line["entry"], line["pnl"], line["r"]) == ("100000", "-12.50", "")
    assert (line["why"], line["exit_why"]) == ("'=HYPERLINK(1)", "stop, then\n@exit")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path, text: str) -> None:
    trade = copy(TRADE)
    trade.why = text
    write_trades_csv([trade], tmp_path / "trades.csv")
    with (tmp_path / "trades.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert line["why"] == "'" + text


def test_a_failed_export_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("old")
    with pytest.raises(AttributeError):
        write_trades_csv([TRADE, None], path)  # type: ignore[list-item]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("t", [-(2**63), -1, 0, 2**63 - 1])
def test_every_time_that_a_journal_can_hold_has_a_date(t: int) -> None:
    assert iso(t).endswith("Z")
