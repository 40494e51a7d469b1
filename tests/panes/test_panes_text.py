"""Lines of text: whatever comes in, they stay within their width and print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.panes.text import (
    Column,
    Item,
    cells,
    cut,
    fit,
    fitting,
    gauge,
    keep,
    left,
    pair,
    plain,
    right,
    row,
    spread,
    table_row,
    width_of,
)

hostile = st.text(max_size=60) | st.sampled_from(
    [
        "[bold]",
        "[/]",
        "\x1b[31mred\x1b[0m",
        "a\nb\tc\r",
        "\u202eevil",
        "幅広" * 7,
        "👩‍👩‍👧‍👦",
        "e\u0301" * 9,
        "\x00",
        "x" * 5_000,
    ]
)
styles = st.sampled_from(["", "bull", "cursor need"])
segments = st.lists(st.tuples(hostile, styles), max_size=6)


@given(segments, st.integers(0, 60))
def test_a_fitted_line_has_at_most_its_width_and_no_control_characters(line: list[tuple[str, str]], width: int) -> None:
    fitted = fit(line, width)
    assert width_of(fitted) <= width
    assert all(text.isprintable() for text, _ in fitted)


@given(segments, segments, st.integers(1, 60))
def test_a_row_fills_its_width_exactly(lhs: list[tuple[str, str]], rhs: list[tuple[str, str]], width: int) -> None:
    assert width_of(row(lhs, rhs, width)) == width


@given(hostile, st.integers(1, 40))
def test_padding_is_by_cells(text: str, width: int) -> None:
    assert cells(left(text, width)) == cells(right(text, width)) == width


@given(st.floats(), st.integers(0, 40))
def test_a_gauge_keeps_its_width_whatever_the_share(share: float, width: int) -> None:
    assert width_of(gauge(share, width, "good")) == width


@given(st.lists(st.tuples(st.integers(0, 3), segments), max_size=6), st.integers(1, 80))
def test_spread_never_raises_whatever_the_room(items: list[tuple[int, list[tuple[str, str]]]], width: int) -> None:
    made = [Item(rank, line) for rank, line in items]
    assert width_of(fit(spread(made[:3], made[3:], width), width)) <= width


def test_what_is_cut_off_shows_an_ellipsis() -> None:
    assert cut("confirmation", 6) == "confi…"
    assert cut("confirmation", 0) == ""
    assert cut("幅幅幅", 4) == "幅…"


def test_a_label_gives_way_to_its_value() -> None:
    assert plain([pair("a long label", [("12,345.6", "")], 12)]) == "a…  12,345.6"


def test_anything_above_zero_shows_in_a_gauge() -> None:
    assert plain([gauge(0.0001, 6, "good")]) == "╸─────"
    assert plain([gauge(0.5, 6, "good")]) == "━━━───"
    assert plain([gauge(9.0, 6, "good")]) == "━━━━━━"
    assert plain([gauge(0.0, 6, "good")]) == "──────"


def test_the_least_important_items_go_first_and_rank_zero_stays() -> None:
    items = [Item(0, [("LIVE", "")]), Item(2, [("spread", "")]), Item(1, [("change", "")])]
    assert plain([spread(items, [Item(0, [("x", "")])], 30)]) == "LIVE  spread  change         x"
    assert plain([spread(items, [Item(0, [("x", "")])], 18)]) == "LIVE  change     x"
    assert plain([spread(items, [Item(0, [("x", "")])], 8)]) == "LIVE   x"


def test_rows_are_dropped_by_rank_and_keep_their_order() -> None:
    rows = [Item(n, [(str(n), "")]) for n in (0, 3, 1, 2)]
    assert plain(keep(rows, 3)) == "0\n1\n2"
    assert keep(rows, 0) == []


def test_columns_that_do_not_fit_are_left_out_and_the_flexible_one_takes_the_rest() -> None:
    columns = (Column("a", 4), Column("b", 0, least=5), Column("c", 6, ">", rank=1))
    assert [(n, size) for n, size, _ in fitting(columns, 30)] == [(0, 4), (1, 18), (2, 6)]
    assert [(n, size) for n, size, _ in fitting(columns, 12)] == [(0, 4), (1, 7)]
    assert plain([table_row(columns, [("x", ""), ("y", ""), ("z", "")], 18)]) == "x    y           z"


def test_a_flexible_column_shrinks_below_its_least_rather_than_overflow() -> None:
    columns = (Column("time", 12), Column("what", 0, "<", 0, 44))
    assert plain([table_row(columns, [("13:42:05.118", ""), ("public up", "")], 30)]) == "13:42:05.118 public up"
    assert width_of(table_row(columns, [("13:42:05.118", ""), ("x" * 80, "")], 30)) == 30
