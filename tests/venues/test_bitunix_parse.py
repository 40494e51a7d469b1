"""What a value and a row may look like on the wire, and what becomes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bitunix_samples import ORDER, POSITION, STOP, T0, TRADE

from engine.venues.bitunix import parse_account, wire
from engine.venues.bitunix.private import Funding
from engine.venues.bitunix.wire import Unreadable

# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-inf", "1e999", "1_000", "٣", "", "abc", None, True, [], {}, 10**40]
)
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable):
        wire.to_decimal(value, "x")
    with pytest.raises(Unreadable):
        wire.to_float(value, "x")


def test_numbers_are_read_from_text_and_from_numbers() -> None:
    assert wire.to_decimal("95000.50", "x") == wire.to_decimal(95000.5, "x") == Decimal("95000.5")
    assert wire.to_decimal(0.1, "x") == Decimal("0.1")


@pytest.mark.parametrize(
    "value",
    [
        "1767225600123",
        1767225600123,
        "2026-01-01T00:00:00.123Z",
        "2026-01-01T00:00:00.123000000Z",
        "2026-01-01T01:00:00.123+01:00",
    ],
)
def test_times_are_read_from_milliseconds_and_from_iso_text(value: Any) -> None:
    assert wire.to_ns(value, "t") == T0 + 123_000_000


def test_nine_fractional_digits_are_kept() -> None:
    assert wire.to_ns("2026-01-01T00:00:00.000000007Z", "t") == T0 + 7


@pytest.mark.parametrize("value", ["2026-13-01T00:00:00Z", "soon", -5, "9" * 30, None, {}, "2026-01-01"])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(Unreadable):
        wire.to_ns(value, "t")


@pytest.mark.parametrize(
    "frame", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b"NaN", b"x" * (wire.MAX_FRAME + 1), b"9" * 6000 + b"x"]
)
def test_what_is_no_json_is_refused(frame: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.decode(frame)


# --- enums and shapes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"), [("BUY", "BUY"), ("Buy", "BUY"), ("LONG", "BUY"), ("short", "SELL"), ("Sell_", "SELL")]
)
def test_sides_are_read_however_they_are_written(written: str, meant: str) -> None:
    assert parse_account.order(T0, {**ORDER, "side": written}, "push").side == meant
    qty = parse_account.position(T0, {**POSITION, "side": written}, "push").report.qty
    assert (qty > 0) == (meant == "BUY")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NEW_", "ACCEPTED"),
        ("Init", "ACCEPTED"),
        ("part_filled", "PARTIALLY_FILLED"),
        ("FILLED", "FILLED"),
        ("PART_FILLED_CANCELED", "CANCELLED"),
        ("SYSTEM_CANCELED", "CANCELLED"),
        ("EXPIRED", "EXPIRED"),
        ("BRAND_NEW_STATUS", "UNKNOWN"),
    ],
)
def test_an_unknown_status_is_unknown_and_never_rejected(written: str, meant: str) -> None:
    assert parse_account.order(T0, {**ORDER, "orderStatus": written}, "push").status == meant


def test_an_order_reads_the_same_from_a_push_and_from_a_request() -> None:
    row = {k: v for k, v in ORDER.items() if k not in ("orderStatus", "dealAmount", "type", "reductionOnly")}
    row |= {"status": "PART_FILLED", "tradeQty": 0.004, "orderType": "Limit", "reduceOnly": "false"}
    assert parse_account.order(T0, row, "push") == parse_account.order(T0, ORDER, "push")


def test_the_effect_field_is_not_trusted() -> None:
    assert parse_account.order(T0, {**ORDER, "effect": "LONG"}, "push").side == "BUY"


@pytest.mark.parametrize("price", ["market", "0", None, ""])
def test_a_market_order_has_no_price(price: Any) -> None:
    assert parse_account.order(T0, {**ORDER, "price": price}, "push").price is None


@pytest.mark.parametrize("wrap", [lambda row: row, lambda row: [row]])
def test_the_account_is_read_as_object_and_as_list(wrap: Any) -> None:
    row = {"marginCoin": "USDT", "available": "9500.00", "frozen": "47.50", "margin": 452.5, "positionMode": "ONE_WAY"}
    report, mode = parse_account.account(T0, wrap(row))
    assert (report.wallet, report.available, report.margin, mode) == (
        Decimal(10_000),
        Decimal(9500),
        Decimal("452.5"),
        "ONE_WAY",
    )


def test_a_balance_of_another_coin_is_none_of_ours() -> None:
    assert parse_account.balance(T0, {"coin": "BTC", "available": "1", "frozen": "0", "margin": "0"}) is None


def test_a_pushed_position_gets_its_mean_price_from_its_value() -> None:
    report = parse_account.position(T0, POSITION, "push").report
    assert (report.qty, report.entry, report.position_id) == (Decimal("0.0040"), Decimal("95000.5"), "77001")


def test_a_closed_position_is_flat_whatever_its_quantity_says() -> None:
    assert parse_account.position(T0, {**POSITION, "event": "CLOSE"}, "push").report.qty == 0


def test_no_liquidation_price_is_none() -> None:
    assert parse_account.position(T0, {**POSITION, "liqPrice": "-3.5"}, "snapshot").report.liquidation is None


def test_a_trade_keeps_its_exact_numbers() -> None:
    fill = parse_account.trade(TRADE)
    assert (fill.trade_id, fill.client_id, fill.side, fill.qty, fill.fee, fill.realised, fill.maker, fill.t) == (
        "5",
        "",
        "SELL",
        Decimal("0.5"),
        Decimal("0.03"),
        Decimal("-1.25"),
        True,
        T0 + 123_000_000,
    )


def test_a_stop_with_a_quantity_and_one_for_the_whole_position_are_told_apart() -> None:
    part = parse_account.stop(STOP)
    whole = parse_account.stop({**STOP, "type": "Position_TPSL", "slQty": None})
    assert (part.whole, part.stop.qty, part.stop.stop) == (False, Decimal("0.0100"), Decimal("94000.0"))
    assert (whole.whole, whole.stop.qty) == (True, None)


def test_a_filled_stop_was_triggered() -> None:
    assert parse_account.stop_report(T0, {**STOP, "status": "FILLED"}).status == "TRIGGERED"
    assert parse_account.stop_report(T0, {**STOP, "status": "system_canceled"}).status == "CANCELLED"


def test_funding_is_what_a_position_s_total_grew_by() -> None:
    funding = Funding()
    rows = [
        parse_account.position(T0, {**POSITION, "funding": total, "event": event}, "push")
        for event, total in (("OPEN", "0"), ("UPDATE", "-0.5"), ("UPDATE", "-0.5"), ("CLOSE", "-0.75"))
    ]
    assert [funding.grown(row) for row in rows] == [0, Decimal("-0.5"), 0, Decimal("-0.25")]


def test_the_first_word_on_an_old_position_is_no_payment() -> None:
    row = parse_account.position(T0, {**POSITION, "funding": "-8", "event": "UPDATE"}, "push")
    assert Funding().grown(row) == 0
