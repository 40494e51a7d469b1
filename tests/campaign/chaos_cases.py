"""The faults of the simulated exchange, each with what it should be tried at: one row a case."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    name: str
    faults: dict[str, Any]
    every_s: float = 0.0
    """Switched on again this often: for what counts down. Zero: once."""
    starts_with: bool = False
    """On before the session starts; else as soon as it trades."""


CASES: tuple[Case, ...] = (
    Case("nothing", {}),
    # spelling and shapes
    Case("buy_sell", {"position_side": "BUY_SELL", "title_case_enums": True}, starts_with=True),
    Case("odd_shapes", {"status_suffix_underscore": True, "account_as_list": True, "tpsl_place_returns_list": False,
                        "kline_includes_running_bar": True, "swapped_kline_volumes": True}, starts_with=True),
    Case("bad_bar", {"bad_bar": True}, starts_with=True),
    Case("login_without_ack", {"login_ack": "none", "ts_login_ms_only": True}, starts_with=True),
    # pushes
    Case("drop_push", {"drop_push": 0.5}),
    Case("drop_all_pushes", {"drop_push": 1.0}),
    Case("duplicate_push", {"duplicate_push": 0.7}),
    Case("out_of_order", {"out_of_order_push": 0.5}),
    Case("delay_push", {"delay_push_s": 1.5}),
    Case("depth_gap", {"depth_gap": 20}, 3),
    Case("bad_json", {"bad_json": 3}, 0.7),
    Case("wrong_types", {"wrong_types": 3}, 0.7),
    Case("missing_fields", {"missing_fields": 5}, 0.7),
    Case("hostile_strings", {"hostile_strings": True}, starts_with=True),
    Case("event_rate", {"event_rate": 1000}),
    # connections
    Case("half_open", {"half_open": True}),
    Case("frozen", {"frozen": True}),
    Case("disconnect_public", {"disconnect_public": 1}, 5),
    Case("disconnect_private", {"disconnect_private": 1}, 5),
    Case("closed_politely", {"drop_without_close_frame": False, "disconnect_private": 1, "disconnect_public": 1}, 5),
    Case("restart", {"restart_s": 4.0}, 12),
    Case("idle_timeout", {"idle_timeout": 3.0, "silent_timeout": 3.0}),
    # requests
    Case("http_delay", {"http_delay_s": 0.8}),
    Case("http_5xx", {"http_5xx": 1}, 1.5),
    Case("http_5xx_only", {"http_5xx": 50}, 1),
    Case("drop_request", {"drop_request": 1}, 1.5),
    Case("hang_request", {"hang_request": 1}, 2),
    Case("rate_limit", {"rate_limit_10006": 1}, 1),
    Case("bad_json_reply", {"bad_json_reply": 1}, 1),
    Case("wrong_types_reply", {"wrong_types_reply": 1}, 1),
    # orders
    Case("reject", {"reject": 1}, 2),
    Case("reject_parameter", {"reject": 1, "reject_code": 10002}, 2),
    Case("accept_then_reject", {"accept_then_reject": 1}, 2),
    Case("slow_ack", {"slow_ack_s": 3.0}),
    Case("ignore_cancel", {"ignore_cancel": 1}, 2),
    Case("lost_reply", {"lost_reply": 1}, 2),
    # several at once
    Case("lost_and_dropped", {"lost_reply": 1, "drop_push": 0.8}, 2),
    Case("storm", {"lost_reply": 1, "http_5xx": 1, "drop_push": 0.3, "duplicate_push": 0.3, "out_of_order_push": 0.3,
                   "disconnect_private": 1, "bad_json": 1}, 5),
)  # fmt: skip
BY_NAME: dict[str, Case] = {case.name: case for case in CASES}
