"""No look-ahead: honest strategies pass, and whoever holds the data by another way is caught."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from backtest_kit import walk

from engine.model.errors import CockpitError
from engine.model.market import Candle
from engine.model.orders import Intent
from engine.runner.lookahead import CHECKS, PIECE, LookAhead, Make, lookahead
from engine.strategies import registry
from engine.strategies.base import Params, Strategy, View

DATA = walk(1_500, 5)
QTY = Decimal("0.01")


class Nothing(Params, frozen=True):
    pass


class Base(Strategy[Nothing]):
    """Buys or sells now and then; ``sign`` says which."""

    name = "base"
    params_type = Nothing

    def __init__(self, params: Nothing) -> None:
        super().__init__(params)
        self.seen: list[Candle] = []

    def observe(self, candle: Candle) -> None:
        self.seen.append(candle)

    def sign(self) -> float:
        return self.seen[-1].close - self.seen[-5].close

    def decide(self, candle: Candle, view: View) -> list[Intent]:
        if len(self.seen) < 20 or len(self.seen) % 9:
            return self.wait(view, "not now")
        sign = self.sign()
        self.why = "now"
        return [Intent(side="BUY" if sign > 0 else "SELL", qty=QTY)] if sign else []


class HoldsTheList(Base):
    """Was handed the list that the run reads, and looks five rows ahead."""

    name = "holds_the_list"

    def __init__(self, params: Nothing, rows: list[Candle]) -> None:
        super().__init__(params)
        self.rows = rows

    def sign(self) -> float:
        at = len(self.seen) - 1
        return self.rows[min(at + 5, len(self.rows) - 1)].close - self.rows[at].close


class Centred(HoldsTheList):
    """A mean around the bar instead of behind it: two rows of it lie ahead."""

    name = "centred"

    def sign(self) -> float:
        at = len(self.seen) - 1
        window = self.rows[max(0, at - 2) : at + 3]
        return self.seen[-1].close - sum(c.close for c in window) / len(window)


class Careless(HoldsTheList):
    """Reads the next row and does not ask whether there is one."""

    name = "careless"

    def sign(self) -> float:
        return self.rows[len(self.seen)].close - self.seen[-1].close


class Leaks(Base):
    """Keeps candles in its class: the second run knows what the first one saw."""

    name = "leaks"
    memory: ClassVar[dict[int, float]] = {}

    def observe(self, candle: Candle) -> None:
        super().observe(candle)
        self.memory[candle.open_time] = candle.close

    def sign(self) -> float:
        ahead = self.memory.get(self.seen[-1].open_time + 3 * 60_000_000_000)
        return super().sign() if ahead is None else ahead - self.seen[-1].close


class ReadsAFile(Base):
    """Looks the next minute up in a copy of the data that it has from elsewhere."""

    name = "reads_a_file"

    def __init__(self, params: Nothing, path: Path) -> None:
        super().__init__(params)
        rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
        self.closes = {int(t): float(close) for t, close in rows}

    def sign(self) -> float:
        ahead = self.closes.get(self.seen[-1].open_time + 60_000_000_000)
        return super().sign() if ahead is None else ahead - self.seen[-1].close


def looked(make: Make, **more: Any) -> LookAhead:
    return lookahead(more.pop("data", DATA), make, **{"cuts": 8, "seed": 1, **more})


def checks(found: LookAhead) -> set[str]:
    return {change.check for change in found.changes}


# --- honest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_every_shipped_strategy_passes(name: str) -> None:
    params = {"trend": "any", "min_rr": 0.1} if name == "sweep" else {}
    found = looked(lambda _: registry.build(name, params))
    assert found.clean, found.changes[:3]
    assert (found.strategy, found.pieces, found.cuts) == (name, 1, 8)
    assert found.decisions > 3
    assert found.runs == 3 + 2 * found.cuts


def test_an_honest_one_that_is_handed_the_list_passes_too() -> None:
    found = looked(lambda rows: Base(Nothing()))
    assert found.clean
    assert found.decisions > 100


# --- cheaters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [HoldsTheList, Centred, Careless])
def test_who_holds_the_list_is_caught_by_the_cut_and_by_another_future(kind: type[HoldsTheList]) -> None:
    found = looked(lambda rows: kind(Nothing(), rows))
    assert not found.clean
    assert checks(found) == {"cut", "other future"}


def test_a_change_says_where_and_what_it_was_and_became() -> None:
    found = looked(lambda rows: HoldsTheList(Nothing(), rows))
    change = found.changes[0]
    assert change.check in CHECKS
    assert 0 <= (change.cut_t - change.t) // 60_000_000_000 < 5  # it looks five rows ahead
    assert sorted([*change.was, *change.became]) == ["BUY entry market qty 0.01", "SELL entry market qty 0.01"] or (
        not change.was or not change.became
    )


def test_an_error_at_the_end_of_what_it_holds_is_a_change() -> None:
    found = looked(lambda rows: Careless(Nothing(), rows), cuts=40)
    assert any("IndexError" in text for change in found.changes for text in change.became)


def test_who_keeps_things_in_its_class_is_caught_by_running_again() -> None:
    Leaks.memory.clear()
    found = looked(lambda _: Leaks(Nothing()))
    assert "again" in checks(found)


def test_who_looks_up_a_file_by_time_is_caught_by_moving_the_history(tmp_path: Path) -> None:
    path = tmp_path / "future.csv"
    path.write_text("\n".join(f"{c.open_time},{c.close!r}" for c in DATA), encoding="utf-8")
    found = looked(lambda _: ReadsAFile(Nothing(), path))
    assert checks(found) == {"moved"}


# --- where it looks ----------------------------------------------------------------------------------------------


def test_a_long_history_is_looked_at_in_pieces() -> None:
    found = looked(lambda _: Base(Nothing()), data=walk(3 * PIECE, 2), cuts=10)
    assert found.pieces == 2
    assert found.bars == 2 * PIECE
    assert found.cuts <= 10
    assert found.clean


def test_the_same_seed_cuts_at_the_same_bars() -> None:
    one, two = (looked(lambda rows: HoldsTheList(Nothing(), rows)) for _ in range(2))
    assert one == two
    assert looked(lambda rows: HoldsTheList(Nothing(), rows), seed=2) != one


def test_progress_goes_from_nothing_to_all() -> None:
    heard: list[float] = []
    looked(lambda _: Base(Nothing()), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_where_nothing_is_decided_nothing_is_shown() -> None:
    with pytest.raises(CockpitError, match="decides nothing"):
        looked(lambda _: registry.build("ma_cross", {"slow": 5000}))
    with pytest.raises(CockpitError, match="no candles"):
        looked(lambda _: Base(Nothing()), data=[])
