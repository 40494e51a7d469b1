"""The generated market: repeatable, well formed, and worth trading."""

from __future__ import annotations

import time
from itertools import pairwise
from math import log
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.market import Candle
from engine.sim.market import GeneratedMarket
from engine.sim.source import MarketSource, MarketStep, Print

MINUTE = 60_000
START = 1_700_000_000_000 // MINUTE * MINUTE


def market(seed: int, *, price: float = 50_000.0, bars: int = 150, tick: float = 0.1) -> GeneratedMarket:
    return GeneratedMarket(seed=seed, start_ms=START, start_price=price, tick=tick, history_bars=bars)


def rebuilt(prints: list[Print]) -> list[Candle]:
    """Minute candles of the trades."""
    candles: dict[int, Candle] = {}
    for p in prints:
        minute = p.t_ms // MINUTE
        candle = candles.setdefault(minute, Candle(minute * MINUTE * 1_000_000, p.price, p.price, p.price, p.price, 0))
        candle.high = max(candle.high, p.price)
        candle.low = min(candle.low, p.price)
        candle.close = p.price
        candle.volume += p.qty
    return [candles[minute] for minute in sorted(candles)]


def live(source: MarketSource, minutes: int) -> list[Candle]:
    """The first live candles; a trade at the very end belongs to the next one."""
    return rebuilt(source.step(source.start_ms + minutes * MINUTE - 1).prints)


# ── the same market for the same seed ──


def test_the_same_seed_and_the_same_steps_give_the_same_market() -> None:
    one, two = market(7), market(7)
    assert one.history() == two.history()
    for t in range(START, START + 20 * MINUTE, 1_700):
        assert one.step(t) == two.step(t)


def test_another_seed_gives_another_market() -> None:
    assert market(1).history() != market(3).history()


@pytest.mark.parametrize("step_ms", [100, 1_200, 61_000, 7 * MINUTE])
def test_the_trades_do_not_depend_on_how_often_one_looks(step_ms: int) -> None:
    end = START + 14 * MINUTE
    whole = market(5).step(end).prints
    source, pieces = market(5), []
    for t in [*range(START, end, step_ms), end]:
        pieces += source.step(t).prints
    assert pieces == whole


def test_the_book_at_a_moment_does_not_depend_on_earlier_looks() -> None:
    often, once = market(5), market(5)
    for t in range(START, START + 5 * MINUTE, 900):
        often.step(t)
    a, b = often.step(START + 5 * MINUTE), once.step(START + 5 * MINUTE)
    assert (a.bids, a.asks, a.mark, a.index, a.funding_rate) == (b.bids, b.asks, b.mark, b.index, b.funding_rate)


def test_time_does_not_go_back() -> None:
    source = market(1)
    source.step(START + 5_000)
    with pytest.raises(ValueError, match="cannot go back"):
        source.step(START + 4_999)


def test_the_start_is_a_whole_minute_and_a_price_too_low_for_its_tick_is_refused() -> None:
    assert GeneratedMarket(seed=1, start_ms=START + 12_345, start_price=50_000.0).start_ms == START
    with pytest.raises(ValueError, match="1000 ticks"):
        market(1, price=50.0, tick=0.1)


# ── well formed ──


def on_tick(price: float, tick: float) -> bool:
    return abs(price / tick - round(price / tick)) < 1e-6


def check_step(step: MarketStep, tick: float) -> None:
    assert len(step.bids) >= 15
    assert len(step.asks) >= 15
    assert all(a[0] > b[0] for a, b in pairwise(step.bids)), "bids descend"
    assert all(a[0] < b[0] for a, b in pairwise(step.asks)), "asks ascend"
    assert step.bids[-1][0] > 0
    assert step.bids[0][0] < step.asks[0][0], "never crossed"
    assert step.bids[0][0] <= step.last <= step.asks[0][0]
    assert all(quantity > 0 for _, quantity in step.bids + step.asks)
    prices = [step.last, step.mark, step.index, *(p for p, _ in step.bids + step.asks), *(p.price for p in step.prints)]
    assert all(on_tick(price, tick) and price > 0 for price in prices)
    assert abs(step.mark / step.last - 1) < 0.005
    assert abs(step.index / step.last - 1) < 0.005
    assert abs(step.funding_rate) <= 0.003
    assert step.next_funding_ms % (8 * 3_600_000) == 0
    assert 0 < step.next_funding_ms - step.t_ms <= 8 * 3_600_000


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    scale=st.sampled_from([(50_000.0, 0.1), (100.0, 0.1), (0.02, 0.00001), (3_000.0, 0.5)]),
    gaps=st.lists(st.integers(1, 200_000), min_size=3, max_size=25),
)
def test_every_step_is_well_formed(seed: int, scale: tuple[float, float], gaps: list[int]) -> None:
    price, tick = scale
    source = market(seed, price=price, tick=tick)
    now = START
    for gap in gaps:
        step = source.step(now + gap)
        assert step.t_ms == now + gap
        assert all(now <= p.t_ms <= now + gap and p.qty > 0 and p.side in {"BUY", "SELL"} for p in step.prints)
        assert all(a.t_ms <= b.t_ms for a, b in pairwise(step.prints))
        check_step(step, tick)
        now += gap


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_history_and_live_candles_are_one_unbroken_row(seed: int) -> None:
    source = market(seed)
    candles = source.history() + live(source, 30)
    assert len(candles) == 180
    assert source.history()[-1].open_time == (START - MINUTE) * 1_000_000
    for before, candle in pairwise(candles):
        assert candle.open_time - before.open_time == MINUTE * 1_000_000
        assert abs(candle.open - before.close) <= 0.21, "opens where the last one closed"
    for c in candles:
        assert c.low <= min(c.open, c.close) <= max(c.open, c.close) <= c.high
        assert c.volume > 0


@pytest.mark.parametrize("bars", [1, 60, 720, 1500])
def test_history_is_as_long_as_asked(bars: int) -> None:
    assert len(market(2, bars=bars).history()) == bars


def test_the_history_leads_to_about_the_start_price() -> None:
    for seed in range(10):
        assert market(seed, price=27_000.0).step(START).last == pytest.approx(27_000.0, rel=0.03)


# ── worth trading ──


class Setup(NamedTuple):
    side: int
    entry: float
    stop: float
    target: float


def mean_ema(closes: list[float], n: int) -> float:
    value = sum(closes[:n]) / n
    for close in closes[n:]:
        value = close * 2 / (n + 1) + value * (n - 1) / (n + 1)
    return value


def sweep_side(candles: list[Candle], window: int = 10) -> int:
    """+1 for a swept low, -1 for a swept high (looked at first), 0 for none."""
    last, before = candles[-1], candles[-window - 1 : -1]
    if last.high > max(c.high for c in before) > last.close:
        return -1
    if last.low < min(c.low for c in before) < last.close:
        return 1
    return 0


def sweep_setup(candles: list[Candle]) -> Setup | None:
    """The ``sweep`` rule of the strategies, in CHOP and with the CVD filter, written down a second time."""
    side = sweep_side(candles)
    last, before = candles[-1], candles[-11:-1]
    closes = [c.close for c in candles]
    fast, middle, slow = (mean_ema(closes, n) for n in (9, 20, 50))
    trending = (middle > slow and last.close > middle) or (middle < slow and last.close < middle)
    if side == 0 or trending or side * (fast - middle) < 0:
        return None
    if last.volume < sum(c.volume for c in candles[-20:]) / 20:
        return None
    cvd = [0.0]
    for c in candles[-20:]:
        span = c.high - c.low
        cvd.append(cvd[-1] + (c.volume * ((c.close - c.low) - (c.high - c.close)) / span if span else 0.0))
    if not (cvd[-1] > min(cvd[-5:-1]) if side > 0 else cvd[-1] < max(cvd[-5:-1])):
        return None
    ranges = [max(c.high, b.close) - min(c.low, b.close) for b, c in pairwise(candles[-15:])]
    level = min(c.low for c in before) if side > 0 else max(c.high for c in before)
    stop = level - side * 0.5 * sum(ranges) / 14
    hour = candles[-60:]
    target = sum((c.high + c.low + c.close) / 3 * c.volume for c in hour) / sum(c.volume for c in hour)
    worth = side * (target - last.close) >= 1.5 * side * (last.close - stop)
    return Setup(side, last.close, stop, target) if worth else None


def outcome(setup: Setup, later: list[Candle]) -> str:
    for c in later:
        if c.low <= setup.stop if setup.side > 0 else c.high >= setup.stop:
            return "stop"
        if c.high >= setup.target if setup.side > 0 else c.low <= setup.target:
            return "target"
    return "open"


def test_nearly_every_seed_opens_with_a_sweep_setup_within_three_minutes() -> None:
    found = 0
    for seed in range(50):
        source = market(seed, bars=720)
        candles = source.history() + live(source, 3)
        setups = [s for s in (sweep_setup(candles[: len(candles) - k]) for k in (2, 1, 0)) if s]
        found += any(s.side == (1 if seed % 2 == 0 else -1) for s in setups)
    assert found >= 48


def test_openings_are_won_and_lost() -> None:
    outcomes = []
    for seed in range(30):
        source = market(seed)
        history, candles = source.history(), live(source, 50)
        setup = sweep_setup(history + candles[:2])
        if setup:
            outcomes.append(outcome(setup, candles[2:]))
    assert outcomes.count("target") >= 8
    assert outcomes.count("stop") >= 5


def test_highs_and_lows_go_on_being_swept_and_some_of_it_is_tradable() -> None:
    sweeps, setups = {1: 0, -1: 0}, 0
    hours = 24
    for seed in range(8):
        source = market(seed)
        candles = source.history() + live(source, hours * 60 // 8)
        for end in range(150 + 5, len(candles) + 1):
            side = sweep_side(candles[:end])
            if side and candles[end - 1].volume > sum(c.volume for c in candles[end - 21 : end - 1]) / 20:
                sweeps[side] += 1
                setups += sweep_setup(candles[end - 150 : end]) is not None
    assert min(sweeps.values()) >= 2 * hours
    assert setups >= hours / 2


def correlation(xs: list[float], lag: int) -> float:
    mean = sum(xs) / len(xs)
    spread = sum((x - mean) ** 2 for x in xs)
    return sum((a - mean) * (b - mean) for a, b in zip(xs, xs[lag:], strict=False)) / spread


@pytest.mark.parametrize("seed", [1, 2])
def test_returns_have_fat_tails_and_clustered_volatility_and_no_memory_of_direction(seed: int) -> None:
    source = market(seed, bars=1)
    candles = live(source, 1440)
    returns = [log(b.close / a.close) for a, b in pairwise(candles)]
    mean = sum(returns) / len(returns)
    variance = sum((r - mean) ** 2 for r in returns) / len(returns)
    kurtosis = sum((r - mean) ** 4 for r in returns) / len(returns) / variance**2
    assert 0.001 < variance**0.5 < 0.005
    assert kurtosis > 3.5
    assert correlation([abs(r) for r in returns], 1) > 0.05
    assert correlation([c.volume for c in candles], 1) > 0.2
    assert abs(correlation(returns, 1)) < 0.15
    assert 0.6 < candles[-1].close / candles[0].open < 1.6


def test_takers_buy_more_while_the_price_rises() -> None:
    bought = {True: 0.0, False: 0.0}
    source = market(2)
    for minute in range(240):
        prints = source.step(START + (minute + 1) * MINUTE - 1).prints
        net = sum(p.qty if p.side == "BUY" else -p.qty for p in prints)
        bought[prints[-1].price > prints[0].price] += net
    assert bought[True] > 0 > bought[False]


def test_sizes_are_many_small_and_few_large() -> None:
    sizes = sorted(p.qty for p in market(4).step(START + 120 * MINUTE).prints)
    assert sizes[0] < 0.01
    assert sizes[len(sizes) // 2] < 0.5 * sizes[int(len(sizes) * 0.9)]
    assert 0.5 < sizes[-1] < 30


def test_the_spread_is_a_few_ticks_and_wider_when_the_market_is_wild() -> None:
    source = market(6)
    calm: list[int] = []
    wild: list[int] = []
    for minute in range(1, 240):
        steps = [source.step(START + minute * MINUTE + t) for t in (5_000, 30_000, 59_000)]
        prices = [p.price for step in steps for p in step.prints]
        spreads = [round((s.asks[0][0] - s.bids[0][0]) / 0.1) for s in steps]
        (wild if max(prices) - min(prices) > 0.005 * prices[0] else calm).extend(spreads)
    assert set(calm) <= {1, 2, 3, 4}
    assert {1, 2, 3} <= set(calm)
    assert sum(wild) / len(wild) > 1.3 * sum(calm) / len(calm)


def test_a_level_of_the_book_stays_for_a_while() -> None:
    source = market(3)
    kept = seen = 0
    before = dict(source.step(START).bids)
    for t in range(100, 20_000, 100):
        now = dict(source.step(START + t).bids)
        both = before.keys() & now.keys()
        seen += len(both)
        kept += sum(before[price] == now[price] for price in both)
        before = now
    assert kept / seen > 0.7


def test_a_step_at_the_demo_pace_is_cheap() -> None:
    source = market(8)
    best = float("inf")
    for part in range(3):
        began = time.perf_counter()
        for k in range(500):
            source.step(START + (part * 500 + k) * 1_200)
        best = min(best, (time.perf_counter() - began) / 500)
    assert best < 0.0004, "about 50 µs on a 2020s core; the bound leaves room for a busy machine"
