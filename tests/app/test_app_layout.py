"""Where panes stand: the column's heights, what comes and goes, and that what is cut cannot be approved."""

from __future__ import annotations

import pytest
from app_kit import after, bump, resized, running, session, settled, text_of, with_approval, with_position

from cockpit.guard import LOCKOUT_S
from cockpit.screens.layout import LAYOUTS, LEAST, heights
from engine.core.orders import terms
from engine.model.state import Gate

READ = LOCKOUT_S + 0.1


@pytest.mark.parametrize(("size", "rooms"), [("wide", range(37, 98)), ("medium", range(27, 98))])
@pytest.mark.parametrize("asked", [4, 11, 12, 13, 14])
def test_the_column_is_never_overfull_and_an_order_that_waits_gets_its_rows(
    size: str, rooms: range, asked: int
) -> None:
    for room in rooms:
        rows = heights(room, LAYOUTS[size], asked)  # type: ignore[index]
        assert sum(rows.values()) + LEAST["orders"] <= room
        assert all(rows[name] >= LEAST[name] for name in rows)
        assert rows["approval"] == asked or room < 30


@pytest.mark.parametrize("room", range(27, 98))
def test_the_position_does_not_jump_when_something_is_asked(room: int) -> None:
    names = LAYOUTS["medium"]
    assert len({heights(room, names, asked)["position"] for asked in (4, 11, 12, 13)}) == 1


async def test_the_checklist_leaves_when_it_has_passed_and_comes_back_when_something_fails() -> None:
    async with running() as (app, source, pilot):
        panes = app.trade.panes
        assert not panes["preflight"].display
        assert "9 preflight ✓ all passed" in text_of(app)
        width = panes["log"].region.width
        source.state.gates["login"] = Gate("login", "fail", True, "refused")
        bump(source.state)
        await after(pilot, 1.1)
        assert panes["preflight"].display
        assert "login" in text_of(app)
        assert panes["log"].region.width < width
        await pilot.press("9")
        source.state.gates["login"] = Gate("login", "pass", True, "ok")
        bump(source.state)
        await after(pilot, 1.1)
        assert not panes["preflight"].display
        assert app.focused is app.trade.chart


@pytest.mark.parametrize(("digit", "title"), [("8", "HEARTBEAT"), ("9", "PREFLIGHT")])
async def test_what_has_no_place_at_this_size_is_named_below_the_log_and_comes_with_its_digit(
    digit: str, title: str
) -> None:
    async with running(size=(120, 36)) as (app, _, pilot):
        assert "8 links 3/3 up" in text_of(app)
        assert "9 preflight ✓ all passed" in text_of(app)
        await pilot.press(digit)
        await settled(pilot)
        assert title in text_of(app)
        await pilot.press("escape")
        await settled(pilot)
        assert title not in text_of(app)


@pytest.mark.parametrize("size", [(160, 45), (140, 40), (120, 36), (100, 30), (80, 24)])
async def test_at_every_size_all_terms_are_on_the_screen_before_y_counts(size: tuple[int, int]) -> None:
    state = with_approval(with_position(session()), tif="POST_ONLY")
    async with running(state, size=size) as (app, source, pilot):
        await after(pilot, READ)
        text = text_of(app)
        for term in ("BUY LIMIT", "0.100 BTC", "62,610.0", "62,250.0", "63,300.0", "post-only"):
            assert term in text
        await pilot.press("y")
        assert source.commands == [("approve", "a1", terms(state.orders["a1"]), "key")]


async def test_terms_that_do_not_fit_cannot_be_approved_until_the_pane_is_maximised() -> None:
    state = with_approval(session(), qty=10**9, symbol="1000000MOGWIFHATUSDT-20261225", tif="POST_ONLY")
    async with running(state, size=(80, 24)) as (app, source, pilot):
        await after(pilot, READ, "y")
        assert source.commands == []
        assert "Not all terms fit" in app.said[-1]
        assert "the terms do not fit" in text_of(app)
        await pilot.press("4")
        await after(pilot, 1.0)
        await after(pilot, READ, "y")
        assert source.actions == ["approve"]


async def test_what_cannot_be_read_in_full_can_still_be_declined() -> None:
    state = with_approval(session(), qty=10**9, symbol="1000000MOGWIFHATUSDT-20261225", tif="POST_ONLY")
    async with running(state, size=(80, 24)) as (_, source, pilot):
        await after(pilot, READ, "n")
        assert source.commands == [("decline", "a1", "", "key")]


async def test_moved_keys_are_moved_on_the_screen_too() -> None:
    moved = {"approve": "a", "decline": "d", "cancel": "X", "pane_log": "f7", "timeframe": "f6", "filter": "f5"}
    async with running(with_approval(with_position(session())), screen={"keymap": moved}) as (app, _, pilot):
        await after(pilot, READ)
        text = text_of(app)
        for shown in (" a  approve   d  decline", "F7  REJECTIONS", "F6 timeframe", "F5 filter"):
            assert shown in text
        await resized(pilot, 80, 24)
        assert " a   d" in text_of(app)


async def test_an_error_while_painting_is_survived_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.panes.position import PositionPane

    async with running(with_position(session())) as (app, source, pilot):

        def broken(*_: object) -> None:
            raise ZeroDivisionError("no such row")

        monkeypatch.setattr(PositionPane, "lines", broken)
        await resized(pilot, 150, 44)
        await settled(pilot)
        assert app.is_running
        assert any(where == "pane position" and isinstance(error, ZeroDivisionError) for where, error in app.failures)
        await pilot.press("p")
        assert source.actions == ["pause"]
