"""Pictures as text: what stands where on the chart."""

from __future__ import annotations

import random

import pytest
from chart_scenes import NOON, STAIRS, candles, painted, scene, text
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.chart.canvas import Canvas, amount_text
from cockpit.chart.glyphs import ASCII, UNICODE, Glyphs
from cockpit.chart.layout import lay_out
from cockpit.chart.markers import in_bars
from cockpit.chart.paint import Frame, bar_ends_in, countdown_text
from cockpit.chart.palette import BG, BULL, FAST, REWARD, RISK, SLOW
from cockpit.chart.scale import ZOOMS, View
from cockpit.chart.scene import Level, Marker, Scene, Stance
from engine.model.market import MINUTE_NS, Candle

TWO_COLUMNS = """\
 O 106.0  H 114.0  L 106.0  C 113.0
                           ╷
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╷╌╌╌╌╌▇╌╌╌   113.0
┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈▆┈▆┈┈┈█┈┈┈   110.0
                   ▅ │ █   █
           ╷ │     █   █   █
           █ █   ╷ █   ╵ ─
         │ ▃ █ ╷ ▇ ▇
         █   ▆ ▆ █
┈┈┈┈┈┈┈┈┈│┈┈┈┈┈▁┈▁┈┈┈┈┈┈┈┈┈┈┈┈┈   100.0
               ╵ ╵
                   ▂ ▃ ▅ ▆ █    Vol  10
         ▂ ▃ ▅ ▆ █ █ █ █ █ █
                         12:09    4 Oct
"""

FOUR_HOLLOW = """\
 O 106.0  H 114.0  L 106.0  C 113.0
          ┊               ╷
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╷╌╌╌╌╌╌╌╌╌╌┌┴┐╌╌╌   113.0
┈┈┈┈┈┈┈┈┈┈┊┈┈═╪═┈▆▆▆┈┈┈┈┈│ │┈┈┈   110.0
         ┌─┐  │  ███     │ │
         │ │     ███     └─┘
      ╷  └┬┘      ╵  ───
  ╷  ┌┴┐  ╵
 ▆▆▆ │ │  ┊
┈▁▁▁┈└┬┘┈┈┊┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈   100.0
  ╵   ╵   ┊
                 ▅▅▅ ▒▒▒ ▒▒▒    Vol  10
 ▆▆▆ ▒▒▒ ▒▒▒ ▒▒▒ ███ ▒▒▒ ▒▒▒
        12:05                     4 Oct
"""

DENSE = """\
 O 106.0  H 114.0  L 106.0  C 113.0
                            ▏
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▏╌╌▌╌╌   113.0
┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈▌▌┈▌┈┈   110.0
                        ▖▘▌ ▌
                    ▏▏  ▌ ▌ ▌
                    ▌▌ ▏▌ ▏▘
                   ▖▘▌▏▌▏
                   ▌ ▏▌▌
┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈▘┈┈▌▌┈┈┈┈┈┈┈   100.0
                      ▏▏
                         ▖▖▌▌   Vol  10
                   ▖▖▖▌▌▌▌▌▌▌
                          12:09   4 Oct
"""

LEVELS = """\
 O 106.0  H 114.0  L 106.0  C 113.0  +6.60%  V 10
 TP ↑                                    114.0╶       200.0↑
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▅╌╌╌   113.0
                                         │ ▁   █      00:41
┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈╷┈█┈█┈┈┈█┈┈┈   110.0
                                       ▅ │ █   █
 [/x] BUY 0.1 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄┄┄┄█┄┄┄█┄┄┄█┄┄┄   107.0
                               ▄ ▄     █   ▄ ─ ▄
 LONG 0.250 ───────────────────█─█───│─█───────────   105.0
                             │ ▃ █ ╷ █ ╵
                             █ ╵ │ ▅ █
┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈▁┈┈┈┈┈█┈█┈┈┈┈┈┈┈┈┈┈┈┈┈   100.0
                             ╵     ▃ ▃
 SL -1R ↓                           ╴98.0              50.0↓
                                         ▁ ▃ ▆ █    Vol  10
                                   ▂ ▄ ▆ █ █ █ █
                             ▂ ▅ ▇ █ █ █ █ █ █ █
                                             12:09    4 Oct
"""


LEVEL_SCENE = scene(
    live=True,
    now_ns=NOON + 9 * MINUTE_NS + 19_000_000_000,
    levels=[
        Level("stop", 50, "SL -1R"),
        Level("target", 200, "TP"),
        Level("entry", 105, "LONG 0.250"),
        Level("order", 107, "[/x] BUY 0.1"),
    ],
)


def column(frame: Frame, x: int) -> str:
    return "".join(row[x] for row in frame.canvas.glyph)


def test_two_columns_a_candle_with_ends_in_eighths() -> None:
    assert text(painted(scene(), 40, 14)) == TWO_COLUMNS.splitlines()


def test_without_colour_a_rising_body_is_a_box_and_a_falling_one_is_full() -> None:
    assert text(painted(scene(), 40, 14, zoom=6, hollow=True)) == FOUR_HOLLOW.splitlines()


def test_one_column_a_candle_with_half_cell_bodies() -> None:
    assert text(painted(scene(), 40, 14, zoom=3)) == DENSE.splitlines()


def test_levels_have_a_line_a_label_and_a_price_and_far_ones_an_arrow() -> None:
    assert text(painted(LEVEL_SCENE, 60, 18)) == LEVELS.splitlines()


def axis(frame: Frame) -> list[str]:
    """What stands on the price axis, row by row."""
    assert frame.plot is not None
    layout = frame.plot.layout
    return [row[layout.plot_width :].strip() for row in text(frame)[layout.top : layout.top + layout.rows]]


def test_tags_that_want_one_row_stand_in_the_order_of_their_prices() -> None:
    prices = (112.6, 112.8, 113.2, 113.4)
    what = scene(last=113.0, live=True, bar_ends_in_s=9, levels=[Level("order", p) for p in prices])
    tags = [
        label
        for label in axis(painted(what, 60, 20))
        if label in {"113.4", "113.2", "113.0", "112.8", "112.6", "00:09"}
    ]
    assert tags == ["113.4", "113.2", "113.0", "00:09", "112.8", "112.6"]


def test_the_countdown_goes_over_the_last_price_where_a_level_is_just_under_it() -> None:
    frame = painted(scene(last=109.0), 60, 20)
    assert frame.plot is not None
    below = frame.plot.scale.price(frame.plot.row(109.0) + 1)
    what = scene(last=109.0, live=True, bar_ends_in_s=9, levels=[Level("entry", below)])
    labels = axis(painted(what, 60, 20))
    at = labels.index("109.0")
    assert labels[at - 1] == "00:09"
    assert labels[at + 1] == f"{below:,.1f}"


def test_of_many_far_levels_a_small_chart_names_only_the_nearest_in_rank() -> None:
    levels = [Level("order", 20), Level("stop", 40), Level("liq", 10)]
    labels = axis(painted(scene(levels=levels), 60, 12))
    assert [label for label in labels if label.endswith("↓")] == ["40.0↓"]


def test_far_levels_do_not_flatten_the_candles() -> None:
    near, far = painted(scene(), 60, 18), painted(LEVEL_SCENE, 60, 18)
    assert near.plot is not None
    assert far.plot is not None
    assert near.plot.scale == far.plot.scale


def test_an_empty_scene_says_what_it_waits_for() -> None:
    assert "waiting for the first candle of BTCUSDT" in "".join(text(painted(scene([]), 60, 10)))


def test_one_candle_stands_at_the_right() -> None:
    frame = painted(scene(candles()[:1]), 40, 12)
    assert [x for x in range(30) if "█" in column(frame, x)] == [27]


def test_flat_candles_are_a_line_in_the_middle() -> None:
    frame = painted(scene(candles([(100, 100, 100, 100)] * 5)), 40, 12)
    rows = [y for y, row in enumerate(text(frame)) if "─" in row]
    assert rows == [6]


@pytest.mark.parametrize("price", [1e-6, 12_345_678_901.0, 9e14])
def test_tiny_and_huge_prices_have_their_axis_or_none(price: float) -> None:
    bars = candles([(price, price * 1.01, price * 0.99, price)] * 30)
    for width in (30, 60, 120):
        frame = painted(scene(bars, price_decimals=8 if price < 1 else 1), width, 20)
        assert all(len(frame.canvas.text(y)) == width for y in range(20))
        assert "█" in "".join(text(frame)) or "─" in "".join(text(frame))


@pytest.mark.parametrize(
    ("height", "legend", "volume", "time"),
    [(3, False, 0, False), (6, False, 0, True), (10, True, 0, True), (14, True, 2, True), (45, True, 5, True)],
)
def test_parts_go_one_by_one_as_the_chart_shrinks(height: int, legend: bool, volume: int, time: bool) -> None:
    layout = lay_out(60, height, 8)
    assert (layout.legend, layout.volume_rows, layout.time_row >= 0) == (legend, volume, time)
    assert layout.rows >= 3
    assert layout.axis_width == 10
    assert lay_out(20, height, 8).axis_width == 0


def test_the_countdown_follows_the_timeframe_shown() -> None:
    what = scene(live=True, now_ns=NOON + 61_500_000_000)
    assert bar_ends_in(what, 1) == pytest.approx(58.5)
    assert bar_ends_in(what, 5) == pytest.approx(238.5)
    assert bar_ends_in(scene(live=True, bar_ends_in_s=12.0, now_ns=NOON), 1) == 12.0
    assert bar_ends_in(scene(live=False, now_ns=NOON), 1) is None
    assert (countdown_text(161.9), countdown_text(3725), countdown_text(-1)) == ("02:41", "1:02:05", "00:00")


def test_a_tick_within_the_range_changes_few_rows() -> None:
    bars = candles(STAIRS * 4)
    before = painted(scene(bars, last=113.0), 120, 30)
    assert before.plot is not None
    bars[-1] = Candle(bars[-1].open_time, 106.0, 114.0, 106.0, 112.4, 41.0)
    after = painted(scene(bars, last=112.4), 120, 30, old=before.plot.scale)
    assert 0 < len(after.canvas.differs(before.canvas)) <= 6


def test_buys_stand_below_their_bar_and_sells_above_it() -> None:
    markers = [
        Marker(NOON + 5 * MINUTE_NS + 1, 104.0, "buy"),
        Marker(NOON + 5 * MINUTE_NS + 2, 104.0, "buy"),
        Marker(NOON + 3 * MINUTE_NS, 104.0, "sell"),
        Marker(NOON + 8 * MINUTE_NS, 101.0, "reject", "MAX_EXPOSURE"),
        Marker(NOON + 8 * MINUTE_NS + 5, 101.0, "reject", "COOLDOWN"),
        Marker(NOON - 90 * MINUTE_NS, 104.0, "signal"),
    ]
    frame = painted(scene(markers=markers), 40, 20)
    plot = frame.plot
    assert plot is not None
    top = plot.layout.top
    assert column(frame, plot.x(5))[top + plot.row(103.0) + 1 : top + plot.row(103.0) + 3] == "▲▲"
    assert column(frame, plot.x(3))[top + plot.row(103.0) - 1] == "▼"
    bar = plot.bars[8]
    assert column(frame, plot.x(8)).count("✕") == 1
    assert column(frame, plot.x(8))[top + plot.row(bar.low) + 1] == "✕"
    assert [m.label for n, m in in_bars(markers, plot.bars, 8) if n == 8] == ["2 refused, last COOLDOWN"]
    assert "◆" not in "".join(text(frame))


def test_risk_and_reward_are_tinted_from_the_entry_to_the_right_edge() -> None:
    stance = Stance(entry=106.0, since_ns=NOON + 4 * MINUTE_NS, stop=101.0, target=112.0)
    frame = painted(scene(stance=stance), 40, 24)
    plot = frame.plot
    assert plot is not None
    reward = {x for y in range(24) for x in range(40) if frame.canvas.bg[y][x] == REWARD}
    risk = {y for y in range(24) for x in range(40) if frame.canvas.bg[y][x] == RISK}
    assert (min(reward), max(reward)) == (plot.window.column(4), plot.layout.plot_width - 1)
    assert min(risk) > plot.layout.top + plot.row(106.0)


def test_a_short_is_rewarded_below_its_entry_and_a_trailed_stop_is_no_risk() -> None:
    short = painted(scene(stance=Stance(106.0, NOON, stop=110.0, target=100.0)), 40, 24)
    plot = short.plot
    assert plot is not None
    assert short.canvas.bg[plot.layout.top + plot.row(103.0)][29] == REWARD
    assert short.canvas.bg[plot.layout.top + plot.row(109.0)][29] == RISK
    trailed = painted(scene(stance=Stance(101.0, NOON, stop=106.0, side="buy")), 40, 24)
    assert RISK not in {ink for row in trailed.canvas.bg for ink in row}


def test_the_crosshair_names_the_price_the_time_and_what_happened() -> None:
    marker = Marker(NOON + 5 * MINUTE_NS, 104.0, "reject", "MAX_EXPOSURE")
    plain = painted(scene(markers=[marker]), 90, 20)
    assert plain.plot is not None
    x = plain.plot.x(5)
    pointed = text(painted(scene(markers=[marker]), 90, 20, cursor=(x, 8)))
    assert "4 Oct 12:05" in pointed[0]
    assert "from last" in pointed[0]
    assert "MAX_EXPOSURE" in pointed[0]
    assert "4 Oct 12:05" in pointed[-1]
    assert pointed[8].split()[-1] == f"{plain.plot.scale.price(8 - plain.plot.layout.top):,.1f}"


def test_a_new_day_has_its_date_on_the_axis() -> None:
    midnight = (20_000 * 1440) * MINUTE_NS
    bars = candles(STAIRS * 4, start=midnight - 20 * MINUTE_NS)
    frame = painted(scene(bars), 100, 16)
    assert "4 Oct" in text(frame)[-1]
    assert "23:50" in text(frame)[-1]


def test_missing_bars_are_marked_on_the_time_axis() -> None:
    bars = candles(STAIRS * 2)
    assert "≈" not in text(painted(scene(bars), 60, 16))[-1]
    assert "≈" in text(painted(scene(bars[:12] + bars[15:]), 60, 16))[-1]


def test_the_average_does_not_cover_candles() -> None:
    bars = candles(STAIRS * 8)
    frame = painted(scene(bars), 100, 24)
    cells = zip(frame.canvas.glyph, frame.canvas.fg, strict=True)
    drawn = [g for row, inks in cells for g, ink in zip(row, inks, strict=True) if ink in (FAST, SLOW)]
    assert len([g for g in drawn if g in UNICODE.average[0]]) > 40
    plot = frame.plot
    assert plot is not None
    bodies = [plot.x(i) for i in range(plot.window.first, plot.window.stop) if bars[i].close > bars[i].open]
    assert any(frame.canvas.fg[y][x] == BULL for x in bodies for y in range(24))


def test_the_ascii_set_draws_only_ascii() -> None:
    frame = painted(LEVEL_SCENE, 90, 24, glyphs=ASCII, cursor=(70, 8))
    assert "".join(text(frame)).isascii()


def test_strings_from_outside_are_text_and_nothing_else() -> None:
    hostile = Level("order", 107, "\x1b[31m[/x]宽\u202e")
    rows = text(painted(scene(levels=[hostile]), 90, 24))
    assert any("?[31m[/x]??" in row for row in rows)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 1e300])
def test_broken_numbers_are_left_out(broken: float) -> None:
    whole = scene(
        last=broken,
        mark=broken,
        levels=[Level("stop", broken, "SL")],
        markers=[Marker(NOON, broken, "buy")],
        stance=Stance(broken, NOON, broken, broken),
    )
    assert "SL" not in "".join(text(painted(whole, 60, 18)))
    half = scene(stance=Stance(105.0, NOON, broken, 110.0))
    assert RISK not in {ink for row in painted(half, 60, 18).canvas.bg for ink in row}


def test_blanks_join_the_run_before_them() -> None:
    canvas = Canvas(10, 1)
    canvas.write(1, 0, "a", BULL)
    canvas.write(3, 0, "b", BULL)
    canvas.write(5, 0, "c", RISK)
    canvas.fill(8, 0, 2, REWARD)
    assert canvas.runs(0) == [(" a b ", BULL, BG), ("c  ", RISK, BG), ("  ", BG, REWARD)]


def test_amounts_are_short() -> None:
    amounts = (0.0, 1.234567, 212.0, 1234.0, 48_200.0, 1.25e6, 3e9, 4e13)
    assert [amount_text(a) for a in amounts] == ["0", "1.235", "212", "1,234", "48.2k", "1.25M", "3B", "40T"]


def test_old_bars_stand_still_while_new_ones_arrive() -> None:
    bars = candles(STAIRS * 20)
    view = View()
    view.pan_to(bars, 120, 50)
    before = painted(scene(bars[:180]), 60, 20, view=view)
    assert before.plot is not None
    after = painted(scene(bars), 60, 20, view=view, old=before.plot.scale)
    assert not [y for y in after.canvas.differs(before.canvas) if column(after, 0)[y] != column(before, 0)[y]]
    assert before.plot.window.first == after.plot.window.first if after.plot else False


prices = st.one_of(
    st.floats(-1e6, 1e6), st.floats(0.0, 1e-4), st.floats(1e12, 1e15), st.floats(allow_nan=True, allow_infinity=True)
)


@st.composite
def any_scene(draw: st.DrawFn) -> Scene:
    count = draw(st.integers(0, 40))
    opens = sorted(draw(st.sets(st.integers(0, 5000), min_size=count, max_size=count)))
    small = draw(st.booleans())
    price = st.floats(90.0, 110.0) if small else prices
    bars = [draw(st.builds(Candle, st.just(NOON + t * MINUTE_NS), price, price, price, price, prices)) for t in opens]
    when = st.integers(NOON - 10**12, NOON + 5000 * MINUTE_NS)
    level = st.builds(
        Level, st.sampled_from(["entry", "stop", "target", "order", "liq", "trigger"]), price, st.text(max_size=12)
    )
    marker = st.builds(
        Marker, when, price, st.sampled_from(["buy", "sell", "reject", "cancel", "signal"]), st.text(max_size=8)
    )
    some = st.one_of(st.none(), price)
    return Scene(
        bars,
        draw(st.text(max_size=12)),
        draw(st.integers(0, 8)),
        3,
        draw(st.sampled_from([1, 5, 15, 60])),
        live=draw(st.booleans()),
        last=draw(some),
        mark=draw(some),
        now_ns=draw(when),
        levels=draw(st.lists(level, max_size=8)),
        markers=draw(st.lists(marker, max_size=8)),
        stance=draw(st.one_of(st.none(), st.builds(Stance, price, when, some, some))),
    )


@settings(max_examples=150, deadline=None)
@given(
    any_scene(),
    st.integers(1, 130),
    st.integers(1, 50),
    st.integers(0, len(ZOOMS) - 1),
    st.sampled_from([UNICODE, ASCII]),
    st.booleans(),
    st.one_of(st.none(), st.tuples(st.integers(0, 130), st.integers(0, 50))),
)
def test_anything_at_any_size_is_drawn_to_exactly_that_size(
    what: Scene,
    width: int,
    height: int,
    zoom: int,
    glyphs: Glyphs,
    hollow: bool,
    cursor: tuple[int, int] | None,
) -> None:
    frame = painted(what, width, height, zoom=zoom, glyphs=glyphs, hollow=hollow, cursor=cursor)
    for y in range(height):
        runs = frame.canvas.runs(y)
        assert sum(len(run) for run, _, _ in runs) == width
        assert len(frame.canvas.glyph[y]) == len(frame.canvas.fg[y]) == len(frame.canvas.bg[y]) == width
        assert all(len(glyph) == 1 for glyph in frame.canvas.glyph[y])


def test_every_zoom_and_size_of_a_real_walk_is_drawn() -> None:
    chance, price, steps = random.Random(5), 100.0, []
    for _ in range(700):
        close = price + chance.gauss(0, 1)
        steps.append((price, max(price, close) + 0.4, min(price, close) - 0.4, close))
        price = close
    bars = candles(steps)
    for zoom in range(len(ZOOMS)):
        for width, height in ((30, 6), (80, 14), (120, 30), (300, 80)):
            frame = painted(scene(bars, levels=LEVEL_SCENE.levels), width, height, zoom=zoom)
            assert all(len(frame.canvas.text(y)) == width for y in range(height))
            assert {ink for row in frame.canvas.bg for ink in row} >= {BG}
