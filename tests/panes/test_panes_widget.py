"""Panes as widgets: what is repainted, what the mouse does, what a theme changes."""

from __future__ import annotations

import panes_builder as build
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from cockpit.panes.approvals import ApprovalPane
from cockpit.panes.base import Pane
from cockpit.panes.chart import ChartPane
from cockpit.panes.header import HeaderBar
from cockpit.panes.logs import LogPane
from cockpit.panes.orders import OrdersPane
from cockpit.panes.position import PositionPane
from cockpit.panes.strip import PositionStrip
from cockpit.theme import THEMES, palette


class Stage(App[None]):
    def __init__(self, *panes: Pane) -> None:
        super().__init__()
        self.panes = panes

    def compose(self) -> ComposeResult:
        yield from self.panes

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "cockpit-dark"
        for pane in self.panes:
            if pane.pane_id in (
                "position",
                "approval",
                "orders",
                "risk",
                "log",
                "heartbeat",
                "preflight",
            ) and not isinstance(pane, PositionStrip):
                pane.styles.height = 11
            pane.show(build.long())


@pytest.fixture
def refreshed(monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """The regions that panes asked to be painted again."""
    asked: list[Region] = []
    real = Pane.refresh

    def refresh(self: Pane, *regions: Region, **options: bool) -> Pane:
        asked.extend(regions or [Region(0, 0, 999, 999)])
        return real(self, *regions, **options)

    monkeypatch.setattr(Pane, "refresh", refresh)
    return asked


def text_of(pane: Pane) -> str:
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.content_size.height))


async def test_an_unchanged_view_paints_nothing_and_a_tick_only_its_rows(refreshed: list[Region]) -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        view = build.long()
        pane.show(view)
        refreshed.clear()
        pane.show(view)
        assert refreshed == []
        view.state.markets[build.SYMBOL].mark = 62_989.2
        pane.show(view)
        assert sorted(region.y for region in refreshed) == [1, 4, 8]
        assert "+32.50 USDT" in text_of(pane)


async def test_what_is_on_the_screen_is_what_lines_said() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        assert text_of(pane).splitlines()[0] == "▲ LONG 0.250 BTC            10× isolated"
        assert all(pane.render_line(y).cell_length == 40 for y in range(9))


async def test_every_segment_has_a_background() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        for y in range(9):
            assert all(s.style is not None and s.style.bgcolor is not None for s in pane.render_line(y))


async def test_a_theme_repaints_the_rows_in_its_colours() -> None:
    pane = PositionPane()
    app = Stage(pane)
    async with app.run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        app.theme = "cockpit-light"
        await pilot.pause()
        style = list(pane.render_line(3))[-1].style
        assert style is not None
        assert style.bgcolor == palette("light").base.bgcolor


async def test_a_new_size_is_drawn_anew() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert text_of(pane).splitlines()[3] == "entry" + " " * 43 + "62,859.2"


async def test_a_waiting_order_has_the_heavy_amber_border_and_only_while_it_waits() -> None:
    pane = ApprovalPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        pane.show(build.awaiting())
        await pilot.pause()
        waiting = pane.styles.border_top[0], pane.has_class("-need")
        pane.show(build.flat())
        await pilot.pause()
        assert waiting == ("heavy", True)
        assert (pane.styles.border_top[0], pane.has_class("-need")) == ("round", False)


async def test_arming_repaints_the_answers_only(refreshed: list[Region]) -> None:
    pane = ApprovalPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        pane.show(build.awaiting())
        await pilot.pause()
        refreshed.clear()
        pane.armed = True
        assert [region.y for region in refreshed] == [8]


async def test_brackets_in_a_title_are_not_markup() -> None:
    view = build.long()
    view.symbol = "[/x]BTC[red]"
    pane = ChartPane()
    async with Stage(pane).run_test(size=(60, 14)) as pilot:
        pane.show(view)
        await pilot.pause()
        assert pane._border_title is not None
        assert "[/x]BTC[red] perpetual" in pane._border_title.plain


async def test_a_click_selects_its_row_and_the_wheel_moves() -> None:
    pane = LogPane()
    async with Stage(pane).run_test(size=(110, 12)) as pilot:
        view = build.flat()
        pane.show(view)
        await pilot.pause()
        await pilot.click(LogPane, offset=(20, 4))
        assert pane.selected_seq(view) == 898
        pane.on_mouse_scroll_down(_Wheel())  # type: ignore[arg-type]
        assert pane.selected_seq(view) == 897
        pane.on_mouse_scroll_up(_Wheel())  # type: ignore[arg-type]
        assert pane.selected_seq(view) == 898
        await pilot.click(LogPane, offset=(20, 1))
        assert pane.selected_seq(view) == 898


class _Wheel:
    def stop(self) -> None: ...


async def test_tabs_turn_around_keep_their_cursors_and_take_clicks() -> None:
    pane = LogPane()
    async with Stage(pane).run_test(size=(110, 12)) as pilot:
        view = build.flat()
        pane.show(view)
        await pilot.pause()
        pane.move(3)
        pane.prev_tab()
        assert pane.tab == "why"
        pane.next_tab()
        assert pane.tab == "rejections"
        assert pane.selected_seq(view) == 897
        title = border_of(pane, 0)
        await pilot.click(LogPane, offset=(title.index("TRADES") + 1, 0))
        assert pane.tab == "trades"
        assert "+109.00" in text_of(pane)


async def test_bars_have_no_border_and_their_own_heights() -> None:
    header, strip = HeaderBar(), PositionStrip()
    async with Stage(header, strip).run_test(size=(120, 12)) as pilot:
        await pilot.pause()
        assert (header.size.height, strip.size.height) == (2, 1)
        assert not header.can_focus
        await pilot.resize_terminal(80, 12)
        await pilot.pause()
        assert header.size.height == 1
        strip.focus()
        await pilot.pause()
        assert strip.size.height == 1
        assert "LONG 0.250" in text_of(strip)


async def test_the_focused_pane_has_a_bright_digit() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        pane.focus()
        await pilot.pause()
        assert pane.digit(build.long()) == ("3 ", "focus b")
        assert pane.styles.border_top[0] == "round"


async def test_a_paint_after_the_state_moved_on_leaves_no_old_border() -> None:
    pane = OrdersPane()
    async with Stage(pane).run_test(size=(44, 20)) as pilot:
        await pilot.pause()
        view = build.long()
        pane.show(view)
        await pilot.pause()
        assert "x cancel" in border_of(pane, -1)
        view.state.orders, view.state.open_orders = {}, {}
        pane.notify_style_update()
        pane._styles_cache.render_widget(pane, Region(0, 0, *pane.outer_size))  # painted before the next view is shown
        pane.show(view)
        assert "x cancel" not in border_of(pane, -1)
        assert "OPEN ORDERS 2" not in border_of(pane, 0)


def border_of(pane: Pane, row: int) -> str:
    width, height = pane.outer_size
    strips = pane._styles_cache.render_widget(pane, Region(0, row % height, width, 1))
    return "".join(segment.text for segment in strips[0])


async def test_a_failing_view_leaves_nothing_half_done() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        good = build.long()
        bad = build.long()
        bad.state.positions[build.SYMBOL].qty = "x"  # type: ignore[assignment]
        with pytest.raises(ValueError, match="convert"):
            pane.show(bad)
        pane.show(good)
        assert text_of(pane).startswith("▲ LONG 0.250 BTC")


async def test_a_hidden_question_has_no_terms_on_the_screen() -> None:
    pane = ApprovalPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        pane.show(build.awaiting())
        assert pane.shown_id() == "ck-104"
        pane.display = False
        await pilot.pause()
        pane.show(build.awaiting())
        assert (pane.terms(), pane.shown_id()) == ("", "")


async def test_an_error_while_painting_stays_in_its_pane() -> None:
    pane = PositionPane()
    async with Stage(pane).run_test(size=(44, 12)) as pilot:
        await pilot.pause()
        view = build.long()
        pane.show(view)
        view.state.positions[build.SYMBOL].qty = "x"  # type: ignore[assignment]
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        assert "cannot be drawn" in pane.render_line(0).text
