"""The table of a sweep in the cockpit, by keys alone: sort, filter, map, details, and the command that repeats a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from search_kit import Sweep, market

from cockpit.panes.text import plain as text_of
from cockpit.screens.search import ACTIONS, SweepApp
from cockpit.screens.search_panes import LEVELS, MapPane
from cockpit.view import View
from engine.model.state import State
from engine.ops.config import load
from engine.runner.data import Bars
from engine.search.findings import Findings, findings
from engine.search.task import Outcome

HOSTILE = "\x1b[2J[red]]\u202e界\n" * 3
SIZES = [(160, 45), (80, 24), (40, 12), (20, 6)]


@pytest.fixture(scope="module")
def data() -> Bars:
    return market(5, per_day=180)


@pytest.fixture(scope="module")
def found(data: Bars, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    ask: dict[str, Any] = {"grid": ("fast=5,10,20", "slow=15,30,60", "stop_atr=2,3"), "monte_carlo": 20}
    sweep = Sweep(tmp_path_factory.mktemp("grid"), data, **ask)
    sweep.run()
    return findings(sweep.store)


@pytest.fixture(scope="module")
def tested(data: Bars, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    sweep = Sweep(tmp_path_factory.mktemp("tested"), data, walk_forward="train=1d,test=1d", objective="pnl")
    sweep.run()
    return findings(sweep.store)


def app(found: Findings) -> SweepApp:
    profile = load("demo").profile
    return SweepApp(found, View(State(), time.time_ns(), profile, "BTCUSDT", "replay"), profile.screen)


def seen(running: SweepApp) -> str:
    """What the panes show, with their titles."""
    screen = running.sweep
    parts = [
        (text_of([pane._frame[0]]) if pane._frame else "", text_of(pane._lines))
        for pane in (screen.verdict, screen.pane, screen.map)
        if pane.display
    ]
    return "\n".join(f"{title}\n{body}" for title, body in parts)


async def test_the_warning_and_the_best_run_are_on_the_first_screen(found: Findings) -> None:
    running = app(found)
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        shown = seen(running)
        assert "RUNS 16" in shown
        assert "2 refused by the strategy" in shown
        assert "16 trials" in shown.split("RUNS")[0]
        assert running.sweep.pane.selected_row(running.sweep.view) == found.points[0]


async def test_the_table_sorts_by_any_column_and_turns(found: Findings) -> None:
    running = app(found)
    async with running.run_test(size=(160, 45)) as pilot:
        pane = running.sweep.pane
        for shown in pane.shown[1:]:
            await pilot.press("s")
            values = [shown.value(p) for p in pane.rows(running.sweep.view)]
            known = [float(v) for v in values if v is not None]
            assert known == sorted(known, reverse=pane.turned), shown.column.title
            before = pane.turned
            await pilot.press("r")
            assert pane.turned is not before
            await pilot.press("r")
        await pilot.press("s")
        assert pane.sorted_by == 0
        await pilot.press("S")
        assert pane.sorted_by == len(pane.shown) - 1


async def test_a_filter_leaves_what_matches_and_escape_goes_back_step_by_step(found: Findings) -> None:
    running = app(found)
    async with running.run_test(size=(120, 30)) as pilot:
        await pilot.press("slash", *"fast=10 ", "enter")
        rows = running.sweep.pane.shown_rows(running.sweep.view)
        assert {p.row.task.params["fast"] for p in rows} == {10}
        await pilot.press("escape")
        assert len(running.sweep.pane.shown_rows(running.sweep.view)) == 16
        await pilot.press("escape")
        await pilot.pause()
    assert running.return_value is None
    assert not running.is_running


async def test_a_run_opens_with_its_fingerprint_and_the_command_that_repeats_it(found: Findings) -> None:
    running = app(found)
    async with running.run_test(size=(160, 45)) as pilot:
        await pilot.press("j", "enter")
        await pilot.pause()
        sheet = running.screen.query_one("SheetPane")
        shown = text_of(sheet._lines)  # type: ignore[attr-defined]
        outcome = found.points[1].row.outcome
        entries = {e.cells[0][0]: e.cells[1][0] for e in sheet.sheet.entries}  # type: ignore[attr-defined]
        assert entries["config hash"] == outcome.config_hash
        assert entries["data hash"] == found.plan.data
        assert "cockpit backtest --strategy ma_cross" in shown
        await pilot.press("escape")
        await pilot.press("c")
        assert running.clipboard.startswith("cockpit backtest --strategy ma_cross")
        assert "--param fast=" in running.clipboard


async def test_the_map_shows_two_parameters_and_then_the_next_two(found: Findings) -> None:
    running = app(found)
    async with running.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        chart = running.sweep.map
        assert chart.display
        assert "fast → by slow" in text_of([chart._frame[0]])
        assert any(level in text_of(chart._lines) for level in LEVELS)
        assert "·" in text_of(chart._lines), "fast 20 with slow 15 was refused"
        await pilot.press("p")
        assert "fast → by stop_atr" in text_of([chart._frame[0]])
        await pilot.press("m")
        assert not chart.display


def test_the_map_has_a_sign_for_gain_and_loss(found: Findings) -> None:
    chart = MapPane(found, {})
    assert chart._cell(1.5, -1.0, 2.0, 4, False) == ("  +▇", "bull")
    assert chart._cell(-1.0, -1.0, 2.0, 4, False) == ("  -▁", "bear")
    assert chart._cell(2.0, -1.0, 2.0, 4, True) == (" ›+█", "cursor bull")
    assert chart._cell(None, 0, 0, 4, False) == ("   ·", "dim")


async def test_a_walk_forward_shows_out_of_sample_beside_in_sample(tested: Findings) -> None:
    running = app(tested)
    async with running.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        shown = seen(running)
        assert "OUT OF SAMPLE" in shown
        assert "Out of sample the Sharpe" in shown
        head = text_of(running.sweep.pane._lines).splitlines()[0]
        assert head.split()[1:][:5] == ["window", "fast", "slow", "in", "out"]
        first = running.sweep.pane.rows(running.sweep.view)[0]
        assert first.chosen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", ["found", "tested", "nothing", "hostile"])
async def test_every_size_and_every_content_can_be_shown(
    size: tuple[int, int], what: str, request: pytest.FixtureRequest, found: Findings
) -> None:
    made: dict[str, Callable[[], Findings]] = {
        "nothing": lambda: found._replace(
            points=[], verdict=None, counts={}, notes=msgspec.structs.replace(found.notes, carlo=None)
        ),
        "hostile": lambda: hostile(found),
    }
    running = app(made[what]() if what in made else request.getfixturevalue(what))
    async with running.run_test(size=size) as pilot:
        for key in ("s", "r", "m", "p", "j", "k", "G", "g", "c", "m"):
            await pilot.press(key)
        await pilot.press("slash", "x", "enter", "escape", "enter")
        await pilot.pause()
        assert running.is_running
        shown = seen(running)
        assert not any(c in shown.replace("\n", "") for c in "\x1b\u202e\r")
        assert "cannot be drawn" not in shown


def hostile(found: Findings) -> Findings:
    """Names, reasons and sources that a screen must not obey."""
    points = []
    for point in found.points:
        params = {name: HOSTILE if name == "stop_atr" else value for name, value in point.row.task.params.items()}
        row = type(point.row)(
            msgspec.structs.replace(point.row.task, params=params), Outcome(point.row.task.id, "failed", HOSTILE)
        )
        points.append(point._replace(row=row))
    notes = msgspec.structs.replace(found.notes, source=HOSTILE, data=HOSTILE, symbol=HOSTILE)
    return found._replace(points=points, notes=notes, name=HOSTILE)


def test_no_two_actions_of_the_table_have_one_key() -> None:
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))
