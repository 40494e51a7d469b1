"""The position pane, as it reads."""

from __future__ import annotations

from decimal import Decimal as D

import panes_builder as build

from cockpit.panes import reading
from cockpit.panes.position import PositionPane, r_bar
from cockpit.panes.strip import PositionStrip
from cockpit.panes.text import plain
from cockpit.view import View


def drawn(view: View, width: int = 40, height: int = 9) -> str:
    return plain(PositionPane().lines(view, width, height))


def test_a_long_position_with_its_numbers_in_agreement() -> None:
    assert drawn(build.long()) == (
        "▲ LONG 0.250 BTC            10× isolated\n"
        "uPnL               +30.00 USDT    +1.91%\n"
        "rPnL today         +84.12 USDT    +0.84%\n"
        "entry                           62,859.2\n"
        "mark                            62,979.2\n"
        "liq                    57,122.0    -9.3%\n"
        "stop / target        62,559.2 / 63,309.2\n"
        "────────────────┿━━━━━┃─────────────────\n"
        "SL -1.0R       now +0.40R       TP +1.5R"
    )


def test_a_losing_short_says_so_by_glyph_and_sign() -> None:
    text = drawn(build.losing())
    assert text.startswith("▼ SHORT 0.250 BTC")
    assert "-30.00 USDT    -1.91%" in text
    assert "─────────┃━━━━━━┿───────────────────────" in text
    assert "now -0.40R" in text


def test_flat_says_so_and_shows_the_last_trade() -> None:
    assert drawn(build.flat()) == (
        "◇ FLAT  no position in BTCUSDT\n"
        "rPnL today                   +84.12 USDT\n"
        "trades                         2 · 1 won\n"
        "last ▲ LONG 0.400        +109.00  +1.51R\n"
        "entry → exit         62,500.0 → 62,772.5\n"
        "time                 11:32:05 → 11:52:05\n"
        "why                               target"
    )


def test_flat_with_room_it_says_what_each_strategy_thinks() -> None:
    view = build.flat()
    view.state.latest_note["breakout-v3/BTCUSDT"] = view.state.notes[0]
    assert drawn(view, 40, 12).splitlines()[-1] == "· breakout-v3  62,910.2 is inside 62,40…"


def test_before_the_first_trade() -> None:
    assert drawn(build.empty()).endswith("none yet in this session")


def test_a_position_without_a_stop_is_loud() -> None:
    view = build.naked()
    text = drawn(view)
    assert " ! NAKED 7.0 s" in text
    assert "none / 63,309.2" in text
    assert "no stop" in text
    assert PositionPane().mood(view) == "alarm"


def test_a_stale_position_and_a_different_venue_quantity_are_flagged() -> None:
    view = build.long()
    p = view.state.positions[build.SYMBOL]
    p.stale, p.bars, p.venue_qty = True, 250, D("0.200")
    assert drawn(view, 60).splitlines()[1] == " ≠ VENUE 0.200  ◷ STALE 250 bars"


def test_a_trailing_stop_says_so_and_what_it_is_worth_by_now() -> None:
    view = build.long()
    p = view.state.positions[build.SYMBOL]
    p.stop, p.trailing = D("62919.2"), True
    assert drawn(view).splitlines()[-1].startswith("TRAIL +0.2R")
    assert "trailing / target    62,919.2 / 63,309.2" in drawn(view)


def test_with_room_it_says_why_and_since_when() -> None:
    text = drawn(build.long(), 40, 12)
    assert "why  close above 62,850.0" in text
    assert "held             since 12:52:05  10 bars" in text


def test_what_matters_most_stays_when_there_are_few_rows() -> None:
    assert drawn(build.long(), 40, 3) == (
        "▲ LONG 0.250 BTC            10× isolated\n"
        "uPnL               +30.00 USDT    +1.91%\n"
        "SL -1.0R       now +0.40R       TP +1.5R"
    )


def test_the_bar_runs_from_the_stop_to_the_target() -> None:
    p = build.long_position()
    bar = {price: plain([r_bar(p, price, 26)]) for price in (62_559.2, 62_859.2, 63_309.2)}
    assert bar[62_559.2] == "┃━━━━━━━━━┿───────────────"
    assert bar[62_859.2] == "──────────┃───────────────"
    assert bar[63_309.2] == "──────────┿━━━━━━━━━━━━━━┃"


def test_profit_realised_today_counts_todays_trades_and_the_open_position() -> None:
    view = build.long()
    p = view.state.positions[build.SYMBOL]
    p.realised, p.fees, p.funding = D("10"), D("1.5"), D("-0.5")
    assert reading.realised_today(view) == 84.12 + 8.0
    view.state.trades[0].exit_t -= reading.DAY_NS
    assert reading.realised_today(view) == 109.0 + 8.0


def test_the_strip_says_the_same_in_one_row() -> None:
    strip = PositionStrip()
    assert plain(strip.lines(build.long(), 80, 1)) == (
        " ▲ LONG 0.250 @ 62,859.2  uPnL +30.00 +1.91%           ──────┿━┃───────  +0.40R"
    )
    assert "! NAKED 7.0 s" in plain(strip.lines(build.naked(), 80, 1))
    assert plain(strip.lines(build.flat(), 80, 1)).startswith(" ◇ FLAT  last +109.00 +1.51R target")


def test_positions_in_other_symbols_are_not_out_of_sight() -> None:
    view = build.long()
    assert PositionPane().subtitle_line(view, 44) == []
    market, other = build.market(), build.long_position()
    market.symbol = other.symbol = "BTCUSDC"
    market.mark = 62_779.2
    other.stop = None
    view.state.markets["BTCUSDC"], view.state.positions["BTCUSDC"] = market, other
    assert plain([PositionPane().subtitle_line(view, 44)]) == "also ▲ BTCUSDC -20.00 ! NAKED"
