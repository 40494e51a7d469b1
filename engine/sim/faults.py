"""Switches that make the simulated exchange misbehave, as the live venue was seen to or as a network can.

``GET /sim/faults`` reads them and ``POST /sim/faults`` merges a JSON object into them. All are off by default. Fields
that say *next N* count down as they are used. Probabilities are 0..1 and drawn from a generator seeded by ``seed``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Every switch, grouped; see the comments for what each does."""

    # Spelling and shapes that the venue's versions disagree on.
    position_side: Literal["LONG_SHORT", "BUY_SELL"] = "LONG_SHORT"
    title_case_enums: bool = False
    """Buy, Limit, Mark instead of BUY, LIMIT, MARK_PRICE."""
    status_suffix_underscore: bool = False
    """Status NEW is spelled ``NEW_``."""
    account_as_list: bool = False
    tpsl_place_returns_list: bool = True
    """As live; false: one object, as in the documentation."""
    swapped_kline_volumes: bool = False
    kline_includes_running_bar: bool = False
    bad_bar: bool = False
    """The newest row of a REST kline answer has a high below its close."""
    ts_login_ms_only: bool = False
    login_ack: Literal["result", "code", "event", "none"] = "result"

    # Pushes on both sockets.
    drop_push: Share = 0.0
    duplicate_push: Share = 0.0
    out_of_order_push: Share = 0.0
    """The push is sent after the one that follows it."""
    delay_push_s: Seconds = 0.0
    frozen: bool = False
    """Public pushes go on, with times that go on, and say of the market what they said when this was set."""
    depth_gap: Count = 0
    """Next N depth pushes are withheld."""
    bad_json: Count = 0
    """Next N pushes are cut in the middle."""
    wrong_types: Count = 0
    """Next N pushes carry lists and numbers where text and objects belong."""
    missing_fields: Count = 0
    """Next N pushes lack every second field of their data."""
    hostile_strings: bool = False
    """Escape sequences, markup and very long text in messages and in clientId of pushes and replies."""
    event_rate: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 0
    """This many extra trade and depth pushes a second, half each."""

    # Connections.
    half_open: bool = False
    """Both sockets fall silent while TCP stays up."""
    drop_without_close_frame: bool = True
    """How the server ends a socket: as live (1006), or with a close frame (false)."""
    disconnect_public: Count = 0
    disconnect_private: Count = 0
    """Set to 1: every socket of that kind is ended once."""
    restart_s: Seconds = 0.0
    """Ends all sockets and refuses every connection for this long, once."""
    idle_timeout: Annotated[float, msgspec.Meta(gt=0)] = 70.0
    """Seconds without a client message after which a subscribed socket is ended."""
    silent_timeout: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """The same for a socket on which the client never said anything."""

    # REST.
    http_delay_s: Seconds = 0.0
    http_5xx: Count = 0
    """Next N REST requests are answered by HTTP 503 with an HTML page."""
    drop_request: Count = 0
    """Next N REST requests: the connection is cut before anything is done."""
    hang_request: Count = 0
    """Next N REST requests: taken, nothing is done, never answered."""
    rate_limit_10006: Count = 0
    """Next N REST requests are refused by 10006."""
    bad_json_reply: Count = 0
    """Next N REST replies are cut in the middle."""

    wrong_types_reply: Count = 0
    """Next N REST replies carry a list of nonsense as their data."""

    # Orders.
    reject: Count = 0
    """Next N orders are refused with ``reject_code``."""
    reject_code: int = 20003
    accept_then_reject: Count = 0
    """Next N orders: success in the reply, then CANCELED by push."""
    slow_ack_s: Seconds = 0.0
    """The order's reply comes this much later, after its pushes."""
    ignore_cancel: Count = 0
    """Next N cancels are answered by success, and the order goes on working."""
    lost_reply: Count = 0
    """Next N orders land and their requests are never answered."""
    seed: int = 1
    """Setting it begins the draws of the probabilities anew."""


def merged(faults: Faults, change: dict[str, Any]) -> Faults:
    """``faults`` with the fields of ``change``. Raises ``msgspec.ValidationError`` for an unknown name or bad value."""
    return msgspec.convert({**msgspec.structs.asdict(faults), **change}, Faults)


def use(faults: Faults, name: str) -> bool:
    """Whether a *next N* switch strikes now; counts it down."""
    left: int = getattr(faults, name)
    if left:
        setattr(faults, name, left - 1)
    return left > 0


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31m[bold red][/]\u202e[@click=app.quit]boo[/" + "A" * 5000


NONSENSE = [1, None, ["x"]]


def thinned(data: dict[str, Any]) -> dict[str, Any]:
    """The push with every second field of its data gone."""
    inner = data["data"]
    return {**data, "data": dict(list(inner.items())[::2]) if isinstance(inner, dict) else inner[::2]}


def spoiled(data: dict[str, Any]) -> dict[str, Any]:
    """The push with every type wrong."""
    return {key: {"data": NONSENSE, "ch": 7, "ts": "soon"}.get(key, [value]) for key, value in data.items()}
