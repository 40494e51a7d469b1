"""Orders, limits, links and the checklist, as they read."""

from __future__ import annotations

from decimal import Decimal as D

import panes_builder as build

from cockpit.panes.heartbeat import HeartbeatPane
from cockpit.panes.orders import OrdersPane
from cockpit.panes.preflight import PreflightPane, verdict
from cockpit.panes.risk import RiskPane
from cockpit.panes.text import plain
from engine.model.state import Gate


def test_working_orders_newest_first_then_the_protective_stops() -> None:
    assert plain(OrdersPane().lines(build.awaiting(), 40, 8)) == (
        "type       qty     price    dist\n"
        "▲ BUY    0.100  62,610.0  -0.59%      PO\n"
        "▲ BUY    0.060  62,410.0  -0.90%    part\n"
        "◆ SL       all  62,559.2  -0.67%      RO\n"
        "◆ TP       all  63,309.2  +0.52%      RO"
    )


def test_a_wide_table_has_filled_quantity_time_in_force_and_status() -> None:
    assert plain(OrdersPane().lines(build.long(), 64, 5)).splitlines()[:3] == [
        "type           qty     price    dist tif status",
        "▲ BUY        0.100  62,610.0  -0.59%  PO working",
        "▲ BUY  0.040/0.100  62,410.0  -0.90%  PO part",
    ]


def test_an_unknown_order_stands_first_and_is_loud() -> None:
    view = build.unknown()
    pane = OrdersPane()
    assert plain(pane.lines(view, 40, 8)).splitlines()[1] == "▲ BUY    0.100  62,700.0         UNKNOWN"
    assert pane.selected(view) == "ck-103"
    assert pane.mood(view) == "alarm"
    assert plain([pane.title_line(view, 40)]) == "5 OPEN ORDERS 3  ? 1 UNKNOWN"


def test_selected_is_a_client_id_or_a_stop_id() -> None:
    view = build.long()
    pane = OrdersPane()
    assert [pane.key(row).partition("\x00")[0] for row in pane.rows(view)] == ["ck-101", "ck-102", "st-1", "st-1"]
    assert pane.selected(build.empty()) is None


def test_orders_being_cancelled_and_orders_of_others_say_so() -> None:
    view = build.long()
    view.state.orders["ck-101"].cancel_sent_t = build.ago(1)
    view.state.orders["ck-102"].status, view.state.orders["ck-102"].role = "ACCEPTED", "foreign"
    text = plain(OrdersPane().lines(view, 64, 5))
    assert "cancelling" in text
    assert "foreign" in text


def test_final_orders_are_not_open() -> None:
    view = build.long()
    view.state.orders["ck-101"].status = "FILLED"
    del view.state.open_orders["ck-101"]
    assert len(OrdersPane().rows(view)) == 3


def test_with_several_symbols_the_table_names_them() -> None:
    view = build.long()
    view.profile.symbols.append("ETHUSDT")
    assert plain(OrdersPane().lines(view, 64, 3)).splitlines()[1].startswith("▲ BUY  BTCUSDT")


def test_every_limit_is_shown_with_what_is_used_of_it() -> None:
    assert plain(RiskPane().lines(build.long(), 40, 8)) == (
        "day loss      ────────     0.00 / 200.00\n"
        "week loss     ────────     0.00 / 497.50\n"
        "drawdown      ╸───────     0.16 / 10.00%\n"
        "exposure      ━━━━━───     25.8k / 40.0k\n"
        "leverage      ━━━━────      2.55 / 5.00×\n"
        "at risk       ━━━━────      1.58 / 3.00%\n"
        "orders/min    ━───────            3 / 20\n"
        "losses in row ────────             0 / 4"
    )


def test_a_limit_that_is_reached_is_marked_without_colour_too() -> None:
    view = build.flat()
    view.state.account.wallet = D("9790")
    assert plain(RiskPane().lines(view, 40, 1)) == "day loss      ━━━━━━━━ ! 210.00 / 200.00"


def test_exposure_and_risk_count_working_and_unknown_orders_as_the_gate_does() -> None:
    lines = plain(RiskPane().lines(build.unknown(), 40, 8)).splitlines()
    assert lines[3].endswith("32.1k / 40.0k")  # 0.250 held and 0.260 that may be bought, at 62,979.2
    assert lines[4].endswith("3.18 / 5.00×")


def test_links_with_latency_age_and_troubles() -> None:
    assert plain(HeartbeatPane().lines(build.flat(), 60, 6)) == (
        "link      state                latency    age  rec miss  bad\n"
        "● public  up                     12 ms  0.3 s    0    0    0\n"
        "● private up                     14 ms  2.1 s    1    0    0\n"
        "● rest    up                     48 ms  6.0 s    0    0    0\n"
        "engine lag 1.2 ms                         journal lag 3.4 ms\n"
        "account compared 6.0 s ago"
    )


def test_links_that_are_down_say_why_and_stay_when_rows_are_few() -> None:
    view = build.links_down()
    text = plain(HeartbeatPane().lines(view, 80, 3))
    assert "✕ private failed gave up after 10 tries" in text
    assert "◐ public  connecting closed by the venue" in text
    assert plain([HeartbeatPane().title_line(view, 40)]) == "8 HEARTBEAT 1/3 up"
    assert "? not sure" in plain(HeartbeatPane().lines(view, 80, 6))


def test_a_silent_link_is_amber_although_it_is_up() -> None:
    view = build.flat()
    view.state.links["public"].last_t = build.ago(11)
    row = HeartbeatPane().lines(view, 60, 6)[1]
    assert [text.strip() for text, style in row if style == "need"] == ["11 s"]


def test_the_checklist() -> None:
    view = build.flat()
    view.state.gates["login"] = Gate("login", "fail", True, "the key was refused")
    view.state.gates["orphans"] = Gate("orphans", "pending", False, "")
    view.state.gates["kill"] = Gate("kill", "skip", False, "")
    lines = plain(PreflightPane().lines(view, 60, 20)).splitlines()
    assert lines[0] == "✓ config valid            req ok"
    assert lines[5] == "✗ login                   req the key was refused"
    assert lines[11].startswith("· orphans                 opt")
    assert lines[12].startswith("– kill")
    assert plain([PreflightPane().title_line(view, 40)]) == "9 PREFLIGHT ✗ 1 FAILED"


def test_a_failed_gate_is_never_the_one_that_is_hidden() -> None:
    view = build.flat()
    view.state.gates["late one"] = Gate("late one", "fail", True, "no")
    text = plain(PreflightPane().lines(view, 60, 4))
    assert "✗ late one" in text
    assert text.endswith("… 9 more, all passed or skipped")


def test_only_required_gates_fail_the_list() -> None:
    assert verdict([]) == ("not run", "dim")
    assert verdict([Gate("a", "pass", True, "")])[0] == "✓ all passed"
    assert verdict([Gate("a", "fail", False, "")])[0] == "✓ passed, 1 warned"
    assert verdict([Gate("a", "pending", True, "")])[0] == "· 1 open"
    assert verdict([Gate("a", "fail", True, "")])[0] == "✗ 1 FAILED"


def test_a_link_that_is_down_says_why_and_its_numbers_stand_below_their_heads() -> None:
    rows = plain(HeartbeatPane().lines(build.links_down(), 56, 6)).splitlines()
    head, private = rows[0], next(row for row in rows if "private" in row)
    assert "failed gave up after 10" in private
    assert private.rstrip().endswith("44 s   10    5    0")
    assert private.index("10    5") + 2 == head.index("rec") + 3
    assert "44 s" in plain(HeartbeatPane().lines(build.links_down(), 40, 6))
