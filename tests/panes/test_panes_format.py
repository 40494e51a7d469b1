"""Numbers and times as text."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit import format as fmt

S = 1_000_000_000


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (fmt.price(62_979.2, 1), "62,979.2"),
        (fmt.price(D("62979.20"), 1), "62,979.2"),
        (fmt.price(None, 1), "–"),
        (fmt.price(float("nan"), 1), "–"),
        (fmt.qty(D("0.25"), 3), "0.250"),
        (fmt.money(D("6285")), "6,285.00"),
        (fmt.money(-0.001), "0.00"),
        (fmt.signed(84.12), "+84.12"),
        (fmt.signed(D("-1234.5")), "-1,234.50"),
        (fmt.signed(0), "+0.00"),
        (fmt.signed(-0.004), "+0.00"),
        (fmt.percent(1.837), "+1.84%"),
        (fmt.percent(-9.294, 1), "-9.3%"),
        (fmt.share(0.4153), "0.42%"),
        (fmt.compact(15_744.8), "15.7k"),
        (fmt.compact(1_254_000), "1.25M"),
        (fmt.compact(999.96), "1.00k"),
        (fmt.compact(9_999), "10.00k"),
        (fmt.compact(0), "0"),
        (fmt.compact(12.345), "12.35"),
        (fmt.r(1.5), "+1.5R"),
        (fmt.r(None), "–"),
        (fmt.bps(0.0159), "0.02 bp"),
        (fmt.clock(1_772_545_325 * S), "13:42:05"),
        (fmt.clock_ms(1_772_545_325 * S + 118_999_999), "13:42:05.118"),
        (fmt.minute(1_772_545_325 * S), "13:42"),
        (fmt.clock(0), "–"),
        (fmt.countdown(18 * S), "00:18"),
        (fmt.countdown(17 * S + 1), "00:18"),
        (fmt.countdown((2 * 3600 + 14 * 60 + 33) * S), "02:14:33"),
        (fmt.countdown(-5 * S), "00:00"),
        (fmt.age(300_000_000), "0.3 s"),
        (fmt.age(42 * S), "42 s"),
        (fmt.age(7 * 60 * S), "7 m"),
        (fmt.age(3 * 3600 * S), "3 h"),
        (fmt.age(3 * 86_400 * S), "3 d"),
        (fmt.age(None), "never"),
        (fmt.age(-S), "0.0 s"),
        (fmt.latency(12.4), "12 ms"),
        (fmt.latency(0.42), "0.4 ms"),
        (fmt.latency(12_000), "12 s"),
        (fmt.latency(None), "–"),
        (fmt.speed(10.0), "10×"),
        (fmt.speed(1.5), "1.5×"),
    ],
)
def test_values_read_as_a_trader_expects(made: str, text: str) -> None:
    assert made == text


@given(
    st.one_of(st.floats(), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
)
def test_a_gain_or_loss_always_carries_its_sign(x: float | D) -> None:
    assert fmt.signed(x)[0] in "+-–"
    assert "-0.00" not in (fmt.signed(x), fmt.money(x))


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_every_time_can_be_shown(t: int) -> None:
    for text in (fmt.clock(t), fmt.clock_ms(t), fmt.age(t), fmt.countdown(t)):
        assert text.isprintable()
