"""Looking back while the engine trades on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from app_kit import settled, text_of
from replay_app_kit import BIG, SMALL, live, press

from cockpit.actions import DEFAULT, allowed


async def test_a_live_screen_has_a_strip_that_says_now_where_there_is_room(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, _source, _):
        assert "● NOW" in text_of(app)
    async with live(tmp_path, SMALL) as (app, _, _source, _):
        assert "● NOW" not in text_of(app)


@pytest.mark.parametrize("size", [BIG, (120, 36), SMALL, (60, 16)])
async def test_stepping_back_goes_behind_live_with_a_banner_and_the_lag(tmp_path: Path, size: tuple[int, int]) -> None:
    async with live(tmp_path, size) as (app, _, source, pilot):
        await press(pilot, ",")
        assert source.travel is not None
        assert app.view().source == "behind"
        text = text_of(app)
        assert "◀◀ BEHIND LIVE" in text
        assert "00:06 ago" in text or "00:05 ago" in text


async def test_L_comes_back(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, source, pilot):
        await press(pilot, ",", "[", "L")
        assert source.travel is None
        assert app.view().source == "live"
        assert "BEHIND" not in text_of(app)
        assert "● NOW" in text_of(app)


async def test_the_past_is_shown_and_the_engine_goes_on(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, _source, pilot):
        await press(pilot, "g", *"#200", "enter")
        assert app.view().state.seq == 200
        assert app.view().state is not session.state
        assert app.present().state is session.state


async def test_kill_and_pause_act_on_the_live_engine(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, _source, pilot):
        await press(pilot, "g", *"#80", "enter")
        await press(pilot, "p")
        assert session.commands == [("pause", "")]
        await press(pilot, "f9")
        assert session.commands[-1] == ("kill", "")
        await settled(pilot)
        text = text_of(app)
        assert "■ HALTED" in text
        assert app.view().source == "behind"


async def test_pausing_looks_at_the_engine_and_not_at_the_past(tmp_path: Path) -> None:
    async with live(tmp_path) as (_, session, _source, pilot):
        session.state.trading = "PAUSED"
        await press(pilot, ",", "p")
        assert session.commands == [("resume", "")]


@pytest.mark.parametrize("key", ["y", "c", "F", "R", "x", "n"])
async def test_every_other_order_key_is_blocked(tmp_path: Path, key: str) -> None:
    async with live(tmp_path) as (app, session, _source, pilot):
        await press(pilot, "g", *"#80", "enter")
        await press(pilot, "5", key)
        assert session.commands == []
        assert app.screen is app.trade


def test_behind_live_only_kill_and_pause_are_allowed() -> None:
    assert {
        spec.id for spec in DEFAULT if spec.risk != "view" and allowed(spec, "behind") and spec.contexts[0] != "dialog"
    } == {"kill", "pause"}


async def test_an_order_that_waits_now_is_announced_behind_live(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, _source, pilot):
        from replay_app_kit import ASKED, copied

        from engine.core.trader import copy_of
        from engine.replay.cursor import Replay

        with Replay.open(copied(tmp_path)) as replay:
            session.state = copy_of(replay.seek(ASKED))
            session.t = session.state.t
        await press(pilot, ",")
        assert "order waits" in text_of(app)


async def test_a_bookmark_of_now_does_not_leave_now(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, source, pilot):
        await press(pilot, "b", *"odd", "enter")
        assert source.travel is None
        assert [(mark.seq, mark.note) for mark in source.bookmarks or ()] == [(session.state.seq, "odd")]
        await press(pilot, "'")
        assert "odd" in text_of(app)
        await press(pilot, "escape", ",")
        assert any(mark.kind == "bookmark" for mark in source.travel.marks)  # type: ignore[union-attr]


async def test_why_asks_the_journal_without_leaving_now(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, source, pilot):
        await press(pilot, "w")
        for _ in range(100):
            if "sized and decided" in text_of(app):
                break
            await asyncio.sleep(0.02)
            await settled(pilot)
        assert "filled" in text_of(app)
        assert source.travel is None
        await press(pilot, "enter")
        assert app.view().source == "behind"


async def test_quitting_asks_about_what_is_open_now(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, _source, pilot):
        await press(pilot, "g", *"#20", "enter")
        assert not app.view().state.positions
        await press(pilot, "q")
        assert "LONG 0.2638" in text_of(app)
        assert app.return_value is None


async def test_enter_on_a_row_of_a_live_log_goes_behind_to_its_moment(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, source, pilot):
        await press(pilot, "7", "enter")
        assert source.travel is not None
        assert app.view().state.seq == session.state.rejections[-1].seq


async def test_a_click_on_the_live_strip_goes_behind(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, session, source, pilot):
        session.state.session.started_t = session.state.t - 20_000_000_000
        app.tick()
        await pilot.click(app.trade.timeline, offset=(60, 1))
        await press(pilot, "u")
        assert source.travel is not None
        assert app.view().source == "behind"


async def test_digits_focus_panes_on_a_live_screen_even_with_the_strip_focused(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, source, pilot):
        await press(pilot, "2", "3")
        assert app.focused is app.trade.panes["position"]
        assert source.travel is None


async def test_keys_of_the_present_mean_what_they_meant(tmp_path: Path) -> None:
    async with live(tmp_path) as (app, _, source, pilot):
        tab = app.trade.log_pane.tab
        await press(pilot, "]", ".", "left", "space", "d", "/")
        assert app.trade.log_pane.tab != tab
        assert source.travel is None
        assert app.focused is app.trade.filter
