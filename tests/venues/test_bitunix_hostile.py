"""Nothing that a venue writes does more than be counted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from bitunix_samples import ORDER, POSITION, STOP, T0, TRADE, Listener
from hypothesis import given
from hypothesis import strategies as st

from engine.model.clean import clean
from engine.model.events import BadMessage, Event
from engine.venues.bitunix import parse_account, parse_market, wire
from engine.venues.bitunix.complaints import Complaints
from engine.venues.bitunix.public import CHANNELS
from engine.venues.bitunix.wire import Unreadable

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", "1e9", "NaN", "BUY", "2026-01-01T00:00:00Z", "-1"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
KEYS = sorted(
    {
        *ORDER,
        *POSITION,
        *TRADE,
        *STOP,
        *"bamptvsohlcqdrke",
        "ip",
        "mp",
        "fr",
        "nft",
        "la",
        "time",
        "available",
        "frozen",
        "margin",
        "coin",
    }
)
rows = st.dictionaries(st.sampled_from(KEYS), values, max_size=12)
SAMPLES = [ORDER, POSITION, TRADE, STOP]


@given(st.sampled_from(SAMPLES), rows, st.lists(st.sampled_from(KEYS), max_size=3))
def test_a_spoiled_row_is_unreadable_and_nothing_worse(
    sample: dict[str, Any], spoil: dict[str, Any], lost: list[str]
) -> None:
    row = {key: value for key, value in {**sample, **spoil}.items() if key not in lost}
    for parse in (
        lambda: parse_account.order(T0, row, "push"),
        lambda: parse_account.trade(row),
        lambda: parse_account.position(T0, row, "snapshot"),
        lambda: parse_account.stop_report(T0, row),
        lambda: parse_account.account(T0, [row]),
        lambda: parse_account.balance(T0, row),
        lambda: parse_market.instrument(row),
        lambda: parse_market.candle(row),
    ):
        with suppress(Unreadable):
            parse()


@given(st.sampled_from([*CHANNELS, "order", 5]) | values, values, values | rows | st.lists(rows, max_size=2))
def test_no_public_message_does_more_than_be_counted(channel: Any, ts: Any, data: Any) -> None:
    listener = Listener()
    listener.public.take(b"{}", {"ch": channel, "symbol": "BTCUSDT", "ts": ts, "data": data})
    assert all(not isinstance(event, BadMessage) or event.count == 1 for event in listener.events)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_json_or_unreadable(frame: bytes) -> None:
    with suppress(Unreadable):
        wire.decode(frame)


@given(st.text(alphabet=st.characters(), max_size=300))
def test_cleaned_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = clean(text, 50)
    assert len(cleaned) <= 50
    assert cleaned.isprintable()
    cleaned.encode()


def test_cleaning_shows_escapes_and_drops_what_is_invisible() -> None:
    assert clean("\x1b[31mred\u202e\u200b\ue000\x00\n[bold]") == "\\x1b[31mred\\x00 [bold]"
    assert clean("e\u0301") == "é"
    assert clean("a" * 500, 10) == "a" * 9 + "…"


def test_repeats_of_one_cause_are_told_at_powers_of_ten() -> None:
    told: list[Event] = []
    complaints = Complaints(lambda: T0, told.append)
    for _ in range(1000):
        complaints.add("public", "not JSON", b"\x1b[2J")
    assert [event.count for event in told if isinstance(event, BadMessage)] == [1, 10, 100, 1000]
    assert all("\x1b" not in event.sample for event in told if isinstance(event, BadMessage))


def test_the_causes_that_are_remembered_are_bounded() -> None:
    told: list[Event] = []
    complaints = Complaints(lambda: T0, told.append)
    for cause in range(5000):
        complaints.add("public", f"cause {cause}")
    assert len(told) < 300
