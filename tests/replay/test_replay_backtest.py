"""A backtest's recording in replay: the market that it refers to is folded in where the run had read it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cockpit.travel import Traveller
from engine import FillModel, backtest
from engine.core import fold
from engine.core.fold import apply
from engine.core.trader import copy_of
from engine.journal.recording import Recording
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.settings import Profile
from engine.model.state import CANDLES_KEPT, State
from engine.ops.config import load
from engine.replay.copying import copy_state
from engine.replay.cursor import Replay
from engine.replay.timeline import Timeline
from engine.replay.verify import config_of, trader_of, verify
from engine.runner import referred as module
from engine.runner.backtest import Result
from engine.runner.referred import Data, Whole, market_from, referred

T0 = 1_700_006_400_000_000_000
MARKET = (ev.BookTick, ev.MarkTick, ev.Clock, ev.CandleTick)
LOOSE: dict[str, Any] = {
    "risk.order_spacing_s": 0.0, "risk.orders_per_minute": 1_000_000, "risk.require_stop": False, "risk.cooldown_s": 0.0,
    "risk.min_reward_risk": 0.1, "trading.naked_grace_s": 180.0, "trading.stale_position_bars": 20,
}  # fmt: skip
PARAMS: dict[str, dict[str, Any]] = {
    "ma_cross": {"stop_atr": 3.0},
    "ribbon": {"min_atr_pct": 0.0},
    "sweep": {"trend": "any", "min_rr": 0.2, "cooldown_bars": 2},
}
UNCOMPARED = {"echoes", "log", "keep_log"}
"""How many messages told nothing new, and lines that a run does not keep."""


def candles(count: int, seed: int, *, holes: bool = True) -> list[Candle]:
    """A walk with gaps and bars without volume."""
    chance, close, row, made = random.Random(seed), 42_000.0, 0, []
    for _ in range(count):
        open_ = round(close + chance.randint(-50, 50) / 100, 2)
        close = round(close * (1 + chance.gauss(0, 0.0008)), 2)
        high = round(max(open_, close) + abs(chance.gauss(0, 12)), 2)
        low = round(min(open_, close) - abs(chance.gauss(0, 12)), 2)
        volume = 0.0 if holes and chance.random() < 0.003 else round(chance.lognormvariate(2, 1), 6)
        made.append(Candle(T0 + row * MINUTE_NS, open_, high, low, close, volume))
        row += chance.randint(2, 40) if holes and chance.random() < 0.002 else 1
    return made


def rules() -> Profile:
    return load("backtest", flags=LOOSE, environ={}).profile


@contextmanager
def watched() -> Iterator[dict[int, State]]:
    """The run's own state after every event that has a number."""
    states: dict[int, State] = {}

    def spied(change: Callable[[State, Any], None] | None, state: State, event: ev.Event) -> None:
        if change is not None:
            change(state, event)
        states[state.seq] = copy_state(state)

    with pytest.MonkeyPatch.context() as patch:  # in the table of the fold, which machine code looks into too
        for kind in ev.KINDS.values():
            if not issubclass(kind, MARKET):
                patch.setitem(fold._CHANGES, kind, partial(spied, fold._CHANGES.get(kind)))
        yield states


def ran(path: Path, data: list[Candle], name: str = "ma_cross", **more: Any) -> Result:
    return backtest(data, name, params=PARAMS[name], profile=rules(), journal=path, source="there.csv", **more)


def opened(result: Result, data: list[Candle]) -> Replay:
    assert result.recording is not None
    return Replay(Recording.open(result.recording), market_from(result.config, data))


def differences(a: State, b: State) -> list[str]:
    return [name for name in a.__struct_fields__ if name not in UNCOMPARED and getattr(a, name) != getattr(b, name)]


# --- the state is the run's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["next_open", "same_close", "next_close"])
@pytest.mark.parametrize(
    ("name", "latency", "funded"), [("ma_cross", 0, True), ("ribbon", 1, False), ("sweep", 0, False)]
)
def test_the_state_after_every_event_is_the_runs(
    tmp_path: Path, market: Any, name: str, latency: int, funded: bool
) -> None:
    """Candles, quotes, equity, bars held and all else, to the last digit, whatever fills when."""
    data = candles(400, 3)
    model = FillModel(market=market, slippage_bps=1.0, spread_bps=1.0, latency_bars=latency)
    table = (
        [(T0 + n * 240 * MINUTE_NS + n % 2 * 17_000_000_000, 0.0001 * (n % 3 - 1)) for n in range(8)] if funded else []
    )
    with watched() as states:
        result = ran(tmp_path / "r.cockpit", data, name, fill=model, funding=table, fidelity="realistic")
    assert len(result.fills) > 1
    with opened(result, data) as replay:
        assert replay.last.seq == len(states)
        for seq in range(1, replay.last.seq + 1):
            assert differences(replay.seek(seq), states[seq]) == [], seq


def test_the_comparison_would_see_a_bar_too_early_or_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = candles(300, 3)
    with watched() as states:
        result = ran(tmp_path / "r.cockpit", data, fidelity="realistic")
    monkeypatch.setattr(module, "_BY_KIND", {})
    with opened(result, data) as replay:
        assert any(differences(replay.seek(seq), states[seq]) for seq in range(1, replay.last.seq + 1))


@pytest.mark.parametrize("market", ["next_open", "same_close", "next_close"])
@pytest.mark.parametrize("name", sorted(PARAMS))
def test_run_again_through_the_merged_events_every_decision_is_the_same(tmp_path: Path, market: Any, name: str) -> None:
    data = candles(600, 6)
    result = ran(tmp_path / "r.cockpit", data, name, fill=FillModel(market=market, slippage_bps=1.0))
    whole = Whole.open(tmp_path / "r.cockpit")
    assert isinstance(whole, Whole)
    with whole:
        trader = trader_of(config_of(whole))
        trader.notes = False
        whole.market = market_from(result.config, data)
        verdict = verify(whole, trader)
        closed = [event for _, event in whole.events(kinds=("CandleTick",)) if isinstance(event, ev.CandleTick)]
        fills = [event for _, event in whole.events(kinds=("FillReport",))]
    assert (verdict.differing, verdict.damage) == (0, [])
    assert verdict.decisions > len(result.orders)
    assert [event.candle for event in closed] == data
    assert len(fills) == len(result.fills)


def test_the_end_is_what_the_fast_run_came_to(tmp_path: Path) -> None:
    data = candles(CANDLES_KEPT * 5 // 4 + 900, 5)
    result = ran(tmp_path / "r.cockpit", data, "sweep")
    with opened(result, data) as replay:
        state = replay.seek(replay.last.seq)
    assert differences(state, result.state) == []
    assert result.quiet > len(data) // 2


# --- going about --------------------------------------------------------------------------------------------------


@pytest.fixture
def trip(tmp_path: Path) -> Iterator[tuple[Replay, Callable[[], Replay], list[Candle]]]:
    data = candles(900, 7)
    result = ran(tmp_path / "r.cockpit", data, "sweep")
    with opened(result, data) as replay:
        yield replay, lambda: opened(result, data), data


def test_wherever_one_comes_from_the_state_is_the_same(trip: tuple[Replay, Callable[[], Replay], Any]) -> None:
    replay, fresh, data = trip
    chance = random.Random(1)
    for _ in range(40):
        if chance.random() < 0.5:
            seq = chance.randint(1, replay.last.seq)
            there = copy_of(replay.seek(seq))
            with fresh() as other:
                assert there == other.seek(seq)
        else:
            t = chance.randint(replay.first.t, replay.last.t)
            there = copy_of(replay.seek_time(t))
            closed = [candle for candle in data if candle.open_time + MINUTE_NS <= t]
            assert there.markets["BTCUSDT"].candles == closed[-len(there.markets["BTCUSDT"].candles) :] or not closed
            with fresh() as other:
                assert there == other.seek_time(t)


def test_a_step_of_a_bar_is_a_bar_though_no_event_has_its_number(trip: tuple[Replay, Any, list[Candle]]) -> None:
    replay, _, data = trip
    replay.seek_time(data[400].open_time + MINUTE_NS)
    for n in (1, 1, -1, 5, -6, -1):
        before = replay.state.markets["BTCUSDT"].candles[-1]
        after = replay.step("bar", n).markets["BTCUSDT"].candles[-1]
        assert data.index(after) == data.index(before) + n
    assert replay.step("bar", -10_000).seq == replay.first.seq
    assert replay.step("bar", 10_000).seq == replay.last.seq


def test_a_traveller_goes_to_times_steps_by_bars_and_plays_through_quiet_hours(
    trip: tuple[Replay, Any, list[Candle]],
) -> None:
    replay, _, data = trip
    now = 0.0
    travel = Traveller(replay, lambda: now)
    travel.goto("2023-11-15 03:20:30")
    travel.arrive()
    at = T0 + (200 * 60 + 30) * 1_000_000_000
    seen = [candle for candle in data if candle.open_time + MINUTE_NS <= at]
    assert travel.t == at
    assert travel.state.markets["BTCUSDT"].candles == seen
    travel.unit = "bar"
    travel.step(2)
    travel.arrive()
    assert travel.t == data[len(seen) + 1].open_time + MINUTE_NS
    assert travel.state.markets["BTCUSDT"].candles == data[: len(seen) + 2]
    travel.player.set_speed(1_000)
    travel.toggle()
    for _ in range(8):
        now += 0.1
        travel.play_on()
    assert travel.t > at + 10 * MINUTE_NS
    assert travel.state.markets["BTCUSDT"].candles == [c for c in data if c.open_time + MINUTE_NS <= travel.t]
    travel.goto("50%")
    travel.arrive()
    assert travel.t == replay.first.t + (replay.last.t - replay.first.t) // 2


def test_following_never_passes_the_next_event(trip: tuple[Replay, Any, Any]) -> None:
    replay, fresh, _ = trip
    for seq in range(8, replay.last.seq):
        replay.seek(seq)
        replay.follow(replay.last.t)
        assert replay.seq == seq
    end = copy_of(replay.seek(replay.last.seq))
    with fresh() as other:
        assert end == other.seek(other.last.seq)


def test_only_a_hole_in_the_data_is_a_gap(trip: tuple[Replay, Any, list[Candle]]) -> None:
    replay, _, data = trip
    holes = [(a.open_time + MINUTE_NS, b.open_time) for a, b in pairwise(data) if b.open_time - a.open_time > MINUTE_NS]
    assert holes
    assert [(gap.start, gap.end) for gap in Timeline(replay).gaps()] == holes


def test_a_seek_folds_quiet_bars_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is counted, not time: four times the quiet bars are not four times the events folded."""
    folded = 0

    def count(state: State, event: ev.Event) -> None:
        nonlocal folded
        folded += 1
        apply(state, event)

    monkeypatch.setattr(module, "apply", count)
    work = []
    for n, size in enumerate((1_500, 6_000)):
        data = [Candle(T0 + row * MINUTE_NS, 42_000.0, 42_001.0, 41_999.0, 42_000.0, 5.0) for row in range(size)]
        result, folded = ran(tmp_path / f"{n}.cockpit", data), 0
        with opened(result, data) as replay:
            replay.seek(replay.last.seq)
        work.append(folded)
    assert work[0] == work[1] < 20


# --- finding the data ---------------------------------------------------------------------------------------------


def test_the_data_is_found_by_what_the_recording_says_and_known_by_its_hash(tmp_path: Path) -> None:
    data = candles(200, 9)
    result = ran(tmp_path / "r.cockpit", data)
    asked: list[Data] = []

    def read(of: Data) -> list[Candle]:
        asked.append(of)
        return data

    with Recording.open(tmp_path / "r.cockpit") as recording:
        market, remark = referred(recording, read)
    assert market is not None
    assert remark == ""
    assert (asked[0].source, asked[0].sha256, asked[0].first_t) == ("there.csv", result.data_hash, data[0].open_time)


def _given(data: list[Candle], _: Data) -> list[Candle]:
    return data


def test_other_data_is_not_shown(tmp_path: Path) -> None:
    data = candles(200, 9)
    ran(tmp_path / "r.cockpit", data)
    changed = [*data[:-1], Candle(data[-1].open_time, 1.0, 1.0, 1.0, 1.0, 1.0)]
    with Recording.open(tmp_path / "r.cockpit") as recording:
        for other, said in ((data[:-1], "199 of 200 candles"), (changed, "others")):
            market, remark = referred(recording, partial(_given, other))
            assert market is None
            assert "no longer holds those of the run" in remark
            assert said in remark


def test_where_the_data_is_does_not_change_what_the_run_is(tmp_path: Path) -> None:
    data = candles(200, 9)
    one = backtest(data, "ma_cross", profile=rules(), source="here.csv")
    two = backtest(data, "ma_cross", profile=rules(), source="there.csv")
    assert one.run_id == two.run_id
    assert one.config_hash == two.config_hash
