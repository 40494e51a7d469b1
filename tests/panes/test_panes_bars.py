"""Header, status row and the small screen, as they read."""

from __future__ import annotations

import panes_builder as build
import pytest

from cockpit.panes.header import HeaderBar
from cockpit.panes.small import TooSmall
from cockpit.panes.status import StatusBar
from cockpit.panes.text import plain
from cockpit.theme import palette
from cockpit.view import View
from engine.model.state import Step

HINTS = [("F9", "kill"), ("F", "flatten"), ("?", "help")]


def header(view: View, width: int = 160) -> str:
    return plain(HeaderBar().lines(view, width, 2 if width >= 100 else 1))


def status(view: View, width: int = 160) -> str:
    bar = StatusBar()
    bar.hints = HINTS
    return plain(bar.lines(view, width, 1))


def test_the_wide_header_has_two_rows() -> None:
    assert header(build.long()) == (
        "  DEMO    BTCUSDT PERP   62,979.2 ▲   +1.84%  bid 62,979.1  ask 62,979.2  spread 0.1 · 0.02 bp"
        "                       funding +0.0100% in 02:14:33  13:42:05 UTC\n"
        " mark 62,979.2  index 62,974.4  24h H 63,046.9 L 61,593.5  vol 48.2k BTC"
        "        strategy breakout-v3  links ● ● ●  equity 10,114.12 USDT  day +114.12  ▶ ACTIVE"
    )


def test_the_narrow_header_has_one() -> None:
    assert header(build.long(), 80) == "  DEMO    BTCUSDT   62,979.2 ▲   +1.84%        fund +0.0100% 02:14:33  13:42:05"


@pytest.mark.parametrize(("mode", "badge"), [("DEMO", "  DEMO  "), ("PAPER", "  PAPER  "), ("LIVE", " ▞▞ LIVE ▞▞ ")])
def test_the_mode_is_first_in_both_bars_at_every_width(mode: str, badge: str) -> None:
    view = build.long(mode)
    for width in (160, 100, 80):
        assert header(view, width).startswith(badge)
        assert status(view, width).startswith(badge)


def test_live_is_tinted_and_the_others_are_not() -> None:
    assert HeaderBar().ground(build.long("LIVE")) == StatusBar().ground(build.long("LIVE")) == "bar.live"
    assert HeaderBar().ground(build.long("PAPER")) == "bar"


def test_a_falling_price_has_its_own_glyph() -> None:
    view = build.long()
    view.state.markets[build.SYMBOL].last_side = "SELL"
    assert "62,979.2 ▼" in header(view)


def test_funding_counts_down_in_the_markets_time_and_a_fast_market_says_so() -> None:
    view = build.long()
    view.profile = build.profile(speed=10)
    market = view.state.markets[build.SYMBOL]
    market.quote_t = market.mark_t = view.now - build.SECOND
    assert header(view).splitlines()[0].endswith("funding +0.0100% in 02:14:33  13:42:15 UTC 10×")


def test_alarms_take_the_second_row_and_on_one_row_the_place_of_what_can_wait() -> None:
    wide = header(build.naked()).splitlines()[1]
    assert wide.startswith("  ! 1 ALARM  BTCUSDT has no protective stop at the venue")
    assert "equity 10,114.12" in wide
    assert "! 1 ALARM" in header(build.naked(), 80)


@pytest.mark.parametrize(
    ("trading", "badge"),
    [("ACTIVE", "▶ ACTIVE"), ("PAUSED", " ‖ PAUSED"), ("HALTED", " ■ HALTED"), ("SAFE", " ◆ SAFE")],
)
def test_each_trading_state_has_a_glyph_of_its_own(trading: str, badge: str) -> None:
    view = build.long()
    view.state.trading = trading
    assert badge in header(view)
    assert trading == "ACTIVE" or badge in header(view, 80)


def test_a_replay_says_so() -> None:
    view = build.long()
    view.source = "replay"
    assert "◀ REPLAY" in header(view)
    assert "◀ REPLAY" in header(view, 80)
    view.source = "behind"
    assert "◀ BEHIND LIVE" in header(view, 80)


def test_before_anything_is_heard_unknowns_are_dashes() -> None:
    first, second = header(build.empty()).splitlines()
    assert "bid –  ask –  spread – · –" in first
    assert "mark –  index –" in second
    assert "equity –" in second
    assert "day –" in second


def test_the_status_row() -> None:
    assert status(build.long()) == (
        "  DEMO    ● ENGINE 1.2 ms  ● PRV 14 ms  ● PUB 12 ms  ● REST 48 ms  kill switch ○ READY"
        "                                          F9  kill   F  flatten   ?  help"
    )
    assert status(build.long(), 80) == "  DEMO   ● ENG ●●● LINKS kill ○ READY day +114.12              F9  kill  F   ?"


def test_a_link_that_is_not_up_says_so_at_every_width() -> None:
    view = build.links_down()
    view.state.trading = "ACTIVE"
    for width in (160, 80):
        assert "✕ PRV failed" in status(view, width)
        assert "◐ PUB connecting" in status(view, width)


def test_a_tripped_kill_switch_takes_the_whole_row_with_its_reason() -> None:
    view = build.killed()
    assert StatusBar().ground(view) == "bar.halted"
    text = status(view)
    assert text.startswith("  DEMO    ■ HALTED  key F9  kill switch TRIPPED · only reduce-only orders  since 13:41:00")
    assert "F9  kill" in text


def test_safe_and_paused_are_told_apart() -> None:
    safe, paused = build.links_down(), build.long()
    paused.state.trading, paused.state.trading_why = "PAUSED", "key p"
    assert StatusBar().ground(safe) == "bar.safe"
    assert "◆ SAFE  private link lost  no entries · a person must re-arm" in status(safe)
    assert StatusBar().ground(paused) == "bar"
    assert "‖ PAUSED   key p" in status(paused)
    assert "○ READY" in status(paused)


def test_an_ending_session_shows_its_step_and_then_why_it_ended() -> None:
    view = build.flat()
    view.state.steps = [Step(1, "no new entries", "ok", ""), Step(2, "cancel entries", "running", "")]
    assert " ENDING  2. cancel entries: running" in status(view, 80)
    view.state.session.ended = "quit"
    assert " ENDED  quit" in status(view)


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize("state", sorted(build.VIEWS))
def test_the_kill_key_is_on_the_row_in_every_state(state: str, width: int) -> None:
    view = build.VIEWS[state]()
    bar = StatusBar()
    bar.hints = HINTS
    assert "F9" in plain(bar.lines(view, width, 1)) or width < 80


def test_a_small_terminal_still_shows_what_must_not_be_hidden() -> None:
    assert plain(TooSmall().lines(build.awaiting("LIVE"), 60, 16)) == (
        " ▞▞ LIVE ▞▞  ▶ ACTIVE\n"
        "▲ LONG 0.250 +30.00\n"
        "day +114.12\n"
        "an order waits: make the window larger to answer\n"
        "too small: have 60x16, need 80x24\n"
        " F9  kill switch"
    )
    assert plain(TooSmall().lines(build.naked(), 40, 2)).startswith("  DEMO   ▶ ACTIVE")


def test_a_link_that_is_down_says_its_name_in_the_header() -> None:
    assert "links ● ● ●" in header(build.long())
    view = build.links_down()
    assert "links ✕ PRV failed ◐ PUB connecting ●" in header(view)
    view.state.alarms["x"] = "something stands"
    assert "! 1 ALARM" in header(view)
    assert "PRV failed" in header(view)


def test_live_cannot_be_mistaken() -> None:
    colours = palette("dark")
    live, paper = colours("bar.live live"), colours("bar paper")
    assert live.color is not None
    assert live.bgcolor is not None
    assert (live.color.name, live.bgcolor.name) == ("#ffffff", "#d4112b")
    assert paper.bgcolor is not None
    assert paper.bgcolor.name == "#4c8dff"
    for pane in (HeaderBar(), StatusBar()):
        assert pane.ground(build.long("LIVE")) == "bar.live"
        assert pane.ground(build.long("PAPER")) == "bar"
    tint = colours("bar.live").bgcolor
    assert tint is not None
    red, green, blue = tint.get_truecolor()
    assert red > 2 * max(green, blue)


def test_links_in_one_state_are_said_together_where_there_is_little_room() -> None:
    view = build.long()
    assert "●●● LINKS kill ○ READY" in status(view, 80)
    for link in view.state.links.values():
        link.state = "connecting"
    assert "◐◐◐ LINKS connecting kill ○ READY" in status(view, 80)
