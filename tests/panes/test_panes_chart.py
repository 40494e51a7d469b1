"""The scene that the chart gets from a view."""

from __future__ import annotations

from decimal import Decimal as D

import msgspec
import panes_builder as build

from cockpit.chart.scene import Level
from cockpit.panes.chart import ChartPane, fill_markers, levels_of
from cockpit.panes.text import plain
from engine.model.market import MINUTE_NS, Candle


def test_the_position_and_its_ends_are_levels_with_what_they_are_worth() -> None:
    levels = {level.kind: level for level in levels_of(build.long()) if level.kind != "order"}
    assert levels["entry"] == Level("entry", 62_859.2, "LONG 0.250 +30.00", "buy")
    assert levels["stop"] == Level("stop", 62_559.2, "SL -1.0R -75.00", "buy")
    assert levels["target"] == Level("target", 63_309.2, "TP +1.5R +112.50", "buy")
    assert levels["liq"].price == 57_122.0


def test_a_short_loses_above_its_entry() -> None:
    levels = {level.kind: level.label for level in levels_of(build.losing())}
    assert levels["entry"] == "SHORT 0.250 -30.00"
    assert levels["stop"] == "SL -1.0R -75.00"
    assert levels["target"] == "TP +1.5R +112.50"


def test_working_and_asked_orders_are_levels() -> None:
    labels = [level.label for level in levels_of(build.awaiting()) if level.kind == "order"]
    assert labels == ["BUY 0.100", "BUY 0.060", "CONFIRM BUY 0.100"]
    assert "UNKNOWN BUY 0.100" in [level.label for level in levels_of(build.unknown())]


def test_an_asked_order_brings_its_ends_only_when_flat() -> None:
    view = build.awaiting()
    assert len([level for level in levels_of(view) if level.kind == "stop"]) == 1
    view.state.positions = {}
    ends = {level.kind: level.price for level in levels_of(view) if level.kind in ("stop", "target")}
    assert ends == {"stop": 62_430.0, "target": 63_480.0}


def test_fills_and_refusals_are_markers_in_their_order() -> None:
    scene = ChartPane().scene(build.long())
    kinds = [marker.kind for marker in scene.markers]
    assert kinds == ["reject", "sell", "reject", "buy", "reject", "reject", "reject", "reject"] or sorted(
        kinds
    ) == sorted(["buy", "sell"] + ["reject"] * 6)
    assert [m.time_ns for m in scene.markers] == sorted(m.time_ns for m in scene.markers)
    market_refusal = scene.markers[0]
    assert market_refusal.label == "SELL 0.600 max_quantity"
    assert 62_000 < market_refusal.price < 63_000


def test_partial_fills_of_one_order_are_one_marker_at_their_mean_price() -> None:
    view = build.long()
    part = msgspec.structs.replace(view.state.fills[-1], venue_order_id="v10", qty=D("0.100"), price=D("62850.0"))
    more = msgspec.structs.replace(part, trade_id="t10", qty=D("0.300"), price=D("62852.0"))
    view.state.fills = [part, more]
    (marker,) = fill_markers(view)
    assert (marker.kind, marker.price, marker.time_ns) == ("buy", 62_851.5, part.t)
    assert marker.label == "BUY 0.400 @ 62,851.5 in 2 fills"


def test_markers_are_made_again_only_when_there_are_others() -> None:
    view, pane = build.long(), ChartPane()
    first = pane.scene(view).markers
    assert pane.scene(view).markers is first
    view.state.fills.append(msgspec.structs.replace(view.state.fills[-1], venue_order_id="v10"))
    view.state.fills_total += 1
    assert len(pane.scene(view).markers) == len(first) + 1


def test_the_running_candle_is_last_unless_it_has_closed() -> None:
    view = build.long()
    market = view.state.markets[build.SYMBOL]
    scene = ChartPane().scene(view)
    assert len(scene.candles) == len(market.candles) + 1
    assert scene.live
    assert market.live is not None
    market.candles.append(Candle(market.live.open_time, 1, 1, 1, 1, 1))
    assert ChartPane().scene(view).candles is market.candles
    market.live = None
    assert not ChartPane().scene(view).live


def test_the_boxes_begin_where_the_position_was_opened() -> None:
    stance = ChartPane().scene(build.losing()).stance
    assert stance is not None
    assert stance.since_ns == build.ago(50 * 60)
    assert not stance.is_long
    assert ChartPane().scene(build.flat()).stance is None


def test_the_scene_of_a_fast_market_is_in_the_markets_time() -> None:
    view = build.long()
    view.profile = build.profile(speed=60)
    market = view.state.markets[build.SYMBOL]
    market.quote_t = market.mark_t = view.now
    scene = ChartPane().scene(view)
    assert scene.now_ns == market.venue_t
    refusal = next(m for m in scene.markers if "max_exposure" in m.label)
    assert refusal.time_ns == market.venue_t - 7 * 60 * build.SECOND


def test_missing_candles_are_said_in_the_title() -> None:
    view = build.long()
    view.state.markets[build.SYMBOL].gap_from = build.NOW // MINUTE_NS * MINUTE_NS - 5 * MINUTE_NS
    assert plain([ChartPane().title_line(view, 100)]) == "1 BTCUSDT perpetual · 5m  ! candles missing since 13:37"
