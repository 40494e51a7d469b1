"""Parity: a session's market through the simulator, and every difference with its cause and its money."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from desk import Desk
from desk import profile as desk_profile
from exchange_kit import ScriptedMarket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity_kit import CROSS, RIBBON, SYMBOL, Tape, written
from replay_kit import RECORDED
from session_kit import settings as session_settings

from engine.core.orders import terms
from engine.journal.recording import RecordingError
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.market import MINUTE_NS, Candle
from engine.model.orders import ZERO
from engine.ops.paths import home
from engine.ops.yaml_file import ConfigError
from engine.replay.parity import Parity, parity
from engine.replay.parity_causes import CAUSES
from engine.replay.whatif import whatif
from engine.session import start
from engine.session.paper import Paper
from engine.sim.run import serve
from engine.strategies import registry
from engine.venues.bitunix.adapter import Bitunix

BARS = 60
BEFORE_FUNDING = 8 * 60 - BARS + 10
"""Minutes from the tape's start; funding is settled ten minutes before its end."""
EVERYTHING: dict[str, Any] = {
    "fill__latency_ms": 7_000.0,
    "fill__slippage": "random",
    "fill__slippage_bps": 2.0,
    "fill__spread": "fixed",
    "fill__trigger": "last",
    "exchange__seed": 11,
}


@cache
def tape(delay: int = 0) -> tuple[ev.Event, ...]:
    with TemporaryDirectory() as place:
        return tuple(Tape(Path(place), (RIBBON, CROSS), delay).run(BARS, seed=3).end())


def recorded(
    folder: Path, change: Callable[[list[ev.Event]], list[ev.Event]] = lambda events: events, delay: int = 0
) -> Path:
    """The tape's recording with something in it altered."""
    copies = [msgspec.structs.replace(event) for event in tape(delay)]
    return written(folder / "tape.cockpit", change(copies))


def adds_up(made: Parity) -> bool:
    with localcontext(Context(prec=100)):
        parts = sum((c.pnl for each in (*made.rows, *made.funding) for c in each.causes), ZERO)
        return parts == made.difference == sum(made.by_cause.values(), ZERO) and set(made.by_cause) <= set(CAUSES)


def codes(made: Parity) -> list[set[str]]:
    return [{cause.code for cause in row.causes} for row in made.differing]


# --- the same fill model: nothing differs ------------------------------------------------------------------------


@pytest.mark.parametrize("strategies", [(CROSS,), (RIBBON,), (RIBBON, CROSS)])
@pytest.mark.parametrize("fill", [{}, EVERYTHING], ids=["plain", "everything"])
def test_a_session_on_paper_has_no_difference(tmp_path: Path, strategies: Any, fill: dict[str, Any]) -> None:
    made = parity(written(tmp_path / "a.cockpit", Tape(tmp_path, strategies, **fill).run(90, seed=3).end()))
    assert made.same
    assert made.difference == 0
    assert made.recorded == made.simulated
    assert made.recorded.fills >= 2
    assert [row.recorded for row in made.rows] == [row.simulated for row in made.rows]


def test_a_request_that_travelled_arrives_where_the_venue_first_spoke_of_it(tmp_path: Path) -> None:
    made = parity(recorded(tmp_path, delay=3))
    assert made.venue == "bitunix"
    assert made.recorded.fills > 5
    assert made.same, made.differing[:2]
    assert made.recorded == made.simulated


def test_answers_and_commands_are_repeated_at_their_places(tmp_path: Path) -> None:
    """Yes to most, no to one, nothing to another; a pause, a close by hand and a kill."""

    def person(tape: Tape, bar: int) -> None:
        waiting = list(tape.state.approvals)
        for client_id in waiting:
            if bar % 5 == 1:
                tape.say("decline", client_id)
            elif bar % 7 != 2:
                tape.say("approve", client_id, terms(tape.state.orders[client_id]))
        if bar == 30:
            tape.say("close", SYMBOL)
        if bar in (35, 38):
            tape.say("pause" if bar == 35 else "resume")
        if bar == 55:
            tape.say("kill", text="enough")

    flags = {"trading__approval": "required", "trading__approval_max_move_bps": 500.0}
    made = parity(written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,), **flags).run(60, act=person).end()))
    assert made.same
    assert {row.recorded.refused for row in made.rows if row.recorded} >= {"", "approval_declined"}
    assert made.recorded.fills > 3


def test_funding_is_settled_alike(tmp_path: Path) -> None:
    made = parity(
        written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,)).run(BARS, seed=5, first=BEFORE_FUNDING).end())
    )
    assert made.same
    assert len(made.funding) == 1
    assert made.recorded.funding == made.simulated.funding != 0


# --- planted differences are found and named ---------------------------------------------------------------------


def fills_of(events: list[ev.Event]) -> list[int]:
    return [n for n, event in enumerate(events) if isinstance(event, ev.FillReport)]


def altered(n: int, **fields: Any) -> Callable[[list[ev.Event]], list[ev.Event]]:
    """The ``n``-th fill with other fields."""

    def change(events: list[ev.Event]) -> list[ev.Event]:
        at = fills_of(events)[n]
        report = events[at]
        assert isinstance(report, ev.FillReport)
        new = {name: value(report.fill) if callable(value) else value for name, value in fields.items()}
        events[at] = msgspec.structs.replace(report, fill=msgspec.structs.replace(report.fill, **new))
        return events

    return change


def test_a_fill_that_is_a_tick_off_is_the_only_difference_and_a_matter_of_price(tmp_path: Path) -> None:
    made = parity(recorded(tmp_path, altered(2, price=lambda f: f.price + Decimal("0.1"))))
    (row,) = made.differing
    (cause,) = row.causes
    assert row.recorded is not None
    assert cause.code == "price"
    assert cause.text.startswith("1 tick ")
    (part,) = row.recorded.parts
    sold = row.recorded.side == "SELL"
    assert cause.pnl == part.qty * Decimal("0.1") * (1 if sold else -1) == made.difference
    assert ("better" in cause.text) is sold
    assert made.by_cause == {"price": made.difference}


def test_another_fee_is_a_matter_of_the_fee_rate(tmp_path: Path) -> None:
    def cheaper(events: list[ev.Event]) -> list[ev.Event]:
        for n in range(len(fills_of(events))):
            events = altered(n, fee=lambda f: f.fee / 2)(events)
        return events

    made = parity(recorded(tmp_path, cheaper))
    assert set(made.by_cause) == {"fee rate"}
    assert made.by_cause["fee rate"] == made.simulated.fees - made.recorded.fees == made.difference
    first = made.differing[0].causes[0].text
    assert first in (
        "0.0300 % there, 0.0600 % by the instrument's rates",
        "0.0100 % there, 0.0200 % by the instrument's rates",
    )


def test_another_latency_is_a_matter_of_latency(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,)).run(BARS).end())
    made = parity(path, {"fill.latency_ms": "6500"})
    assert made.changes == [("fill.latency_ms", "0.0", "6500.0")]
    first = made.differing[0]
    assert {cause.code for cause in first.causes} == {"latency"}
    assert "orders are live after 6500 ms here, 0 ms there" in first.causes[0].text
    assert first.recorded is not None
    assert first.simulated is not None
    assert first.simulated.first_t - first.recorded.first_t == 12_000_000_000  # the second book after it
    assert adds_up(made)


def test_another_slippage_is_a_matter_of_slippage(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,)).run(BARS).end())
    made = parity(path, {"fill.slippage_bps": "2"})
    assert codes(made)[0] == {"slippage"}
    assert set(made.by_cause) <= {"slippage", "trigger", "consequence", "resized", "rounding", "price"}
    assert made.by_cause["slippage"] > 0
    assert abs(made.by_cause.get("price", ZERO)) == 0
    assert adds_up(made)


def test_another_trigger_is_a_matter_of_the_trigger(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,)).run(120).end())
    made = parity(path, {"fill.trigger": "last"})
    found = {code for some in codes(made) for code in some}
    assert "trigger" in found
    assert found <= {"trigger", "consequence", "resized", "price", "latency"}
    assert "unexplained" not in found
    assert adds_up(made)


def test_a_refusal_there_is_named_with_its_code_and_what_follows_names_it_as_the_origin(tmp_path: Path) -> None:
    made = parity(written(tmp_path / "a.cockpit", Tape(tmp_path, (CROSS,), refuse=3).run(BARS, seed=3).end()))
    first, *rest = made.differing
    assert first.causes[0].code == "refused there"
    assert first.causes[0].text == "venue venue_rejected: no funds"
    assert first.causes[0].pnl
    assert adds_up(made)
    assert rest
    for row in rest:
        assert {cause.code for cause in row.causes} == {"consequence"}
        assert f"after #{first.seq}" in row.causes[0].text


def test_a_fill_in_part_is_a_matter_of_the_part(tmp_path: Path) -> None:
    made = parity(recorded(tmp_path, altered(0, qty=lambda f: f.qty / 2, fee=lambda f: f.fee / 2)))
    assert codes(made)[0] & {"partial", "queue"}
    assert "filled there" in made.differing[0].causes[0].text
    assert adds_up(made)


def test_funding_that_was_not_paid_is_a_matter_of_funding(tmp_path: Path) -> None:
    events = Tape(tmp_path, (CROSS,)).run(BARS, seed=5, first=BEFORE_FUNDING).end()
    made = parity(written(tmp_path / "a.cockpit", [e for e in events if not isinstance(e, ev.FundingPaid)]))
    assert set(made.by_cause) == {"funding"}
    assert made.difference == -made.simulated.funding
    assert not made.same


def test_a_trade_of_somebody_else_is_foreign(tmp_path: Path) -> None:
    def somebody(events: list[ev.Event]) -> list[ev.Event]:
        first = events[fills_of(events)[0]]
        assert isinstance(first, ev.FillReport)
        own = msgspec.structs.replace(first.fill, trade_id="x1", venue_order_id="x", client_id="")
        return [
            *events[: fills_of(events)[0]],
            msgspec.structs.replace(first, fill=own),
            *events[fills_of(events)[0] :],
        ]

    made = parity(recorded(tmp_path, somebody))
    assert codes(made)[0] == {"foreign"}
    assert adds_up(made)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(-30, 30), st.sampled_from((1, 2, 3))), min_size=1, max_size=6),
    st.sampled_from(({}, {"fill.latency_ms": "4000"}, {"fill.slippage_bps": "1.5"}, {"fill.trigger": "last"})),
)
def test_the_causes_add_up_to_the_difference_whatever_it_is(
    changes: list[tuple[int, int, int]], fill: dict[str, str]
) -> None:
    def change(events: list[ev.Event]) -> list[ev.Event]:
        for n, ticks, share in changes:
            at = n % len(fills_of(events))
            new = {
                "price": lambda f, ticks=ticks: f.price + ticks * Decimal("0.1"),
                "qty": lambda f, share=share: f.qty / share,
            }
            events = altered(at, **new)(events)
        return events

    with TemporaryDirectory() as place:
        made = parity(recorded(Path(place), change), fill)
    assert adds_up(made)


# --- real sessions -----------------------------------------------------------------------------------------------


async def traded(tmp: Path, *, paper: bool) -> Path:
    """A session at a loopback exchange, or on paper on its public data, with a candle every few milliseconds."""
    market = ScriptedMarket(mid=60_000.0)
    exchange = await serve(market, keys=[("key", "secret")], balance=Decimal(10_000), tick_s=0.02)
    place = home(tmp / "home", {})
    base = session_settings(exchange)
    hurried = msgspec.structs.replace(base.venue, requests_per_s=200.0, cancel_reserve_per_s=20.0)
    profile = msgspec.structs.replace(base, mode="PAPER" if paper else "DEMO", venue=hurried)
    keys = {} if paper else {"key": "key", "secret": "secret"}
    door = Bitunix(profile.venue, clock=time.time_ns, rng=random.Random(1), **keys)
    venue = Paper(door, profile, time.time_ns) if paper else door
    wide = {"name": "ma_cross", "params": {**CROSS["params"], "stop_atr": 20.0}}
    config = msgspec.json.encode({"profile": profile, "strategies": [wide]}).decode()
    built = {SYMBOL: [registry.build("ma_cross", wide["params"])]}
    session, log = start.begin(profile, built, venue, place, version="test", config=config)
    try:
        await start.connect(session)
        assert await start.bring_up(session, place.root), session.state.gates
        for n in range(30):
            if n % 6 == 5:
                market.mid += 25.0 if n // 6 % 2 else -25.0
                market.prints.append((market.mid, 0.2, "BUY"))
            assert await session.until(lambda: session.state.markets[SYMBOL].mid == pytest.approx(market.mid), 10.0)
            mid, held = market.mid, sum(p.qty for p in session.state.positions.values())
            opened = session.state.markets[SYMBOL].candles[-1].open_time + MINUTE_NS
            session.ingest(
                ev.CandleTick(session.clock(), SYMBOL, Candle(opened, mid, mid + 5, mid - 5, mid, 5.0), True)
            )
            if session.state.open_orders:
                await session.until(lambda held=held: held != sum(p.qty for p in session.state.positions.values()), 1.0)
                await session.until(lambda: not session.state.open_orders, 1.0)
        session.command("flatten", by="shutdown")
        flat = await session.until(lambda: not any(p.qty for p in session.state.positions.values()), 10.0)
        assert flat
        session.ingest(ev.SessionEnded(session.clock(), "done", True))
        assert session.broken is None
    finally:
        await session.stop()
        await venue.close()
        await log.close()
        await exchange.close()
    return next(place.sessions.glob("*.cockpit"))


async def test_a_real_session_on_paper_has_no_difference_at_all(tmp_path: Path) -> None:
    made = parity(await traded(tmp_path, paper=True))
    assert made.venue == "paper"
    assert made.same, made.differing
    assert made.recorded == made.simulated
    assert made.recorded.fills >= 4
    assert [row.recorded for row in made.rows] == [row.simulated for row in made.rows]


async def test_a_real_session_at_the_exchange_makes_the_same_orders_and_every_difference_has_a_name(
    tmp_path: Path,
) -> None:
    made = parity(await traded(tmp_path, paper=False))
    assert made.venue == "bitunix"
    assert made.recorded.orders == made.simulated.orders >= 4
    assert made.recorded.qty == made.simulated.qty
    assert adds_up(made)
    assert set(made.counts) <= {"price", "latency", "trigger", "rounding"}
    assert 2 * len(made.differing) < len(made.rows)
    assert abs(made.difference) < sum((row.recorded.paid for row in made.rows if row.recorded), ZERO) * Decimal("0.001")


def test_a_session_at_the_demo_exchange_is_close_and_every_difference_has_a_name() -> None:
    """The fixture: two trades at a matching engine behind a wire, at twelve times the speed of life."""
    made = parity(RECORDED)
    assert made.venue not in ("", "paper")
    assert made.recorded.orders == made.simulated.orders
    assert made.recorded.refused == made.simulated.refused
    assert adds_up(made)
    assert "unexplained" not in made.counts
    turnover = sum((row.recorded.paid for row in made.rows if row.recorded), ZERO)
    assert abs(made.difference) < turnover * Decimal("0.002")


# --- what cannot be ----------------------------------------------------------------------------------------------


def test_a_backtest_a_what_if_and_a_session_that_never_came_up_are_refused(tmp_path: Path) -> None:
    desk = Desk(prof=msgspec.structs.replace(desk_profile(), mode="BACKTEST"))
    config = msgspec.json.encode({"profile": desk.profile, "strategies": []}).decode()
    first = msgspec.structs.replace(desk.log[0], config=config)
    with pytest.raises(CockpitError, match="refers to its market data"):
        parity(written(tmp_path / "b.cockpit", [first, *desk.log[1:]]))
    made = whatif(RECORDED, None, {"risk.max_leverage": "3"}, {}, tmp_path / "w.cockpit")
    with pytest.raises(CockpitError, match="a what-if"):
        parity(made.changed_path)
    with pytest.raises(CockpitError, match="never settled"):
        parity(written(tmp_path / "c.cockpit", list(tape())[:3]))
    with pytest.raises(RecordingError):
        parity(written(tmp_path / "d.cockpit", list(tape())[1:]))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("fill.latency", "latency"),
        ("risk.max_leverage", "only fill."),
        ("fill.latency_ms", "fill.latency_ms"),
        ("", "unknown"),
    ],
)
def test_a_setting_that_is_none_of_the_fill_model_is_refused(tmp_path: Path, setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parity(recorded(tmp_path), {setting: "soon"})
    assert said in str(caught.value)


def test_the_same_recording_gives_the_same_answer(tmp_path: Path) -> None:
    path = recorded(tmp_path, altered(2, price=Decimal(60_000)))
    assert parity(path) == parity(path)
