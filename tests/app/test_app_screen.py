"""The shell: sizes, a source that comes later, panes that fail, strings from outside."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from app_kit import (
    NOW,
    Clock,
    Recorder,
    bump,
    cockpit,
    profile,
    resized,
    session,
    settled,
    text_of,
    with_approval,
    with_order,
    with_position,
)

from cockpit.app import CockpitApp
from cockpit.screens.layout import LAYOUTS, size_of
from cockpit.screens.trade import BROKEN_S
from cockpit.view import View
from engine.model.errors import CockpitError
from engine.model.state import LogLine, Rejection

HOSTILE = "[/x] [red]\x1b[2J\x9b31m \u202egnp\u200d \r\n\t" + "é́̂" * 50 + "W" * 3_000


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((200, 60), "wide"),
        ((140, 40), "wide"),
        ((139, 40), "medium"),
        ((160, 39), "medium"),
        ((100, 30), "medium"),
        ((99, 30), "narrow"),
        ((80, 24), "narrow"),
        ((79, 24), "small"),
        ((80, 23), "small"),
    ],
)
def test_the_size_decides_the_layout(size: tuple[int, int], name: str) -> None:
    assert size_of(*size) == name


async def test_a_live_resize_goes_through_all_layouts_and_back() -> None:
    app, _ = cockpit(with_approval(with_position(session())))
    async with app.run_test(size=(160, 45)) as pilot:
        for size in ((160, 45), (120, 36), (80, 24), (60, 16), (1, 1), (100, 30), (140, 40), (300, 90)):
            await resized(pilot, *size)
            shown = {name for name, pane in app.trade.panes.items() if pane.display}
            assert shown == LAYOUTS[size_of(*size)] - {"preflight"}
            if size_of(*size) != "small":
                for name in shown:
                    assert app.trade.region.contains_region(app.trade.panes[name].region), (size, name)
                    assert app.trade.panes[name].region.area, (size, name)
        assert app.failures == []


async def test_every_size_shows_mode_position_profit_and_the_terms_or_that_it_is_too_small() -> None:
    app, _ = cockpit(with_approval(with_position(session())), mode="PAPER")
    async with app.run_test(size=(160, 45)) as pilot:
        for size in ((160, 45), (120, 36), (80, 24), (60, 16)):
            await resized(pilot, *size)
            text = text_of(app)
            assert "PAPER" in text
            assert "LONG 0.250" in text
            assert "80x24" in text if size == (60, 16) else "BUY LIMIT 0.100 BTC" in text


async def test_a_maximised_pane_keeps_position_and_approval_in_sight() -> None:
    app, _ = cockpit(with_approval(with_position(session())))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for digit in "1567":
            await pilot.press(digit)
            if not app.trade.maximised_pane:
                await pilot.press("z")
            await settled(pilot)
            text = text_of(app)
            assert "LONG 0.250" in text
            assert "CONFIRM" in text
            await pilot.press("escape")


async def test_the_shell_stands_before_the_engine_and_takes_it_later() -> None:
    app, source = cockpit(with_position(session()))
    app.source = None
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "CONNECTING" in text
        assert "connecting" in text
        assert "DEMO" in text
        await pilot.press("p")
        assert "Not connected" in app.said[-1]
        app.attach(source)
        await settled(pilot)
        assert "LONG 0.250" in text_of(app)
        app.detach()
        await settled(pilot)
        assert "CONNECTING" in text_of(app)


async def test_a_screen_without_a_source_can_be_quit() -> None:
    app, _ = cockpit()
    app.source = None
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert app.return_value is not None
    assert app.return_value.choice == "flat"


async def test_a_source_that_fails_leaves_the_last_view_standing() -> None:
    app, source = cockpit(with_position(session()))
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)

        def broken() -> View:
            raise RuntimeError("gone")

        source.view = broken  # type: ignore[method-assign]
        app.tick()
        await settled(pilot)
        assert "LONG 0.250" in text_of(app)
        assert app.failures[0][0] == "view"


async def test_a_pane_that_fails_says_so_and_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.panes.risk import RiskPane

    def fail(self: RiskPane, view: View) -> None:
        raise ValueError("[/x] no such limit")

    show = RiskPane.show
    monkeypatch.setattr(RiskPane, "show", fail)
    clock = Clock()
    app, source = cockpit(with_position(session()), clock=clock)
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "risk: cannot be drawn" in text
        assert "[/x] no such limit" in text
        assert "LONG 0.250" in text
        assert app.failures[0][0] == "pane risk"
        monkeypatch.setattr(RiskPane, "show", show)
        clock.t += BROKEN_S + 1
        bump(source.state)
        await settled(pilot)
        await settled(pilot)
        assert "RISK TODAY" in text_of(app)


async def test_hostile_strings_neither_crash_nor_draw_control_characters() -> None:
    state = with_approval(with_order(with_position(session())), why=HOSTILE, strategy=HOSTILE)
    state.rejections.append(
        Rejection(
            NOW, 99, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "BUY", Decimal(1), None, HOSTILE, "venue"
        )
    )
    state.log.append(LogLine(NOW, 100, HOSTILE, "alarm", HOSTILE))
    state.trading, state.trading_why = "HALTED", HOSTILE
    state.alarms[HOSTILE] = HOSTILE
    for link in state.links.values():
        link.detail = HOSTILE
    app, _ = cockpit(state)
    async with app.run_test(size=(160, 45)) as pilot:
        for keys in (
            ("]",),
            ("]",),
            ("7", "7"),
            ("escape",),
            ("8",),
            ("R",),
            ("escape",),
            ("5", "x"),
            ("escape",),
            ("c",),
        ):
            await pilot.press(*keys)
            await settled(pilot)
            text = text_of(app)
            assert not [char for char in text if char != "\n" and (ord(char) < 32 or char in "\x7f\x9b\u202e\u200d")]
        assert app.failures == []


async def test_views_that_say_nothing_new_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.panes.position import PositionPane

    drawn = []
    show = PositionPane.show
    monkeypatch.setattr(PositionPane, "show", lambda self, view: (drawn.append(view), show(self, view))[1])
    app, source = cockpit(with_position(session()), clock=Clock())
    async with app.run_test(size=(160, 45)) as pilot:
        app.clock.t += 2.0  # type: ignore[attr-defined]
        await settled(pilot)
        await settled(pilot)
        before = len(drawn)
        for _ in range(20):
            app.tick()
        assert len(drawn) == before
        bump(source.state)
        app.tick()
        assert len(drawn) == before + 1


def test_the_rate_is_lower_over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    async def start() -> None:
        app, _ = cockpit(screen={"refresh_hz": 20})
        monkeypatch.setattr(app, "set_interval", lambda seconds, _tick: rates.append(round(1 / seconds)))
        async with app.run_test():
            pass

    asyncio.run(start())
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    asyncio.run(start())
    assert rates == [20, 4]


async def test_the_theme_comes_from_the_profile_and_no_color_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app, _ = cockpit(with_position(session()), screen={"theme": "light"})
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert app.theme == "cockpit-light"
        assert app.no_color
        assert "▲ LONG 0.250" in text_of(app)


def test_a_bad_keymap_stops_the_app_before_it_starts() -> None:
    with pytest.raises(CockpitError, match="needs a key"):
        cockpit(screen={"keymap": {"kill": "K"}})


async def test_a_moved_key_works_and_the_old_one_does_not() -> None:
    app, source = cockpit(screen={"keymap": {"pause": "o", "kill": "f10,ctrl+g"}})
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.press("p", "f9")
        assert source.commands == []
        await pilot.press("o", "f10")
        assert source.actions == ["pause", "kill"]
        await settled(pilot)
        assert "F10" in text_of(app)


def test_the_app_file_only_wires() -> None:
    from cockpit import app

    assert len(Path(app.__file__).read_text().splitlines()) <= 280


async def test_a_click_focuses_a_pane() -> None:
    app, _ = cockpit(with_order(session()))
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        await pilot.click("#risk")
        assert app.focused is app.trade.panes["risk"]
        await pilot.click("#candles")
        assert app.focused is app.trade.chart


async def test_a_remark_is_not_repeated_for_each_repeat_of_a_held_key() -> None:
    settings = profile()
    app = CockpitApp(settings, Recorder(session(), settings), wall=lambda: NOW)
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.press(*"ccccc")
        assert len(app._notifications) <= 2


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_every_cell_has_a_background_of_its_own(theme: str) -> None:
    app, _ = cockpit(with_approval(with_position(session())), screen={"theme": theme})
    async with app.run_test(size=(160, 45)) as pilot:
        await settled(pilot)
        for strip in app.screen._compositor.render_strips():
            assert all(
                segment.style is not None and segment.style.bgcolor is not None for segment in strip if segment.text
            )
