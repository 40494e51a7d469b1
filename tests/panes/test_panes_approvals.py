"""What is asked of the trader, as it reads."""

from __future__ import annotations

from decimal import Decimal as D

import panes_builder as build
import pytest

from cockpit.actions import caps
from cockpit.keymap import resolve
from cockpit.panes.approvals import ApprovalPane
from cockpit.panes.strip import ApprovalStrip
from cockpit.panes.text import plain
from cockpit.view import View
from engine.core.orders import terms
from engine.model.state import Approval


def drawn(view: View, *, armed: bool = True, width: int = 40, height: int = 9) -> str:
    pane = ApprovalPane()
    pane.armed = armed
    return plain(pane.lines(view, width, height))


def test_the_whole_question_fits_nine_rows() -> None:
    assert drawn(build.awaiting()) == (
        "▲ BUY LIMIT 0.100 BTC           62,850.0\n"
        "notional                   6,285.00 USDT\n"
        "position                 +0.250 → +0.350\n"
        "stop / target        62,430.0 / 63,480.0\n"
        "risk       R:R 1.5  42.00 USDT  0.42% eq\n"
        "quote age         0.3 s · spread 0.02 bp\n"
        "why  retest of 62,850.0 holds\n"
        "expires    ━━━━━━━━━━━━╸────────   00:18\n"
        " y  approve   n  decline"
    )


def test_terms_risk_and_keys_survive_in_four_rows() -> None:
    assert drawn(build.awaiting(), height=4).splitlines() == [
        "▲ BUY LIMIT 0.100 BTC           62,850.0",
        "stop / target        62,430.0 / 63,480.0",
        "risk       R:R 1.5  42.00 USDT  0.42% eq",
        " y  approve   n  decline",
    ]


@pytest.mark.parametrize(("width", "height"), [(40, 1), (18, 3), (18, 9)])
def test_terms_that_do_not_fit_cannot_be_approved_and_the_pane_says_what_to_do(width: int, height: int) -> None:
    pane = ApprovalPane()
    pane.armed = True
    text = plain(pane.lines(build.awaiting(), width, height))
    assert (pane.terms(), pane.shown_id()) == ("", "ck-104")
    assert " y " not in text
    assert " 4  to " in text or height == 1


def test_everything_that_is_agreed_to_is_said() -> None:
    view = build.awaiting()
    assert "post-only" not in drawn(view)
    view.state.orders["ck-104"].tif = "POST_ONLY"
    assert "condition                      post-only" in drawn(view)
    view.state.orders["ck-104"].symbol = "ETHUSDT"
    assert "0.1000 ETHUSDT" in drawn(view, width=60)
    view.state.orders["ck-104"].symbol = "1000SHIBUSDT"
    assert drawn(view).splitlines()[:2] == [
        "▲ BUY LIMIT 0.1000 1000SHIBUSDT",
        "price                          62,850.00",
    ]


def test_a_long_reason_takes_two_lines() -> None:
    view = build.awaiting()
    view.state.orders["ck-104"].why = "trend DOWN: limit at EMA20 94,859.3, close below both averages"
    assert drawn(view, height=12).splitlines()[6:8] == [
        "why  trend DOWN: limit at EMA20",
        "     94,859.3, close below both averages",
    ]


def test_the_key_caps_are_those_of_the_keymap() -> None:
    view = build.awaiting()
    view.keys = caps(resolve({"approve": "a", "decline": "d", "pane_approval": "f4"}))
    pane = ApprovalPane()
    assert plain(pane.lines(view, 40, 9)).endswith(" a  approve   d  decline      armed soon")
    assert plain([pane.title_line(view, 40)]) == "F4 CONFIRM ORDER"
    assert plain(ApprovalStrip().lines(view, 80, 2)).splitlines()[0].endswith(" a   d")


def test_until_a_key_counts_the_keys_are_grey_and_say_so() -> None:
    view = build.awaiting()
    assert drawn(view, armed=False).splitlines()[-1] == " y  approve   n  decline      armed soon"
    pane = ApprovalPane()
    styles = {style for _, style in pane.lines(view, 44, 9)[-1]}
    assert "key.off" in styles
    assert "key.yes" not in styles


def test_terms_are_those_of_the_order_on_the_screen() -> None:
    view = build.awaiting()
    pane = ApprovalPane()
    assert (pane.terms(), pane.shown_id()) == ("", "")
    pane.lines(view, 40, 9)
    assert pane.terms() == terms(view.state.orders["ck-104"])
    assert pane.shown_id() == "ck-104"
    pane.lines(build.flat(), 40, 9)
    assert (pane.terms(), pane.shown_id()) == ("", "")


def test_the_first_asked_is_shown_and_the_others_are_counted() -> None:
    view = build.awaiting()
    build.put(view, build.order("ck-105", side="SELL", status="AWAITING_APPROVAL"))
    view.state.approvals["ck-105"] = Approval("ck-105", build.ago(20), build.NOW + 10 * build.SECOND)
    text = drawn(view)
    assert text.startswith("▼ SELL LIMIT 0.100 BTC")
    assert text.endswith("+1 waiting")


def test_an_expired_question_is_gone() -> None:
    view = build.awaiting()
    view.now += 18 * build.SECOND
    assert drawn(view).startswith("◇ nothing waits")
    assert ApprovalPane().mood(view) == ""


def test_a_market_order_shows_where_it_would_fill() -> None:
    view = build.awaiting()
    view.state.orders["ck-104"].price = None
    view.state.orders["ck-104"].kind = "MARKET"
    assert drawn(view).splitlines()[0] == "▲ BUY MARKET 0.100 BTC        ~ 62,979.2"


def test_an_entry_without_a_stop_has_unknown_risk() -> None:
    view = build.awaiting()
    view.state.orders["ck-104"].stop = None
    text = drawn(view)
    assert "unknown without a stop" in text
    assert "no stop / 63,480.0" in text


def test_a_reducing_order_leads_to_flat() -> None:
    view = build.awaiting()
    order = view.state.orders["ck-104"]
    order.side, order.reduce_only, order.qty, order.stop, order.target = "SELL", True, D("0.250"), None, None
    text = drawn(view)
    assert "+0.250 → flat" in text
    assert "reduces risk" in text
    assert "condition                    reduce-only" in drawn(view)


def test_an_old_quote_and_a_wide_spread_are_amber() -> None:
    view = build.awaiting()
    market = view.state.markets[build.SYMBOL]
    market.quote_t = build.ago(3)
    market.asks = [(63_040.0, 1.0)]
    line = next(line for line in ApprovalPane().lines(view, 40, 9) if line[0][0] == "quote age")
    assert [(text, style) for text, style in line if style == "need"] == [("3.0 s", "need"), ("9.67 bp", "need")]


def test_a_live_order_says_live_in_its_title() -> None:
    assert ApprovalPane().title(build.awaiting("LIVE")) == "CONFIRM LIVE ORDER"
    assert ApprovalPane().title(build.awaiting()) == "CONFIRM ORDER"
    assert ApprovalPane().title(build.flat()) == "APPROVALS"
    assert ApprovalPane().mood(build.awaiting()) == "need"


def test_without_approval_the_idle_pane_warns() -> None:
    view = build.flat()
    view.profile = build.profile(approval="auto")
    assert "entries go out by themselves" in drawn(view)
    assert "every entry asks here, 30 s" in drawn(build.flat())


def test_the_strip_asks_the_same_in_two_rows() -> None:
    strip = ApprovalStrip()
    strip.armed = True
    assert plain(strip.lines(build.awaiting(), 80, 2)) == (
        " CONFIRM ▲ BUY LIMIT 0.100 BTC @ 62,850.0 → +0.350                00:18  y   n\n"
        " stop 62,430.0  target 63,480.0  risk 42.00 USDT  R:R 1.5"
    )
    assert strip.terms()
    assert "the terms do not fit:  4  reads them" in plain(strip.lines(build.awaiting(), 80, 1))
    assert (strip.terms(), strip.shown_id()) == ("", "ck-104")
    assert strip.ground(build.awaiting()) == "bar.need"
    assert plain(strip.lines(build.flat(), 80, 1)) == " ◇ nothing waits for you"


def test_an_order_in_another_symbol_names_it_in_the_title() -> None:
    view = build.awaiting()
    assert plain([ApprovalPane().title_line(view, 44)]) == "4 CONFIRM ORDER"
    view.state.orders["ck-104"].symbol = "ETHUSDT"
    assert plain([ApprovalPane().title_line(view, 44)]) == "4 CONFIRM ORDER · ETHUSDT"
