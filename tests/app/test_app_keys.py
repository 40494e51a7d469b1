"""Every key of the registry on the running screen, with a source that records what it is told."""

from __future__ import annotations

import pytest
from app_kit import Heard, after, order, running, session, settled, text_of, with_approval, with_order, with_position
from textual import events
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from cockpit.actions import DEFAULT, PANE_DIGITS
from cockpit.app import Exit
from cockpit.guard import LOCKOUT_S
from cockpit.screens.dialogs import Question
from cockpit.screens.help import HelpScreen
from engine.core.orders import terms

READ = LOCKOUT_S + 0.1


async def answer(pilot: Pilot[Exit], *keys: str) -> None:
    """Read the question, then press."""
    await after(pilot, READ, *keys)


# --- approvals --------------------------------------------------------------------------------------------------


async def test_y_approves_the_terms_on_the_screen_once_they_could_be_read() -> None:
    state = with_approval(session())
    async with running(state) as (_, source, pilot):
        await answer(pilot, "y")
        assert source.commands == [("approve", "a1", terms(state.orders["a1"]), "key")]


async def test_y_before_the_terms_could_be_read_does_nothing() -> None:
    async with running(with_approval(session())) as (app, source, pilot):
        await pilot.press("y")
        assert source.commands == []
        assert "Too soon" in app.said[-1]


async def test_a_held_y_approves_one_order_and_not_the_next() -> None:
    state = with_approval(with_approval(session()), "a2", asked_t=1_700_000_001_000_000_000)
    async with running(state) as (_, source, pilot):
        await answer(pilot, "y")
        del state.approvals["a1"]
        state.seq += 1
        await after(pilot, 0.5, "y")
        for _ in range(12):
            await after(pilot, 0.03, "y")
        assert [command[1] for command in source.commands] == ["a1"]


async def test_a_changed_order_is_a_new_question() -> None:
    state = with_approval(session())
    async with running(state) as (app, source, pilot):
        await after(pilot, READ)
        with_approval(state, price=order().price + 10)
        app.tick()
        await pilot.press("y")
        assert source.commands == []


@pytest.mark.parametrize("key", ["enter", "space", "Y"])
async def test_no_other_key_approves(key: str) -> None:
    async with running(with_approval(session())) as (_, source, pilot):
        await pilot.press("4")
        await answer(pilot, key)
        assert source.commands == []


async def test_a_paste_presses_no_keys() -> None:
    from textual import events

    async with running(with_approval(session())) as (app, source, pilot):
        await after(pilot, READ)
        app.post_message(events.Paste("yyyKF"))
        await settled(pilot)
        assert source.commands == []


async def test_n_declines_at_once() -> None:
    async with running(with_approval(session())) as (_, source, pilot):
        await pilot.press("n")
        assert source.commands == [("decline", "a1", "", "key")]


async def test_without_an_approval_y_and_n_do_nothing() -> None:
    async with running() as (_, source, pilot):
        await pilot.press("n")
        await answer(pilot, "y")
        assert source.commands == []


async def test_an_approval_can_be_answered_while_another_pane_is_maximised() -> None:
    async with running(with_approval(session())) as (app, source, pilot):
        await pilot.press("6", "6")
        assert app.trade.maximised_pane == "risk"
        await answer(pilot, "y")
        assert source.actions == ["approve"]


async def test_in_a_terminal_that_is_too_small_nothing_can_be_approved() -> None:
    async with running(with_approval(session()), size=(60, 16)) as (_, source, pilot):
        await answer(pilot, "y", "n")
        assert source.commands == []


async def test_a_dialog_over_the_approval_covers_it() -> None:
    async with running(with_position(with_approval(session()))) as (_, source, pilot):
        await after(pilot, READ)
        await pilot.press("c")
        await answer(pilot, "n")
        await pilot.press("y")
        assert source.commands == []
        await after(pilot, 0.8, "y")
        assert source.actions == ["approve"]


# --- safety -----------------------------------------------------------------------------------------------------


async def test_p_pauses_and_resumes() -> None:
    async with running() as (_, source, pilot):
        await pilot.press("p")
        source.state.trading = "PAUSED"
        await after(pilot, 0.75, "p")
        assert source.actions == ["pause", "resume"]


async def test_a_held_p_pauses_once() -> None:
    async with running() as (_, source, pilot):
        for _ in range(5):
            await pilot.press("p")
            source.state.trading = "PAUSED"
        assert source.actions == ["pause"]


async def test_p_while_halted_points_to_re_arm() -> None:
    state = session()
    state.trading = "HALTED"
    async with running(state) as (app, source, pilot):
        await pilot.press("p")
        assert source.commands == []
        assert "re-armed" in app.said[-1]


async def test_flatten_needs_the_word() -> None:
    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press("F")
        await answer(pilot, "y", "enter")
        assert source.commands == []
        assert isinstance(app.screen, Question)
        app.screen.query_one(Input).value = "FLATTEN"
        await pilot.press("enter")
        assert source.commands == [("flatten", "", "FLATTEN", "key")]


async def test_flatten_takes_the_profiles_name_as_well() -> None:
    async with running(with_position(session())) as (_, source, pilot):
        await pilot.press("F")
        await answer(pilot, *"demo", "enter")
        assert source.commands == [("flatten", "", "demo", "key")]


async def test_re_arming_needs_a_reason() -> None:
    state = session()
    state.trading = "HALTED"
    async with running(state) as (_, source, pilot):
        await pilot.press("R")
        await answer(pilot, "o", "k", "enter")
        assert source.commands == []
        await pilot.press(*"ay", "enter")
        assert source.commands == [("rearm", "", "okay", "key")]


async def test_re_arming_asks_nothing_while_trading_is_active() -> None:
    async with running() as (app, source, pilot):
        await pilot.press("R")
        assert app.screen is app.trade
        assert source.commands == []


# --- orders and positions ---------------------------------------------------------------------------------------


async def test_x_on_the_orders_pane_asks_and_cancels_the_selected_order() -> None:
    state = with_order(with_order(session(), "o1"), "o2", created_t=1)
    async with running(state) as (_, source, pilot):
        await pilot.press("5", "j", "x")
        await answer(pilot, "x", "enter")
        assert source.commands == []
        await answer(pilot, "y")
        assert source.commands == [("cancel", "o2", "", "key")]


async def test_x_elsewhere_does_nothing() -> None:
    async with running(with_order(session())) as (app, _, pilot):
        await pilot.press("x")
        assert app.screen is app.trade


async def test_the_cancel_question_goes_away_with_its_order() -> None:
    state = with_order(session())
    async with running(state) as (app, source, pilot):
        await pilot.press("5", "x")
        await after(pilot, READ)
        with_order(state, status="FILLED")
        app.tick()
        await settled(pilot)
        assert app.screen is app.trade
        assert source.commands == []
        assert any("nothing to cancel" in said for said in notices(app))


def notices(app: Heard) -> list[str]:
    return [*app.said, *(notice.message for notice in app._notifications)]


async def test_c_asks_and_closes_the_position() -> None:
    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press("c")
        await settled(pilot)
        shown = text_of(app)
        assert "LONG 0.250 BTCUSDT" in shown
        assert "DEMO" in shown
        await answer(pilot, "y")
        assert source.commands == [("close", "BTCUSDT", "", "key")]


async def test_the_close_question_goes_away_when_the_position_changes() -> None:
    state = with_position(session())
    async with running(state) as (app, source, pilot):
        await pilot.press("c")
        await after(pilot, READ)
        with_position(state, "0.125")
        app.tick()
        await pilot.press("y")
        assert source.commands == []


async def test_c_without_a_position_says_so() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("c")
        assert app.said == ["No position in BTCUSDT."]


@pytest.mark.parametrize("no", ["n", "escape"])
@pytest.mark.parametrize("opens", ["c", "F", "q"])
async def test_no_means_no_in_every_question(opens: str, no: str) -> None:
    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press(opens)
        await answer(pilot, "escape" if opens == "F" else no)
        assert app.screen is app.trade
        assert source.commands == []


async def test_a_question_that_nobody_answers_means_no() -> None:
    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press("c")
        await settled(pilot)
        assert isinstance(app.screen, Question)
        app.screen.ends = app.clock()
        app.screen._count_down()
        await settled(pilot)
        assert app.screen is app.trade
        assert source.commands == []


async def test_a_question_that_loses_the_terminals_focus_means_no() -> None:
    from textual import events

    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press("c")
        await settled(pilot)
        app.post_message(events.AppBlur())
        await settled(pilot)
        assert app.screen is app.trade
        assert source.commands == []


async def test_y_in_the_first_moment_of_a_question_does_not_count() -> None:
    async with running(with_position(session())) as (app, source, pilot):
        await pilot.press("c", "y")
        assert isinstance(app.screen, Question)
        assert source.commands == []


# --- quitting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit_with_nothing_open_leaves_at_once(key: str) -> None:
    async with running() as (app, _, pilot):
        await pilot.press(key)
        await settled(pilot)
        assert app.return_value == Exit("quit", "flat")


async def test_quit_with_a_position_can_leave_it_protected() -> None:
    async with running(with_position(session())) as (app, _, pilot):
        await pilot.press("q")
        await answer(pilot, "q", "enter")
        assert app.return_value is None
        await answer(pilot, "l")
        assert app.return_value == Exit("quit", "leave")


async def test_quit_and_close_all_asks_for_the_word() -> None:
    async with running(with_order(session())) as (app, source, pilot):
        await pilot.press("q")
        await answer(pilot, "a")
        assert app.return_value is None
        await answer(pilot, *"FLATTEN", "enter")
        assert app.return_value == Exit("quit", "close")
        assert source.commands == []


# --- panes, lists, chart ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 45), (120, 36), (80, 24)])
async def test_a_digit_focuses_a_pane_at_every_size_and_maximises_it_the_second_time(size: tuple[int, int]) -> None:
    async with running(size=size) as (app, _, pilot):
        for digit, name in PANE_DIGITS.items():
            app.trade.set_focus(None)
            await pilot.press(digit)
            pane = app.trade.panes[name]
            assert app.focused is pane
            if app.trade.maximised_pane != name:
                await pilot.press(digit)
            await settled(pilot)
            assert app.trade.maximised_pane == name
            assert pane.region.width >= size[0] - 2
            assert pane.region.height >= size[1] - 6
            await pilot.press("escape")
            assert app.trade.maximised_pane == ""


async def test_z_maximises_and_puts_back() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("7", "z")
        assert app.trade.maximised_pane == "log"
        assert not app.trade.chart.display
        await pilot.press("z")
        assert app.trade.chart.display


async def test_tab_goes_round_the_panes() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("1", "tab")
        assert app.focused is not app.trade.chart
        await pilot.press("shift+tab")
        assert app.focused is app.trade.chart


async def test_brackets_change_the_tab_of_the_logs_from_anywhere() -> None:
    async with running() as (app, _, pilot):
        first = app.trade.log_pane.tab
        await pilot.press("]")
        assert app.trade.log_pane.tab != first
        await pilot.press("[")
        assert app.trade.log_pane.tab == first


async def test_the_cursor_moves_with_vi_keys_and_arrows() -> None:
    moves = {
        "j": 1, "down": 2, "k": 1, "up": 0, "G": 3, "g": 0, "end": 3, "home": 0, "pagedown": 3, "pageup": 0,
    }  # fmt: skip
    async with running() as (app, source, pilot):
        await pilot.press("7")
        log = app.trade.log_pane
        rows = log.shown_rows(source.view())
        for key, row in moves.items():
            await pilot.press(key)
            assert log.selected(source.view()) == log.key(rows[row]), key


async def test_slash_filters_the_log_and_escape_clears_it() -> None:
    async with running(with_approval(session())) as (app, source, pilot):
        await pilot.press("slash", *"coolynK9")
        assert app.trade.log_pane.filter_text == "coolynk9"
        assert source.commands == []
        await pilot.press("escape")
        assert app.trade.log_pane.filter_text == ""
        assert app.focused is app.trade.log_pane


async def test_enter_keeps_the_filter() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("slash", *"cool", "enter")
        assert app.trade.log_pane.filter_text == "cool"
        assert not app.trade.filter.display
        await pilot.press("escape")
        assert app.trade.log_pane.filter_text == ""


async def test_the_chart_zooms_and_pans() -> None:
    async with running() as (app, _, pilot):
        for key in ("+", "=", "-", "h", "left", "l", "right"):
            before = text_of(app)
            await pilot.press(key)
            await settled(pilot)
            assert text_of(app) != before, key


async def test_the_chart_follows_again() -> None:
    async with running() as (app, _, pilot):
        chart = app.trade.chart.chart
        await pilot.press("h", "h", "l")
        assert not chart.following
        await pilot.press(".")
        assert chart.following
        await pilot.press("h", "right", "right")
        assert chart.following


async def test_crosshair_and_timeframe() -> None:
    async with running() as (app, _, pilot):
        chart = app.trade.chart.chart
        before = chart.timeframe
        await pilot.press("v", "t")
        assert chart.crosshair_on
        assert chart.timeframe != before
        await pilot.press("v")
        assert not chart.crosshair_on


async def test_s_shows_the_next_symbol() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("s")
        assert app.view().symbol == "ETHUSDT"
        await pilot.press("s")
        assert app.view().symbol == "BTCUSDT"


async def test_T_changes_between_dark_and_light() -> None:
    async with running() as (app, _, pilot):
        await pilot.press("T")
        assert app.theme == "cockpit-light"
        await pilot.press("T")
        assert app.theme == "cockpit-dark"


# --- help and palette -------------------------------------------------------------------------------------------


async def test_help_lists_every_action_and_searches() -> None:
    async with running(size=(160, 100)) as (app, source, pilot):
        await pilot.press("?")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)
        text = str(app.screen._text("").plain)
        assert all(spec.label in text for spec in DEFAULT)
        await pilot.press(*"flatten")
        assert "approve" not in app.screen._text(app.screen.query_one(Input).value).plain
        assert source.commands == []
        await pilot.press("escape")
        assert app.screen is app.trade


@pytest.mark.parametrize("key", ["ctrl+p", ":"])
async def test_the_palette_runs_actions_but_cannot_approve(key: str) -> None:
    async with running(with_approval(session())) as (app, source, pilot):
        await pilot.press(key)
        await settled(pilot)
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"pause")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert source.actions == ["pause"]


async def test_what_is_typed_right_after_the_filter_key_goes_into_the_filter() -> None:
    async with running() as (app, source, pilot):
        for key in "/pause":
            app._driver.send_message(events.Key(key if key != "/" else "slash", key))  # type: ignore[union-attr]
        await settled(pilot)
        assert source.commands == []
        assert app.trade.filter.value == "pause"
