"""The timeline: where things stand on it, and what it looks like."""

from __future__ import annotations

from typing import Any

import pytest
from panes_builder import NOW, SECOND, flat, long
from rich.cells import cell_len

from cockpit.panes.banner import banner_line
from cockpit.panes.text import plain, width_of
from cockpit.panes.timeline import TimelinePane
from cockpit.panes.timeline_rows import (
    SIGNS,
    SOLD,
    axis_row,
    column,
    density_row,
    heights,
    marker_row,
    sign,
    time_at,
)
from cockpit.theme import NAMES
from cockpit.view import Strip, View
from engine.replay.marks import Mark

START = NOW - 600 * SECOND
END = NOW


def at(share: float) -> int:
    return START + int((END - START) * share)


def mark(share: float, kind: Any, text: str = "") -> Mark:
    return Mark(int(share * 1000), at(share), kind, text)


MARKS = [
    mark(0.0, "pause"), mark(0.1, "resume"), mark(0.2, "approval"), mark(0.25, "fill", "BUY 0.1 BTCUSDT at 1"),
    mark(0.3, "fill", "SELL 0.1 BTCUSDT at 1"), mark(0.4, "reject"), mark(0.6, "lost"), mark(0.65, "up"), mark(0.7, "bookmark"),
    mark(0.8, "kill"), mark(0.85, "rearm"), mark(0.9, "safe"), mark(1.0, "end"),
]  # fmt: skip


def strip(share: float = 0.5, **changes: Any) -> Strip:
    given: dict[str, Any] = {
        "density": [n % 7 + 1 for n in range(480)], "marks": MARKS, "gaps": [(at(0.45), at(0.48))], "name": "demo.cockpit",
        **changes,
    }  # fmt: skip
    return Strip(START, END, START, END, at(share), int(share * 1000), 1000, **given)


def view(source: Any = "replay", **changes: Any) -> View:
    made = flat()
    made.source, made.strip, made.now = source, strip(**changes), at(0.5)
    return made


def drawn(made: View, width: int, height: int) -> list[str]:
    return plain(TimelinePane().lines(made, width, height)).split("\n")


def test_every_sign_is_one_cell_wide_and_unlike_the_others() -> None:
    glyphs = [glyph for glyph, _ in SIGNS.values()] + [SOLD[0]]
    assert all(cell_len(glyph) == 1 and not 0x2800 <= ord(glyph) < 0x2900 and ord(glyph) < 0x1F000 for glyph in glyphs)
    assert len(set(glyphs)) == len(glyphs)
    assert {name for _, style in [*SIGNS.values(), SOLD] for name in style.split()} <= NAMES


def test_a_sale_points_down() -> None:
    assert sign(MARKS[3])[0] == "▲"
    assert sign(MARKS[4])[0] == "▼"


@pytest.mark.parametrize("width", [1, 2, 10, 46, 106])
def test_a_cell_and_its_time_belong_together(width: int) -> None:
    made = strip()
    assert column(made, START, width) == 0
    assert column(made, END, width) == width - 1
    for x in range(width):
        assert column(made, time_at(made, x, width), width) == x


def test_what_is_outside_of_the_line_is_not_on_it() -> None:
    assert column(strip(), START - 1, 50) == -1
    assert column(strip(), END + 1, 50) == 50


@pytest.mark.parametrize("width", [1, 7, 46, 480, 1000])
def test_heights_are_eighths_and_silence_is_nothing(width: int) -> None:
    found = heights([0] * 240 + [5] * 240, width)
    assert len(found) == width
    assert all(0 <= value <= 8 for value in found)
    if width >= 7:
        assert found[0] == 0
        assert found[-1] > 0
    assert heights([], width) == [0] * width


def test_the_busiest_time_is_the_highest() -> None:
    found = heights([1] * 100 + [50] * 10 + [1] * 100, 21)
    assert found[10] == max(found)
    assert found[0] < found[10]


def test_gaps_are_shaded_in_both_rows() -> None:
    made = strip()
    for row in (density_row(made, 100), marker_row(made, 100)):
        text = plain([row])
        assert text[46] == "░"
        assert text[40] != "░"


def test_the_more_important_mark_wins_a_cell() -> None:
    made = strip(marks=[mark(0.301, "fill", "BUY"), mark(0.3, "kill"), mark(0.302, "reject")])
    assert "■" in plain([marker_row(made, 50)])


def test_a_mark_stays_to_be_seen_under_the_playhead() -> None:
    made = strip(share=0.4)
    assert plain([marker_row(made, 100)])[column(made, at(0.4), 100)] == "✕"


def test_the_ends_of_the_loop_are_on_the_line() -> None:
    text = plain([marker_row(strip(a=at(0.1), b=at(0.7)), 100)])
    assert text[column(strip(), at(0.1), 100)] == "A"
    assert text[column(strip(), at(0.7), 100)] == "B"


def test_the_axis_has_round_times_that_do_not_touch() -> None:
    assert plain([axis_row(strip(), 100)]).split() == ["13:34", "13:36", "13:38", "13:40"]


@pytest.mark.parametrize("source", ["replay", "behind", "live"])
@pytest.mark.parametrize("width", [1, 10, 40, 78, 80, 99, 100, 114, 160])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_rows_never_exceed_their_room(source: Any, width: int, height: int) -> None:
    lines = TimelinePane().lines(view(source), width, height)
    assert len(lines) <= height
    assert all(width_of(line) <= width for line in lines)


GOLDEN: dict[tuple[str, int, int], list[str]] = {
    ("replay", 114, 3): [
        " ┃◀  ◀  ▶  ▶  ▶┃           ▅▅▅▅▆▆▆▇▇▆▅▅▅▆▆▆▇▇▇▅▅▅▅▆▆▆▇▇░▅▅┃▆▆▆▇▇▆▅▅▅▅▆▆▆▇▇▅▅▅▅▆▆▆▇▇▆▅▅▅▆▆  13:37:05.118",
        " 1×  by event              ‖━━━━━▸━━━━━◆━━▲━━▼━━━━━✕━━━░━━┃─────↯──↑──★─────■──◇──◈─────●  #500 of 1,000",
        "                                    13:34        13:36       13:38        13:40            50% of 10:00",
    ],
    ("replay", 80, 2): [
        " ◀  ▶  ▶      ▄▅▆▇▄▅▆▇▄▅▆▇▄▄▆▇▄▄▆▇▄▄▆▇▅░▆┃▅▄▅▇▅▄▅▇▅▄▅▆▅▄▅▆▆▄▅▆▆▄▅▆▆▄▅  13:37:05",
        " 1× event     ‖━━━━▸━━━━━◆━▲━━▼━━━━━✕━━░━┃─────↯─↑──★─────■─◇──◈────●  #500",
    ],
    ("live", 114, 2): [
        " ┃◀  ◀  II  ▶  ▶┃     ‖━━━━━━▸━━━━━━━◆━━▲━━━▼━━━━━━━✕━━━░░━────────↯──↑───★───────■──◇───◈──────●  ● NOW 13:37:05",
        "                                  13:34          13:36          13:38          13:40",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("source", "width", "height"), GOLDEN)
def test_it_looks_like_this(source: Any, width: int, height: int) -> None:
    assert drawn(view(source), width, height) == GOLDEN[source, width, height]


def test_what_stands_in_the_rows() -> None:
    first, second, third = drawn(view(), 114, 3)
    assert first.endswith("13:37:05.118")
    assert second.startswith(" 1×  by event")
    assert second.endswith("#500 of 1,000")
    assert third.endswith("50% of 10:00")
    first, second = drawn(view(), 80, 2)
    assert first.startswith(" ◀  ▶  ▶ ")
    assert first.endswith("13:37:05")
    assert second.endswith("#500")


def test_live_says_now() -> None:
    first = drawn(view("live"), 114, 2)[0]
    assert "● NOW" in first
    assert "■" in first


def test_the_banner_says_how_far_behind_and_what_the_engine_does() -> None:
    behind, now = view("behind"), long()
    behind.actual = now
    behind.now = now.now - 83 * SECOND
    for width in (160, 120, 80):
        text = plain([banner_line(behind, width)])
        assert "BEHIND LIVE" in text
        assert "01:23 ago" in text
        assert "kill" in text
        assert "live" in text
        assert len(text) <= width
    assert "LONG 0.250 +30.00" in plain([banner_line(behind, 160)])
    now.state.trading = "HALTED"
    assert "trades on" not in plain([banner_line(behind, 160)])
