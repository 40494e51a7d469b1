"""The log pane: its tabs, its cursor and its filter, as they read and behave."""

from __future__ import annotations

from decimal import Decimal

import panes_builder as build
import pytest

from cockpit.panes.curve import area, resample
from cockpit.panes.logs import NAMES, LogPane, tab_titles
from cockpit.panes.tabs import TABS, compared, measured
from cockpit.panes.text import plain
from cockpit.view import View
from engine.model.state import Note, Rejection


def pane_on(tab: str) -> LogPane:
    pane = LogPane()
    pane.set_reactive(LogPane.tab, tab)
    return pane


def drawn(view: View, tab: str, width: int = 100, height: int = 11) -> list[str]:
    return plain(pane_on(tab).lines(view, width, height)).splitlines()


def refuse(view: View, seq: int, code: str = "paused") -> None:
    view.state.rejections.append(
        Rejection(
            build.NOW, seq, code, "", "", "no entries while paused", f"ck-{seq}", build.SYMBOL, "BUY",
            Decimal(1), None, "breakout-v3", "risk",
        )
    )  # fmt: skip
    view.state.rejected[code] = view.state.rejected.get(code, 0) + 1


def test_refusals_newest_first_with_value_and_limit_and_the_sentence_of_the_selected_one() -> None:
    lines = drawn(build.flat(), "rejections")
    assert lines[0].split() == ["time", "side", "qty", "price", "rule", "value,", "limit", "source"]
    assert lines[1].split() == [
        "13:41:58.118",
        "▲",
        "BUY",
        "0.450",
        "62,990.0",
        "max_exposure",
        "44.2k",
        ">",
        "40.0k",
        "breakout-v3",
    ]
    assert lines[2].split() == [
        "13:36:07.118",
        "▲",
        "BUY",
        "0.250",
        "62,871.5",
        "cooldown",
        "142",
        "s",
        "<",
        "300",
        "s",
        "breakout-v3",
    ]
    assert lines[6].split() == [
        "11:47:43.118",
        "▼",
        "SELL",
        "0.600",
        "market",
        "max_quantity",
        "0.6",
        ">",
        "0.5",
        "breakout-v3",
    ]
    assert lines[-3:] == [
        "╰ max_exposure Exposure with all working and unknown orders could exceed the limit.",
        "  exposure could reach 44,178.31 USDT, limit 40,000  by risk gate  ck-90",
        "  value 44,178.31  limit 40,000  ━━━━━━━━━━━━━━━━ 110% of limit",
    ]


def test_the_number_of_refusals_is_in_the_title_at_every_width() -> None:
    view = build.flat()
    for width in (160, 70, 50, 30):
        assert "6" in plain([pane_on("events").title_line(view, width)])
    captions = dict(tab_titles(view, "events", 120))
    assert captions["rejections"] == [(" REJECTIONS 6 ", "need")]
    assert captions["events"] == [(" EVENTS 3 ", "tag.tab")]
    assert dict(tab_titles(view, "rejections", 120))["rejections"] == [(" REJECTIONS 6 ", "tag.need")]
    assert dict(tab_titles(view, "why", 40))["rejections"] == [(" REJECT 6 ", "need")]


def test_fills_name_their_order_or_the_stop_that_made_them() -> None:
    lines = drawn(build.flat(), "fills")
    assert lines[1].split() == [
        "12:52:05.118",
        "▲",
        "BUY",
        "0.250",
        "62,859.2",
        "15,714.80",
        "0.0000",
        "maker",
        "ck-80",
    ]
    assert (
        lines[2].split()[-5:] == ["taker", "+109.00", "protective", "stop"][-5:]
        or "+109.00 protective stop" in lines[2]
    )


def test_trades_have_entry_and_exit_time_result_and_r() -> None:
    lines = drawn(build.flat(), "trades")
    assert lines[0].split()[:2] == ["entry_ts", "exit_ts"]
    assert lines[1].split() == [
        "11:32:05",
        "11:52:05",
        "▲",
        "LONG",
        "0.400",
        "62,500.0",
        "62,772.5",
        "+109.00",
        "+1.51R",
        "20",
        "target",
    ]
    assert lines[2].split() == [
        "10:32:05",
        "10:52:05",
        "▲",
        "LONG",
        "0.400",
        "62,500.0",
        "62,437.8",
        "-24.88",
        "-0.35R",
        "20",
        "stop",
    ]


def test_events_have_a_glyph_for_their_level() -> None:
    lines = drawn(build.flat(), "events")
    assert lines[1].split()[:3] == ["13:41:58.118", "!", "refused"]
    assert lines[2].split()[:4] == ["13:27:05.118", "·", "trailing", "stop"]
    assert lines[3].split()[:3] == ["12:52:05.118", "●", "fill"]


def test_why_keeps_the_last_word_on_each_candle() -> None:
    view = build.flat()
    last = view.state.notes[-1]
    view.state.notes.append(
        Note(build.NOW, 1_200, last.strategy, last.symbol, last.open_time, "blocked", "max_exposure")
    )
    lines = drawn(view, "why")
    assert [line.split()[2:4] for line in lines[1:3]] == [["■", "blocked"], ["·", "wait"]]


def test_the_equity_curve_has_its_range_and_where_it_stands() -> None:
    lines = drawn(build.flat(), "equity", 90, 6)
    assert lines[0].endswith("10,093.29")
    assert lines[4].endswith("10,000.00")
    assert lines[5] == ("now 10,084.12  +84.12 +0.84%  deepest fall -10.59  start 10,000.00     11:42:05 → 13:42:05")


@pytest.mark.parametrize("tab", NAMES)
def test_an_empty_tab_says_so(tab: str) -> None:
    assert TABS[tab].empty in "\n".join(drawn(build.empty(), tab))


def test_the_cursor_stays_on_its_row_when_rows_come_in_above() -> None:
    view, pane = build.flat(), LogPane()
    pane.show(view)
    pane.move(2)
    held = pane.selected(view)
    refuse(view, 1_300)
    assert pane.selected(view) == held
    assert pane.selected_seq(view) == 898


def test_at_the_top_the_cursor_stays_at_the_top() -> None:
    view, pane = build.flat(), LogPane()
    pane.show(view)
    assert pane.selected_seq(view) == 900
    refuse(view, 1_300)
    assert pane.selected_seq(view) == 1_300


def test_when_its_row_goes_the_cursor_takes_the_neighbour() -> None:
    view, pane = build.flat(), LogPane()
    pane.show(view)
    pane.move_to("last")
    assert pane.selected_seq(view) == 895
    del view.state.rejections[0]
    assert pane.selected_seq(view) == 896


def test_moves_stop_at_the_ends() -> None:
    view, pane = build.flat(), LogPane()
    pane.show(view)
    pane.move(-3)
    assert pane.selected_seq(view) == 900
    pane.move(99)
    assert pane.selected_seq(view) == 895
    pane.move_to("first")
    assert pane.selected_seq(view) == 900


def test_the_cursor_is_always_in_sight() -> None:
    view, pane = build.flat(), LogPane()
    for n in range(60):
        refuse(view, 2_000 + n)
    pane.show(view)
    for step in (30, 25, -40, 51, -66):
        pane.move(step)
        lines = pane.lines(view, 100, 9)
        marked = [line for line in lines if any("cursor" in style for _, style in line)]
        assert len(marked) == 1
        assert sum(len(text) for text, _ in marked[0]) == 100


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 6), ("sell", 2), ("SELL spread", 1), ("!sell", 4), ("buy !cooldown", 3), ("nothing", 0), ("!", 6)],
)
def test_filter_words_must_all_occur_and_a_mark_negates(text: str, count: int) -> None:
    view, pane = build.flat(), LogPane()
    pane.set_filter(text)
    assert len(pane.shown_rows(view)) == count


def test_a_filter_is_shown_with_its_matches() -> None:
    view, pane = build.flat(), LogPane()
    pane.set_filter("sell !spread")
    assert plain([pane.subtitle_line(view, 80)]) == "/sell !spread 1 match"
    pane.set_filter("zzz")
    assert "nothing matches “zzz”" in plain(pane.lines(view, 80, 8))
    assert pane.selected(view) is None


def test_the_journal_position_of_a_row_leads_to_its_moment() -> None:
    view = build.flat()
    assert pane_on("fills").selected_seq(view) == 699
    assert pane_on("events").selected_seq(view) == 900
    assert pane_on("why").selected_seq(view) == 1_190
    assert pane_on("trades").selected_seq(view) == 0


def test_an_unknown_tab_is_an_error() -> None:
    with pytest.raises(KeyError):
        LogPane().set_tab("nonsense")


def test_value_and_limit_are_set_against_each_other() -> None:
    assert compared("44178.31", "40000") == "44.2k > 40.0k"
    assert compared("0.9", "1.2") == "0.9 < 1.2"
    assert compared("down", "up") == "down, wanted up"
    assert compared("", "5 bp") == "5 bp"
    assert plain([measured("0.9", "1.2")]) == "value 0.9  limit 1.2  ━━━━━━━━━━━━──── 75% of limit"
    assert plain([measured("paused", "")]).strip() == "value paused  limit"
    assert measured("", "") == []
    assert "far beyond" in plain([measured("1000000", "1")])


def test_nothing_is_drawn_twice_for_the_same_state() -> None:
    view, pane = build.flat(), LogPane()
    before = pane.signature(view)
    view.now += build.SECOND
    assert pane.signature(view) == before
    refuse(view, 1_300)
    assert pane.signature(view) != before


def test_an_area_ends_in_eighths_and_is_soft_below_its_crest() -> None:
    assert area([0, 4, 8], 3, 1, "bull") == [[("▁▄█", "bull")]]
    assert plain(area([0, 16, 12], 3, 2, "bull")) == " █▄\n▁██"
    assert area([0, 16, 12], 3, 2, "bull")[1] == [("▁", "bull"), ("██", "bull.soft")]
    assert plain(area([5, 5], 2, 1, "bull")) == "▄▄"
    assert area([], 4, 2, "bull") == []


def test_resampling_keeps_the_last_value() -> None:
    for n in (1, 2, 5, 40, 1_000):
        values = [float(i) for i in range(n)]
        assert resample(values, 20)[-1] == values[-1]
        assert len(resample(values, 20)) == 20
