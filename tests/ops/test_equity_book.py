"""The book of days: a row a session and day, once, whatever happens while it is written."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from engine.model.orders import Position
from engine.model.state import Account, Market, SessionInfo, State
from engine.ops import equity_book as book
from engine.ops.paths import Home

NOON = 1_773_144_000_000_000_000
"""2026-03-10 12:00 UTC."""
MIDNIGHT = NOON + 43_200_000_000_000


def state(**changes: object) -> State:
    account = Account(known=True, start=Decimal(1000), wallet=Decimal("1010.5"), fees=Decimal(4), funding=Decimal(-1))
    position = Position(symbol="X", qty=Decimal(2), entry=Decimal(100))
    found = State(
        session=SessionInfo(id="s", profile="live", mode="LIVE"), account=account, positions={"X": position},
        markets={"X": Market("X", mark=105.0)}, trades_total=3,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def row(t: int, why: book.Why = "end", start: float = 1000.0, **changes: object) -> book.Row:
    return book.row(state(**changes), t, why, "acc0", start, book.Totals())


def test_a_row_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert book.add(home, row(NOON))
    (found,) = book.read(home)
    assert found == row(NOON)
    assert (found.equity, found.wallet, found.unrealised) == (Decimal("1020.50"), Decimal("1010.5"), Decimal("10.00"))
    assert (found.day_pnl, found.fees, found.funding, found.trades) == (Decimal("20.50"), Decimal(4), Decimal(-1), 3)
    assert book.path(home).stat().st_mode & 0o777 == 0o600


def test_midnight_closes_the_day_before(tmp_path: Path) -> None:
    assert row(MIDNIGHT, "midnight").date == "2026-03-10"
    assert row(MIDNIGHT, "end").date == "2026-03-11"


def test_the_same_day_of_a_session_is_written_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert book.add(home, row(NOON))
    before = book.path(home).read_bytes()
    assert not book.add(home, row(NOON + 5))
    assert book.path(home).read_bytes() == before


def test_a_second_row_of_a_session_has_only_what_came_since_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    book.add(home, row(MIDNIGHT, "midnight"))
    later = state(trades_total=5)
    later.account.fees = Decimal(9)
    book.add(home, book.row(later, MIDNIGHT + 5, "end", "acc0", 1000.0, book.Totals()))
    first, second = book.read(home)
    assert (first.fees, first.trades) == (Decimal(4), 3)
    assert (second.fees, second.funding, second.trades) == (Decimal(5), Decimal(0), 2)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_crash_cut_off_is_passed_over_and_written_again(tmp_path: Path, cut: int) -> None:
    home = Home(tmp_path)
    book.add(home, row(NOON, trades_total=12))
    book.add(home, row(MIDNIGHT + 5, trades_total=12))
    whole = book.path(home).read_bytes()
    os.truncate(book.path(home), len(whole) - cut)
    assert len(book.read(home)) == (2 if cut == 1 else 1)
    assert book.add(home, row(MIDNIGHT + 5, trades_total=12)) == (cut > 1)
    assert [(r.date, r.trades) for r in book.read(home)] == [("2026-03-10", 12), ("2026-03-11", 0)]


def test_text_from_outside_is_no_formula_and_no_row(tmp_path: Path) -> None:
    home = Home(tmp_path)
    evil = state(session=SessionInfo(id='=cmd|"x",\n9', profile="a,b", mode="LIVE"))
    assert book.add(home, book.row(evil, NOON, "end", "", 0.0, book.Totals()))
    (found,) = book.read(home)
    assert (found.session, found.profile) == ("_cmd__x___9", "a_b")
    assert book.path(home).read_text().count("\n") == 2


def test_a_disk_that_refuses_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "equity.csv").mkdir()
    with pytest.raises(OSError, match="directory"):
        book.add(Home(tmp_path), row(NOON))
