"""A recording on the trade screen, by keys and mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_kit import settled, text_of
from replay_app_kit import ASKED, BIG, KILL, LONG, SECOND, SMALL, played, press, replaying, still

from cockpit.actions import DEFAULT, allowed
from cockpit.screens.prompt import Prompt
from cockpit.screens.reader import Reader


async def test_it_opens_paused_at_the_end_with_the_timeline(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, _):
        assert travel.seq == travel.replay.last.seq
        assert not travel.player.playing
        text = text_of(app)
        assert "REPLAY" in text
        assert f"#{travel.seq:,} of {travel.replay.last.seq:,}" in text
        assert "was DEMO" in text


@pytest.mark.parametrize("size", [BIG, (120, 36), SMALL])
async def test_the_timeline_is_on_the_screen_at_every_size_and_beside_a_maximised_pane(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with replaying(tmp_path, size=size) as (app, _, pilot):
        for keys in ((), ("7", "z"), ("escape", "5", "z")):
            await press(pilot, *keys)
            assert app.trade.timeline.region.height >= 2
            assert app.screen.region.contains_region(app.trade.timeline.region)


async def test_nothing_after_the_cursor_is_on_the_screen(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{LONG}") as (app, travel, _):
        state = app.view().state
        assert state.seq == LONG
        t = travel.t
        assert all(fill.t <= t + 60 * 60 * SECOND for fill in state.fills)
        assert all(row.seq <= LONG for row in [*state.rejections, *state.log, *state.notes])
        assert not state.session.ended
        text = text_of(app)
        assert "HALTED" not in text
        assert "LONG 0.2638" in text


async def test_a_step_is_one_event_one_bar_or_one_order(tmp_path: Path) -> None:
    async with replaying(tmp_path, "#300") as (_, travel, pilot):
        await press(pilot, ".")
        assert travel.seq == 301
        await press(pilot, ",", ",")
        assert travel.seq == 299
        for unit in ("tick", "bar", "order"):
            await press(pilot, "u")
            assert travel.unit == unit
            before = travel.seq
            await press(pilot, ".")
            assert travel.seq > before
            await press(pilot, ",")
            assert travel.seq <= before


async def test_arrows_go_five_seconds_and_with_shift_a_tenth(tmp_path: Path) -> None:
    async with replaying(tmp_path, "50%") as (_, travel, pilot):
        t, whole = travel.t, travel.replay.last.t - travel.replay.first.t
        await press(pilot, "left")
        assert travel.t == t - 5 * SECOND
        await press(pilot, "right", "shift+right")
        assert travel.t == t + int(whole * 0.1)
        await press(pilot, "home")
        assert travel.seq == 1
        await press(pilot, "end")
        assert travel.seq == travel.replay.last.seq


async def test_a_held_key_moves_for_each_repeat_but_is_not_painted_for_each(tmp_path: Path) -> None:
    async with replaying(tmp_path, "#200") as (app, travel, pilot):
        before = app.motion.pictures
        await pilot.press(*["."] * 30)
        await still(pilot)
        assert travel.seq == 230
        assert app.motion.pictures - before < 15


async def test_brackets_go_from_mark_to_mark_and_braces_change_tabs(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        marks = [mark.seq for mark in travel.marks]
        await press(pilot, "home", "]")
        assert travel.seq == marks[0]
        await press(pilot, "]", "]", "[")
        assert travel.seq == marks[1]
        tab = app.trade.log_pane.tab
        await press(pilot, "}")
        assert app.trade.log_pane.tab != tab
        await press(pilot, "{")
        assert app.trade.log_pane.tab == tab


async def test_digits_are_percent_only_while_the_timeline_has_the_focus(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        await press(pilot, "3")
        assert app.focused is app.trade.panes["position"]
        await press(pilot, "2")
        assert app.focused is app.trade.timeline
        await press(pilot, "3")
        share = (travel.t - travel.replay.first.t) / (travel.replay.last.t - travel.replay.first.t)
        assert abs(share - 0.3) < 0.01
        await press(pilot, "tab", "7")
        assert app.focused is app.trade.log_pane


async def test_space_plays_and_pauses_and_a_skip_keeps_playing(tmp_path: Path) -> None:
    async with replaying(tmp_path, "#100") as (app, travel, pilot):
        await press(pilot, "space")
        assert travel.player.playing
        t = travel.t
        await played(pilot, 1.0)
        assert t + SECOND // 2 < travel.t < t + 2 * SECOND
        assert app.view().now == travel.t
        await press(pilot, "right")
        assert travel.player.playing
        await press(pilot, ".")
        assert not travel.player.playing


async def test_space_at_the_end_plays_from_the_start(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (_, travel, pilot):
        await press(pilot, "space")
        await played(pilot, 0.5)
        assert travel.player.playing
        assert travel.seq < 60


async def test_speed_goes_up_and_down(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        await press(pilot, ">", ">")
        assert travel.player.speed == 5
        assert "5×" in text_of(app)
        await press(pilot, "<")
        assert travel.player.speed == 2


@pytest.mark.parametrize(("text", "seq"), [("#300", 300), ("start", 1), ("end", 599)])
async def test_g_goes_where_one_types(tmp_path: Path, text: str, seq: int) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        await press(pilot, "g", *text, "enter")
        assert travel.seq == seq
        assert app.screen is app.trade


async def test_g_says_what_is_wrong_and_stays(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        await press(pilot, "g", *"soon", "enter")
        assert isinstance(app.screen, Prompt)
        assert "no place in a recording" in text_of(app)
        await press(pilot, "escape")
        assert travel.seq == travel.replay.last.seq


async def test_enter_on_a_row_goes_to_its_moment(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        await press(pilot, "7", "j", "enter")
        row = app.view().state.rejections[-1]
        assert travel.seq == row.seq
        await press(pilot, "1", "end", "}", "}", "7", "enter")
        assert app.trade.log_pane.tab == "fills"
        assert travel.seq == 546


async def test_enter_on_a_trade_goes_to_the_fill_that_closed_it(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        app.trade.log_pane.set_tab("trades")
        await press(pilot, "7", "enter")
        assert travel.seq == 546


async def test_a_bookmark_with_a_note_lies_beside_the_recording(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{LONG}") as (app, travel, pilot):
        before = (tmp_path / "demo.cockpit").read_bytes()
        await press(pilot, "b", *"here", "enter")
        assert [(mark.seq, mark.note) for mark in travel.bookmarks] == [(LONG, "here")]
        assert (tmp_path / "demo.bookmarks.json").exists()
        await press(pilot, "end", "'")
        assert isinstance(app.screen, Reader)
        assert "here" in text_of(app)
        await press(pilot, "enter")
        assert travel.seq == LONG
        await press(pilot, "'", "x", "escape")
        assert list(travel.bookmarks) == []
        assert (tmp_path / "demo.cockpit").read_bytes() == before


async def test_search_then_n_and_N(tmp_path: Path) -> None:
    async with replaying(tmp_path, "start") as (_, travel, pilot):
        await press(pilot, "/", *"FillReport", "enter")
        assert len(travel.hits) == 8
        first = travel.hits[0].seq
        assert travel.seq == first
        await press(pilot, "n")
        assert travel.seq == travel.hits[1].seq
        await press(pilot, "N")
        assert travel.seq == first


async def test_slash_in_a_list_filters_it(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, _, pilot):
        await press(pilot, "7", "/")
        assert app.focused is app.trade.filter


async def test_a_loop_and_the_difference_between_its_ends(tmp_path: Path) -> None:
    async with replaying(tmp_path, "#490") as (app, travel, pilot):
        await press(pilot, "A")
        travel.to(LONG)
        await press(pilot, "B")
        assert travel.player.loop is not None
        await press(pilot, "d")
        assert isinstance(app.screen, Reader)
        text = text_of(app)
        assert "DIFFERENCE #49" in text
        assert "positions.BTCUSDT" in text
        await press(pilot, "escape", "B")
        assert travel.player.loop is None


async def test_why_shows_the_chain_up_to_the_cursor_with_latencies(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, _, pilot):
        await press(pilot, "w")
        text = text_of(app)
        for word in (
            "WHY",
            "sized and decided",
            "approval asked",
            "key pressed",
            "sent",
            "acknowledged",
            "filled",
            "position closed",
        ):
            assert word in text, word
        assert " ms" in text
        await press(pilot, "escape")
        assert app.screen is app.trade


async def test_why_knows_nothing_of_what_comes_after_the_cursor(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{LONG}") as (app, _, pilot):
        await press(pilot, "w")
        assert "filled" in text_of(app)
        assert "position closed" not in text_of(app)


async def test_an_approval_of_then_is_shown_but_cannot_be_answered(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{ASKED}") as (app, travel, pilot):
        assert app.view().state.approvals
        assert "CONFIRM ORDER" in text_of(app)
        app.clock.t += 2  # type: ignore[attr-defined]
        await settled(pilot)
        assert not app.trade.approval.armed
        await press(pilot, "y")
        assert app.said[-1].startswith("Only watching here")
        assert travel.seq == ASKED


async def test_no_key_of_a_replay_commands_anything(tmp_path: Path) -> None:
    assert [spec.id for spec in DEFAULT if spec.risk != "view" and allowed(spec, "replay")] == []
    async with replaying(tmp_path) as (app, _, pilot):
        await press(pilot, "f9", "p", "c", "F")
        assert app.screen is app.trade
        assert not app.failures


async def test_q_leaves_without_a_question(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{LONG}") as (app, _, pilot):
        await pilot.press("q")
        assert app.return_value is not None


async def test_click_and_drag_on_the_timeline_go_there(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        pane = app.trade.timeline
        first, whole = travel.replay.first.t, travel.replay.last.t - travel.replay.first.t
        x0, width = 27, pane.content_size.width - 27 - 25
        await pilot.click(pane, offset=(1 + x0 + width // 2, 1))
        await still(pilot)
        assert abs((travel.t - first) / whole - 0.5) < 0.02
        await pilot.mouse_down(pane, offset=(1 + x0 + width // 2, 2))
        await pilot.hover(pane, offset=(1 + x0 + width // 4, 2))
        await still(pilot)
        assert abs((travel.t - first) / whole - 0.25) < 0.02
        await pilot.mouse_up(pane, offset=(1 + x0, 2))
        await still(pilot)
        assert travel.t == first


async def test_the_transport_has_buttons(tmp_path: Path) -> None:
    async with replaying(tmp_path, "#300") as (app, travel, pilot):
        await pilot.click(app.trade.timeline, offset=(1 + 11, 1))
        await still(pilot)
        assert travel.seq == 301
        await pilot.click(app.trade.timeline, offset=(1 + 8, 1))
        assert travel.player.playing


async def test_the_timeline_zooms_around_the_cursor(tmp_path: Path) -> None:
    async with replaying(tmp_path, "50%") as (app, travel, pilot):
        whole = travel.strip()
        await press(pilot, "2", "+", "+")
        closer = travel.strip()
        assert (closer.end - closer.start) * 4 <= whole.end - whole.start + 8
        assert closer.start <= travel.t <= closer.end
        await press(pilot, "-", "-")
        assert travel.strip().start == whole.start
        assert not app.failures


async def test_the_kill_is_seen_where_it_was_pressed(tmp_path: Path) -> None:
    async with replaying(tmp_path, f"#{KILL}") as (app, _, pilot):
        assert "HALTED" in text_of(app)
        await press(pilot, ",")
        assert "HALTED" not in text_of(app)


async def test_the_sessions_list_opens_nothing_over_a_screen(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, travel, pilot):
        app.perform(next(spec for spec in app.specs if spec.id == "sessions"))
        await settled(pilot)
        assert "SESSIONS 1" in text_of(app)
        await press(pilot, "enter")
        assert "cockpit replay demo" in text_of(app)
        await press(pilot, "escape")
        assert app.screen is app.trade
        assert travel.seq == travel.replay.last.seq
