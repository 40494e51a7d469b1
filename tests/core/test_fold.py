"""The fold and the trader under any stream of events: nothing raises, everything replays, a keyframe is as good as the past."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import INSTRUMENT, SECOND, SYMBOL, T0, Desk, Scripted, buy, digest, profile, sell
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.core
from engine.core.fold import apply
from engine.core.orders import terms
from engine.core.trader import Trader, copy_of
from engine.model import events as ev
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import Fill, Intent, Stop
from engine.model.reasons import NOTICES
from engine.model.state import Account, State
from engine.strategies.registry import STRATEGIES, build

ORDERS = [*(f"tag-{n}" for n in range(8, 40)), "", "unknown", "venue-v3"]
SYMBOLS = st.sampled_from([SYMBOL, SYMBOL, SYMBOL, "ETHUSDT", ""])
IDS = st.sampled_from(ORDERS)
VENUE_IDS = st.sampled_from(["", "v1", "v2", "v3", *(f"v-tag-{n}" for n in range(8, 30))])
SIDES = st.sampled_from(["BUY", "SELL"])
WORDS = st.sampled_from(["", "a", "[/]", "\x1b[2J", "x" * 300])
AMOUNTS = st.sampled_from(
    [Decimal(x) for x in ("0", "0.1", "0.1", "0.05", "0.3", "-0.1", "60000", "59000", "61000", "10000", "-1", "1e-30",
     "1e30", "1e999999", "1e-999999", "NaN", "Infinity", "-Infinity", "123456789012345678901234567890.123456789")]
)  # fmt: skip
FLOATS = st.sampled_from(
    [60_000.0, 60_000.0, 59_999.9, 60_000.1, 60_500.0, 59_000.0, 0.0, -1.0, 1e-300, 1e300,
     float("nan"), float("inf"), -float("inf")]
)  # fmt: skip
OPTIONAL = st.none() | AMOUNTS
COUNTS = st.sampled_from([0, 1, 2, -1, 2**40])
MINUTES = st.integers(-3, 40).map(lambda n: T0 + n * MINUTE_NS) | st.sampled_from([0, -1, 2**62])

candles = st.builds(Candle, MINUTES, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS)
plain_candles = MINUTES.map(lambda t: Candle(t, 60_000.0, 60_000.0, 60_000.0, 60_000.0, 1.0))
levels = st.lists(st.tuples(FLOATS, FLOATS), max_size=3)
stops = st.builds(Stop, st.sampled_from(["s1", "s2"]), SYMBOLS, OPTIONAL, OPTIONAL, OPTIONAL, st.just(T0))
fills = st.builds(
    Fill,
    st.just(T0),
    SYMBOLS,
    st.sampled_from("abcdefgh"),
    VENUE_IDS,
    IDS,
    SIDES,
    AMOUNTS,
    AMOUNTS,
    AMOUNTS,
    st.booleans(),
)
STATUSES = st.sampled_from(
    ["PROPOSED", "SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "FILLED", "REJECTED", "CANCELLED", "EXPIRED", "UNKNOWN"]
)
SOURCES = st.sampled_from(["push", "reply", "query", "snapshot"])
LINKS = st.sampled_from(["public", "private", "rest", "moon"])
NOW = st.just(0)

GENERATORS: dict[type[ev.Event], st.SearchStrategy[Any]] = {
    ev.SessionStarted: st.builds(
        ev.SessionStarted, NOW, WORDS, WORDS, WORDS, WORDS, WORDS, st.just(1), WORDS, st.just("tag")
    ),
    ev.SessionEnded: st.builds(ev.SessionEnded, NOW, WORDS, st.booleans()),
    ev.ShutdownStep: st.builds(ev.ShutdownStep, NOW, COUNTS, WORDS, WORDS, WORDS),
    ev.GateReport: st.builds(ev.GateReport, NOW, WORDS, st.sampled_from(["pass", "fail"]), st.booleans(), WORDS),
    ev.Clock: st.builds(ev.Clock, NOW, FLOATS, FLOATS),
    ev.InstrumentListed: st.builds(
        lambda tick, step: ev.InstrumentListed(0, msgspec.structs.replace(INSTRUMENT, tick=tick, step=step)), AMOUNTS, AMOUNTS
    ),
    ev.CandlesLoaded: st.builds(ev.CandlesLoaded, NOW, SYMBOLS, st.lists(plain_candles | candles, max_size=4)),
    ev.CandleTick: st.builds(ev.CandleTick, NOW, SYMBOLS, plain_candles | plain_candles | candles, st.booleans()),
    ev.BookTick: st.builds(ev.BookTick, NOW, SYMBOLS, levels, levels, MINUTES),
    ev.TradeTick: st.builds(ev.TradeTick, NOW, SYMBOLS, FLOATS, FLOATS, SIDES, MINUTES),
    ev.TickerTick: st.builds(ev.TickerTick, NOW, SYMBOLS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS),
    ev.MarkTick: st.builds(ev.MarkTick, NOW, SYMBOLS, FLOATS, FLOATS, FLOATS, MINUTES, MINUTES),
    ev.AccountReport: st.builds(ev.AccountReport, NOW, st.just("USDT"), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS),
    ev.PositionReport: st.builds(
        ev.PositionReport, NOW, SYMBOLS, AMOUNTS, AMOUNTS, WORDS, st.none() | FLOATS, COUNTS, WORDS,
        st.sampled_from(["push", "snapshot"]),
    ),
    ev.OrderReport: st.builds(
        ev.OrderReport, NOW, IDS, VENUE_IDS, SYMBOLS, STATUSES, AMOUNTS, st.sampled_from(["", "not_found"]), WORDS,
        SOURCES, SIDES, AMOUNTS, OPTIONAL, st.booleans(),
    ),
    ev.CancelReport: st.builds(ev.CancelReport, NOW, IDS, st.sampled_from([True, False, None]), WORDS, WORDS),
    ev.FillReport: st.builds(ev.FillReport, NOW, fills),
    ev.StopReport: st.builds(ev.StopReport, NOW, stops, st.sampled_from(["NEW", "NEW", "CANCELLED", "TRIGGERED", "FAILED"])),
    ev.StopsListed: st.builds(ev.StopsListed, NOW, SYMBOLS, st.lists(stops, max_size=2)),
    ev.ProtectReport: st.builds(ev.ProtectReport, NOW, SYMBOLS, st.sampled_from([True, False, None]), WORDS, WORDS),
    ev.FundingPaid: st.builds(ev.FundingPaid, NOW, SYMBOLS, AMOUNTS),
    ev.SnapshotTaken: st.builds(ev.SnapshotTaken, NOW, WORDS, st.booleans(), WORDS),
    ev.LinkReport: st.builds(
        ev.LinkReport, NOW, LINKS, st.sampled_from(["down", "connecting", "up", "up", "failed"]), st.none() | FLOATS
    ),
    ev.BadMessage: st.builds(ev.BadMessage, NOW, LINKS, WORDS, WORDS, COUNTS),
    ev.BreakerReport: st.builds(
        ev.BreakerReport, NOW, WORDS, st.sampled_from(["closed", "open", "half"]), COUNTS, MINUTES, WORDS
    ),
    ev.ScreenFailed: st.builds(ev.ScreenFailed, NOW, WORDS, WORDS),
    ev.Reported: st.builds(ev.Reported, NOW, st.sampled_from(sorted(NOTICES)) | WORDS, WORDS, st.booleans()),
    ev.Carried: st.builds(
        ev.Carried, NOW, WORDS, COUNTS, WORDS, MINUTES, st.booleans(), st.booleans(), MINUTES,
        st.builds(lambda wallet: ev.Book(account=Account(known=True, wallet=wallet)), AMOUNTS),
    ),
    ev.Command: st.builds(
        ev.Command, NOW,
        st.sampled_from(["approve", "decline", "pause", "resume", "kill", "rearm", "cancel", "cancel_entries", "close",
                         "flatten", "compare"]),
        st.just("key"), IDS | SYMBOLS, WORDS,
    ),
}  # fmt: skip

NUMBERS = st.sampled_from([60_000.0, 59_000.0, 61_000.0, 59_999.99, 0.0, -5.0, 1e300, float("nan"), float("inf"), None])
INTENTS = st.builds(
    Intent, side=SIDES, kind=st.sampled_from(["MARKET", "LIMIT"]), price=NUMBERS, stop=NUMBERS, target=NUMBERS, qty=OPTIONAL,
    size_factor=st.sampled_from([1.0, 0.5, 0.0, -1.0, float("nan"), 1e300]), role=st.sampled_from(["entry", "entry", "exit"]),
    post_only=st.booleans(), expires_bars=st.sampled_from([0, 1]),
)  # fmt: skip
SANE = st.builds(
    lambda short, limit: sell(kind="LIMIT", price=60_010.0, expires_bars=2) if short and limit else sell() if short else buy(),
    st.booleans(), st.booleans(),
)  # fmt: skip

SIZES = st.sampled_from([Decimal("0.05"), Decimal("0.1"), Decimal("0.3")])
PRICES = st.sampled_from([Decimal(59_000), Decimal(60_000), Decimal("60500.5"), Decimal(61_000)])
LIKELY = st.one_of(
    st.builds(
        lambda trade, venue, cid, side, qty, price, fee: ev.FillReport(
            0, Fill(T0, SYMBOL, trade, venue, cid, side, qty, price, fee, True)
        ),
        st.sampled_from("abcdefgh"), st.sampled_from(["v1", "v2"]), IDS, SIDES, SIZES, PRICES, st.just(Decimal("0.5")),
    ),
    st.builds(ev.OrderReport, NOW, IDS, VENUE_IDS, st.just(SYMBOL), STATUSES, st.just(Decimal(0)), source=SOURCES),
    st.builds(ev.OrderReport, NOW, IDS, VENUE_IDS, st.just(SYMBOL), STATUSES, SIZES, source=SOURCES, qty=SIZES),
    st.builds(
        lambda name, price, new: ev.StopReport(0, Stop(name, SYMBOL, None, price, None, T0), "NEW" if new else "CANCELLED"),
        st.sampled_from(["s1", "s2"]), PRICES, st.booleans(),
    ),
    st.builds(ev.PositionReport, NOW, st.just(SYMBOL), SIZES, PRICES, st.just("p"), st.none(), st.just(1), st.just(""),
              st.just("snapshot")),
    st.builds(ev.MarkTick, NOW, st.just(SYMBOL), PRICES.map(float), st.just(1.0), st.just(0.0001), MINUTES, MINUTES),
    st.builds(ev.ProtectReport, NOW, st.just(SYMBOL), st.sampled_from([True, False, None])),
    st.builds(ev.Command, NOW, st.sampled_from(["kill", "rearm", "resume", "close", "flatten"]), st.just("key"),
              st.just(SYMBOL), st.just("because")),
    st.just(ev.Clock(0)),
    st.just(ev.SnapshotTaken(0, "regular", True)),
)  # fmt: skip
EVENTS = st.one_of(LIKELY, LIKELY, st.one_of(*GENERATORS.values()))
STREAMS = st.lists(st.tuples(st.integers(0, 4), EVENTS, st.none() | INTENTS | SANE), min_size=20, max_size=60)


class Answering(Scripted):
    """Shared memory of what to say, so that it outlives a reload of history."""

    said: list[Intent]

    def decide(self, candle: Candle, view: Any) -> list[Intent]:
        said = list(Answering.said)
        Answering.said = []
        return said


def started(approval: str) -> Desk:
    desk = Desk(prof=profile(approval=approval))
    desk.trader.strategies[SYMBOL] = [Answering(), Answering()]
    Answering.said = []
    return desk


def play(desk: Desk, stream: list[tuple[int, ev.Event, Intent | None]]) -> None:
    for seconds, event, intent in stream:
        desk.now += seconds * SECOND
        desk.take(aimed(desk, stamped(event, desk.now)))
        if intent is not None:
            desk.quote(60_000.0)
            Answering.said = [intent]
            candles = desk.state.markets[SYMBOL].candles
            start = candles[-1].open_time + MINUTE_NS if candles else T0
            desk.take(ev.CandleTick(desk.now, SYMBOL, Candle(start, 60_000.0, 60_000.0, 60_000.0, 60_000.0, 1.0), True))


def stamped(event: ev.Event, t: int) -> ev.Event:
    return msgspec.structs.replace(event, t=t)


def aimed(desk: Desk, event: ev.Event) -> ev.Event:
    """Half of the answers go to an order that waits for one."""
    waiting = list(desk.state.open_orders)
    if not waiting or desk.state.seq % 2:
        return event
    cid = waiting[desk.state.seq // 2 % len(waiting)]
    if isinstance(event, ev.OrderReport):
        return msgspec.structs.replace(event, client_id=cid)
    if isinstance(event, ev.FillReport):
        return ev.FillReport(event.t, msgspec.structs.replace(event.fill, client_id=cid, side=desk.order(cid).side))
    return event


def folded(log: list[ev.Event], state: State | None = None) -> State:
    state = state or State()
    for event in log:
        apply(state, event)
    return state


def reread(log: list[ev.Event]) -> list[ev.Event]:
    """The events as a journal would give them back."""
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event)) for event in log]


def test_every_input_has_a_generator() -> None:
    assert set(GENERATORS) == set(ev.INPUTS)


@settings(max_examples=120, deadline=None)
@given(STREAMS, st.sampled_from(["auto", "required"]))
def test_no_stream_of_messages_raises_and_the_journal_folds_to_the_same_state(
    stream: list[tuple[int, ev.Event, Intent | None]], approval: str
) -> None:
    desk = started(approval)
    play(desk, stream)
    after = digest(desk.state)
    assert digest(folded(desk.log)) == after
    assert digest(folded(reread(desk.log))) == after


@settings(max_examples=60, deadline=None)
@given(STREAMS, st.integers(0, 100))
def test_a_state_from_a_keyframe_goes_on_like_the_one_that_was_never_interrupted(
    stream: list[tuple[int, ev.Event, Intent | None]], percent: int
) -> None:
    desk = started("auto")
    play(desk, stream)
    cut = len(desk.log) * percent // 100
    keyframe = copy_of(folded(desk.log[:cut]))
    assert digest(folded(desk.log[cut:], keyframe)) == digest(desk.state)


@settings(max_examples=60, deadline=None)
@given(STREAMS, st.sampled_from(["auto", "required"]))
def test_the_same_inputs_give_the_same_decisions_in_a_fresh_trader(
    stream: list[tuple[int, ev.Event, Intent | None]], approval: str
) -> None:
    def run() -> bytes:
        desk = started(approval)
        play(desk, stream)
        return msgspec.msgpack.encode(desk.log)

    assert run() == run()


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_every_order_that_is_sent_was_approved_by_a_person_or_only_reduces(
    stream: list[tuple[int, ev.Event, Intent | None]],
) -> None:
    desk = started("required")
    play(desk, stream)
    for intent in (buy(), sell()):
        play(desk, [(1, ev.Clock(0), intent)])
        for cid in list(desk.state.approvals):
            desk.command("approve", cid, terms(desk.order(cid)))
    approved: set[str] = set()
    decided: dict[str, bool] = {}
    for event in desk.log:
        if isinstance(event, ev.ApprovalClosed) and event.outcome == "approved":
            approved.add(event.client_id)
        elif isinstance(event, ev.OrderDecided):
            decided[event.order.client_id] = event.order.reduce_only
        elif isinstance(event, ev.OrderSent):
            assert decided[event.client_id] or event.client_id in approved


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_no_entry_is_sent_unless_trading_is_active(stream: list[tuple[int, ev.Event, Intent | None]]) -> None:
    desk = started("auto")
    play(desk, stream)
    state = State()
    for event in desk.log:
        if isinstance(event, ev.OrderSent) and not state.orders[event.client_id].reduce_only:
            assert state.trading == "ACTIVE"
            assert not state.doubt
            assert all(state.links[name].state == "up" for name in ("public", "private", "rest"))
        apply(state, event)


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_client_ids_are_used_once(stream: list[tuple[int, ev.Event, Intent | None]]) -> None:
    desk = started("auto")
    play(desk, stream)
    ids = [event.order.client_id for event in desk.log if isinstance(event, ev.OrderDecided)]
    assert len(ids) == len(set(ids))


def test_orders_leave_through_one_place_only() -> None:
    calls = []
    for path in Path(engine.core.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "OrderSent":
                calls.append(path.name)
    assert calls == ["trader.py"]


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_real_strategies_replay_too(name: str) -> None:
    def run() -> tuple[list[ev.Event], State]:
        desk = Desk()
        desk.trader = Trader(desk.profile, {SYMBOL: [build(name, {})]})
        for event in list(desk.log):
            if type(event) in ev.INPUTS:
                desk.trader.step(event)
        desk.log = []
        for n in range(200):
            desk.now += SECOND
            price = 60_000.0 + 400.0 * ((n * 7919) % 13 - 6) / 6 + n
            desk.quote(price)
            desk.bar(close=price)
        return desk.log, desk.state

    (log, state), (again, _) = run(), run()
    assert log == again
    assert state.notes


def test_defaults_are_not_shared_between_states() -> None:
    one, two = State(), State()
    lists: list[Callable[[State], Any]] = [
        lambda s: s.orders,
        lambda s: s.log,
        lambda s: s.risk.sent_t,
        lambda s: s.markets,
    ]
    assert all(get(one) is not get(two) for get in lists)
