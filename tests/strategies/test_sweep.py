"""The rules of ``sweep``, each at its boundary, for LONG and for its mirror image SHORT."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.market import Candle, Instrument
from engine.model.orders import Intent, Position
from engine.strategies.base import View
from engine.strategies.registry import build

STEP = Decimal("0.001")
BTC = Instrument("BTCUSDT", "BTC", "USDT", Decimal("0.01"), STEP, STEP, STEP, STEP, STEP, 100, STEP, STEP)
BOTH = pytest.mark.parametrize("short", [False, True], ids=["LONG", "SHORT"])
AXIS = 256.0


def mirrored(candle: Candle) -> Candle:
    return Candle(
        candle.open_time, AXIS - candle.open, AXIS - candle.low, AXIS - candle.high, AXIS - candle.close, candle.volume
    )


def market(first: float = 110.0, before: int = 40) -> list[Candle]:
    """A fall from ``first`` to 100, then a slow rise: EMA9 over EMA20, EMA20 under EMA50, VWAP60 above (all in eighths)."""
    closes = [first] * before + [100 + i / 16 for i in range(40)]
    return [Candle(i, close, close + 0.25, close - 0.25, close, 1.0) for i, close in enumerate(closes)]


BOTTOM = min(candle.low for candle in market()[-10:])


def sweep_bar(
    low: float = BOTTOM - 0.25, close: float = BOTTOM + 0.5, volume: float = 1.0, high: float = 102.25
) -> Candle:
    return Candle(99, 102.0, high, low, close, volume)


def run(
    bar: Candle, short: bool = False, view: View | None = None, past: list[Candle] | None = None, **params: Any
) -> tuple[list[Intent], str]:
    strategy = build("sweep", params)
    series = [*(market() if past is None else past), bar]
    for candle in [mirrored(c) for c in series] if short else series:
        strategy.observe(candle)
    return strategy.decide(mirrored(bar) if short else bar, view or View(BTC)), strategy.why


@BOTH
def test_a_sweep_and_reclaim_enters_with_stop_and_target(short: bool) -> None:
    bar = sweep_bar()
    (entry,), why = run(bar, short)
    ranges = [0.5] * 13 + [market()[-1].close - bar.low]
    stop = BOTTOM - 0.5 * sum(ranges) / 14
    last = [*market(), bar][-60:]
    target = sum((c.high + c.low + c.close) / 3 for c in last) / 60
    assert entry.side == ("SELL" if short else "BUY")
    assert (entry.kind, entry.role, entry.qty, entry.size_factor, entry.expires_bars) == (
        "MARKET",
        "entry",
        None,
        1,
        24,
    )
    assert entry.stop == pytest.approx(AXIS - stop if short else stop)
    assert entry.target == pytest.approx(AXIS - target if short else target)
    assert entry.why == why
    assert why.startswith("swept HIGH 154.38, close 153.88: stop" if short else "swept LOW 101.62, close 102.12: stop")


@BOTH
@pytest.mark.parametrize(
    ("low", "close"), [(BOTTOM, BOTTOM + 0.5), (BOTTOM - 0.25, BOTTOM), (BOTTOM - 0.5, BOTTOM - 0.25)]
)
def test_at_the_level_or_not_back_is_no_sweep(short: bool, low: float, close: float) -> None:
    intents, why = run(sweep_bar(low, close), short)
    assert intents == []
    assert why.startswith("no sweep: ")


def test_the_smallest_step_through_and_back_is_a_sweep() -> None:
    assert len(run(sweep_bar(BOTTOM - 1 / 1024, BOTTOM + 1 / 1024), trend="any")[0]) == 1


def test_the_sentence_of_no_sweep_has_the_numbers() -> None:
    assert (
        run(sweep_bar(102.0, 102.5, high=102.5))[1]
        == "no sweep: high 102.50 not over 102.69, low 102.00 not under 101.62"
    )
    assert (
        run(sweep_bar(102.0, 103.0, high=103.0))[1]
        == "no sweep: high 103.00 over 102.69, but close 103.00 not back under it"
    )


def test_the_window_is_the_ten_candles_before_the_last() -> None:
    lower = market()
    lower[-11] = Candle(0, 101.5, 101.75, 101.0, 101.5, 1.0)
    assert len(run(sweep_bar(), past=lower)[0]) == 1
    lower[-10], lower[-11] = lower[-11], lower[-10]
    assert run(sweep_bar(), past=lower)[1].startswith("no sweep")
    shallow = sweep_bar(low=BOTTOM - 1 / 32)
    assert len(run(shallow)[0]) == 1
    assert run(shallow, lookback=11)[1].startswith("no sweep")


@BOTH
def test_high_is_looked_at_first(short: bool) -> None:
    _, why = run(sweep_bar(high=103.0), short)
    assert why.startswith("swept HIGH")


@BOTH
def test_against_the_averages_there_is_no_trade(short: bool) -> None:
    falling = [Candle(i, p, p + 0.25, p - 0.25, p, 1.0) for i, p in ((i, 110 - i / 16) for i in range(80))]
    low = falling[-1].low
    bar = Candle(80, low, low + 0.25, low - 0.25, low + 0.125, 1.0)
    intents, why = run(bar, short, past=falling)
    assert intents == []
    assert "but EMA9" in why
    assert ("is over EMA20" if short else "is under EMA20") in why


@BOTH
def test_in_a_trend_only_with_any(short: bool) -> None:
    bar = sweep_bar(close=101.875)  # back over the level, still under EMA20 < EMA50
    intents, why = run(bar, short)
    assert intents == []
    assert why.endswith(f"the trend is {'UP' if short else 'DOWN'}")
    assert len(run(bar, short, trend="any")[0]) == 1


@BOTH
def test_the_volume_is_at_least_half_the_mean_of_20(short: bool) -> None:
    # v >= 0.5 * (19 + v) / 20  <=>  v >= 19 / 39
    assert run(sweep_bar(volume=0.4871), short)[1].endswith("volume 0.487 is under 0.5 of the mean 0.974")
    assert len(run(sweep_bar(volume=0.4873), short)[0]) == 1


@BOTH
def test_the_cvd_must_diverge_where_required(short: bool) -> None:
    # All before close in their middle: CVD stands still. A lower low with a CVD above that diverges.
    buyers, neutral = sweep_bar(close=101.875), sweep_bar(close=101.8125)
    assert buyers.close - buyers.low > buyers.high - buyers.close
    assert neutral.close - neutral.low == neutral.high - neutral.close
    assert len(run(buyers, short, cvd="required", trend="any")[0]) == 1
    assert run(neutral, short, cvd="required", trend="any")[1].endswith("there is no CVD divergence")
    assert len(run(neutral, short, trend="any")[0]) == 1


@BOTH
def test_a_target_off_the_profit_side_is_no_trade(short: bool) -> None:
    intents, why = run(sweep_bar(), short, past=market(first=100.5), trend="any")
    assert intents == []
    assert "is not on the profit side of" in why


def test_nothing_traded_is_no_trade() -> None:
    dry = [Candle(c.open_time, c.open, c.high, c.low, c.close, 0.0) for c in market()]
    intents, why = run(sweep_bar(volume=0.0), past=dry)
    assert intents == []
    assert "not on the profit side" in why


@BOTH
def test_reward_over_risk_is_counted_from_the_close(short: bool) -> None:
    (entry,), _ = run(sweep_bar(), short)
    assert entry.stop is not None
    assert entry.target is not None
    close = AXIS - sweep_bar().close if short else sweep_bar().close
    ratio = abs(entry.target - close) / abs(close - entry.stop)
    assert len(run(sweep_bar(), short, min_rr=ratio - 1e-9)[0]) == 1
    intents, why = run(sweep_bar(), short, min_rr=ratio + 1e-9)
    assert intents == []
    assert f"reward/risk {ratio:.2f} is under" in why


@pytest.mark.parametrize(("bars", "count"), [(None, 1), (0, 0), (4, 0), (5, 1), (6, 1)])
def test_the_cooldown_counts_bars_since_the_exit(bars: int | None, count: int) -> None:
    intents, why = run(sweep_bar(), view=View(BTC, bars_since_exit=bars))
    assert len(intents) == count
    assert count or why.endswith(f"cooling down: {bars} of 5 bars since the last exit")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("rate", "size"), [(0.000499, 1.0), (0.0005, 0.5), (0.000999, 0.5), (0.001, None), (0.003, None)]
)
def test_funding_halves_then_forbids(rate: float, size: float | None, sign: int) -> None:
    intents, why = run(sweep_bar(), view=View(BTC, funding_rate=sign * rate))
    assert [intent.size_factor for intent in intents] == ([] if size is None else [size])
    assert size is not None or f"funding is {sign * rate:.4%}" in why


def test_the_own_size_factor_and_the_gate_multiply() -> None:
    (entry,), _ = run(sweep_bar(), view=View(BTC, funding_rate=0.0006), size_factor=0.5)
    assert entry.size_factor == 0.25


@pytest.mark.parametrize(
    ("rate", "owner", "count"),
    [(0.002999, "sweep", 0), (0.003, "sweep", 1), (-0.003, "sweep", 1), (0.003, "ribbon", 0), (None, "sweep", 0)],
)
def test_at_the_halt_gate_the_own_position_is_closed(rate: float | None, owner: str, count: int) -> None:
    position = Position(symbol="BTCUSDT", qty=Decimal("0.2"), strategy=owner)
    intents, why = run(sweep_bar(), view=View(BTC, position, funding_rate=rate))
    assert [(i.role, i.side, i.qty) for i in intents] == [("exit", "SELL", Decimal("0.2"))] * count
    assert why.startswith("halt: funding" if count else "in a position")


def test_a_pending_entry_blocks_a_new_one() -> None:
    assert run(sweep_bar(), view=View(BTC, pending=True)) == ([], "an entry is pending")


def test_it_warms_up_for_the_60_candles_of_the_vwap() -> None:
    assert run(sweep_bar(), past=market(before=18))[1] == "warming up: 59 of 60 candles"
    assert not run(sweep_bar(), past=market(before=19))[1].startswith("warming")


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_mirrored_prices_give_mirrored_decisions_and_twins_agree(seed: int) -> None:
    chance, close = random.Random(seed), 128.0
    params = {"trend": "any", "min_rr": 0.0, "volume_factor": 0.1, "cvd": chance.choice(["off", "required"])}
    plain, twin, other = build("sweep", params), build("sweep", params), build("sweep", params)
    view = View(BTC)
    for i in range(200):
        opened, close = close, close + chance.randint(-64, 64) / 64
        high, low = max(opened, close) + chance.randint(0, 48) / 64, min(opened, close) - chance.randint(0, 48) / 64
        candle = Candle(i, opened, high, low, close, chance.randint(1, 9))
        for strategy in (plain, twin):
            strategy.observe(candle)
        other.observe(mirrored(candle))
        said = plain.decide(candle, view)
        assert twin.decide(candle, view) == said
        assert twin.why == plain.why
        facing = other.decide(mirrored(candle), view)
        if plain.why.startswith("swept HIGH") and other.why.startswith("swept HIGH"):
            continue  # both sides were swept: HIGH comes first in both worlds
        assert len(facing) == len(said)
        for one, two in zip(said, facing, strict=True):
            assert one.side != two.side
            assert one.stop is not None
            assert one.target is not None
            assert two.stop == pytest.approx(AXIS - one.stop)
            assert two.target == pytest.approx(AXIS - one.target)
