"""The chart in an app: what is sent, what keys and mouse do, how it follows the theme."""

from __future__ import annotations

import random

import pytest
from chart_scenes import NOON
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region

from cockpit.chart.palette import MONO
from cockpit.chart.scene import Level, Scene, Timeframe
from cockpit.chart.widget import CandleChart
from engine.model.market import MINUTE_NS, Candle

SIZE = (100, 30)


class ChartApp(App[None]):
    CSS = "CandleChart { border: round $primary; }"

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def compose(self) -> ComposeResult:
        yield CandleChart()

    def on_candle_chart_view_changed(self) -> None:
        self.changes += 1

    @property
    def chart(self) -> CandleChart:
        return self.query_one(CandleChart)


def walk(count: int = 900) -> list[Candle]:
    chance, price, bars = random.Random(3), 62_000.0, []
    for i in range(count):
        close = round(price + chance.gauss(0, 12), 1)
        bars.append(Candle(NOON + i * MINUTE_NS, price, max(price, close) + 5, min(price, close) - 5, close, 5.0))
        price = close
    return bars


def scene_of(bars: list[Candle], timeframe: Timeframe = 5) -> Scene:
    now = bars[-1].open_time + 20_000_000_000 if bars else 0
    level = Level("entry", bars[-1].close, "LONG") if bars else None
    return Scene(bars, "BTCUSDT", 1, 3, timeframe, now_ns=now, levels=[level] if level else [])


def lines(chart: CandleChart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


def assert_whole(chart: CandleChart) -> None:
    for y in range(chart.size.height):
        strip = chart.render_line(y)
        assert sum(segment.cell_length for segment in strip) == strip.cell_length == chart.size.width
        assert all(segment.style is not None and segment.style.bgcolor is not None for segment in strip)


async def test_it_waits_and_then_draws() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        assert_whole(app.chart)
        app.chart.show(scene_of([]))
        await pilot.pause()
        assert "waiting for the first candle of BTCUSDT" in "".join(lines(app.chart))
        app.chart.show(scene_of(walk()))
        await pilot.pause()
        assert_whole(app.chart)
        assert "█" in "".join(lines(app.chart))
        assert app.chart.status == "● following"


async def test_a_tick_refreshes_only_the_rows_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app, bars = ChartApp(), walk()
    async with app.run_test(size=SIZE) as pilot:
        app.chart.show(scene_of(bars))
        await pilot.pause()
        seen: list[Region] = []
        monkeypatch.setattr(app.chart, "refresh", lambda *regions: seen.extend(regions))
        app.chart.show(scene_of(bars))
        assert seen == []
        before = lines(app.chart)
        bars[-1].close += 0.7
        scene = scene_of(bars)
        scene.levels = [Level("entry", bars[-1].close - 0.7, "LONG")]
        app.chart.show(scene)
        assert 1 <= len(seen) <= 4
        changed = {y for y, (a, b) in enumerate(zip(before, lines(app.chart), strict=True)) if a != b}
        assert changed <= {region.y for region in seen}


@pytest.mark.parametrize("size", [(30, 6), (80, 14), (116, 28), (300, 80), (10, 3)])
async def test_it_fits_every_size(size: tuple[int, int]) -> None:
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        app.chart.show(scene_of(walk()))
        await pilot.pause()
        assert_whole(app.chart)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert_whole(app.chart)


async def test_panning_leaves_the_newest_bar_and_comes_back() -> None:
    app, bars = ChartApp(), walk()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.chart
        chart.show(scene_of(bars))
        chart.pan(-20)
        await pilot.pause()
        assert not chart.following
        assert chart.status == "○ 10 bars back"
        still = lines(chart)[1:-6]
        last = bars[-1].close
        bars.append(Candle(bars[-1].open_time + MINUTE_NS, last, last, last, last, 1.0))
        chart.show(scene_of(bars[:]))
        assert [row[:40] for row in lines(chart)[1:-6]] == [row[:40] for row in still]
        chart.action_pan_left()
        chart.action_pan_to_end()
        await pilot.pause()
        assert chart.following
        assert app.changes == 5
        chart.pan(-2)
        chart.pan(500)
        assert chart.following


async def test_zoom_has_ends_and_shows_fewer_or_more_bars() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE):
        chart = app.chart
        chart.show(scene_of(walk(3000), 1))
        for action in (chart.action_zoom_out, chart.action_zoom_in):
            for _ in range(10):
                action()
                assert_whole(chart)


async def test_the_timeframe_is_the_users_until_the_scene_asks_for_another() -> None:
    app, bars = ChartApp(), walk()
    async with app.run_test(size=SIZE):
        chart = app.chart
        chart.show(scene_of(bars, 5))
        chart.action_cycle_timeframe()
        chart.show(scene_of(bars, 5))
        seen = [chart.timeframe]
        chart.show(scene_of(bars, 1))
        seen.append(chart.timeframe)
        assert seen == [15, 1]
        seen = []
        for _ in range(4):
            chart.action_cycle_timeframe()
            seen.append(chart.timeframe)
        assert seen == [5, 15, 60, 1]


async def test_another_symbol_starts_afresh() -> None:
    app, bars = ChartApp(), walk()
    async with app.run_test(size=SIZE):
        chart = app.chart
        chart.show(scene_of(bars))
        chart.pan(-20)
        other = [Candle(b.open_time, b.open / 20, b.high / 20, b.low / 20, b.close / 20, 1.0) for b in bars]
        scene = scene_of(other)
        scene.symbol = "ETHUSDT"
        chart.show(scene)
        assert chart.following
        assert "62," not in "".join(lines(chart))


async def test_pointing_shows_the_crosshair_and_leaving_hides_it() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.chart
        chart.show(scene_of(walk()))
        await pilot.hover(chart, offset=(50, 10))
        assert chart.crosshair_on
        assert "from last" in lines(chart)[0]
        await pilot.hover(chart, offset=(97, 10))
        assert not chart.crosshair_on
        assert "from last" not in lines(chart)[0]


async def test_the_crosshair_moves_by_keys_and_pans_at_the_edge() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE):
        chart = app.chart
        chart.show(scene_of(walk()))
        chart.action_toggle_crosshair()
        here = lines(chart)[0]
        chart.action_crosshair(-1, 0)
        assert lines(chart)[0] != here
        for _ in range(60):
            chart.action_crosshair(-1, 0)
        assert not chart.following
        chart.action_toggle_crosshair()
        assert not chart.crosshair_on


async def test_the_wheel_zooms_and_dragging_pans() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        chart = app.chart
        chart.show(scene_of(walk()))
        await pilot.pause()
        before = lines(chart)
        await pilot._post_mouse_events([events.MouseScrollUp], chart, offset=(40, 10), button=0)
        assert lines(chart) != before
        await pilot._post_mouse_events([events.MouseScrollDown], chart, offset=(40, 10), button=0)
        await pilot.mouse_down(chart, offset=(40, 10))
        await pilot.hover(chart, offset=(60, 10))
        await pilot.mouse_up(chart, offset=(60, 10))
        assert not chart.following
        assert chart.status == "○ 10 bars back"


async def test_zooming_far_from_the_newest_bar_keeps_the_bar_under_the_pointer() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE):
        chart = app.chart
        chart.show(scene_of(walk(4000), 1))
        chart.pan(-400)

        def pointed() -> str:
            chart._cursor = (40, 10)
            chart._draw()
            return lines(chart)[0][:14]

        before = pointed()
        chart.zoom(2, 40)
        assert pointed() == before
        chart.zoom(-1, 40)
        assert pointed() == before


def backgrounds(chart: CandleChart) -> set[str]:
    return {str(segment.style and segment.style.bgcolor) for y in range(5) for segment in chart.render_line(y)}


async def test_it_follows_the_theme() -> None:
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        app.chart.show(scene_of(walk()))
        await pilot.pause()
        dark = backgrounds(app.chart)
        app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        light = backgrounds(app.chart)
        assert not dark & light
        assert_whole(app.chart)


async def test_without_colour_rising_candles_are_hollow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        app.chart.show(scene_of(walk()))
        await pilot.pause()
        assert "║" in "".join(lines(app.chart))
        assert app.chart._styles_of(0, 0).bgcolor is not None
        assert app.chart._colours().bull == MONO.bull


async def test_text_cannot_be_selected_with_the_mouse() -> None:
    assert CandleChart.ALLOW_SELECT is False
