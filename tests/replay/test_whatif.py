"""What-if: the recorded market once more, with other limits or parameters, against the simulated venue."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import SECOND, SYMBOL, Desk, buy
from desk import profile as desk_profile
from replay_kit import RECORDED, digest, folded

from engine.core.trader import copy_of
from engine.journal.recording import Recording, RecordingError
from engine.model import events as ev
from engine.model.errors import CockpitError
from engine.model.fill_settings import FillModel
from engine.model.state import State
from engine.ops.yaml_file import ConfigError
from engine.replay.cursor import Replay
from engine.replay.handover import carried, settled
from engine.replay.sessions import describe
from engine.replay.verify import verify
from engine.replay.whatif import WhatIf, free_name, whatif
from engine.replay.writing import Writer, WritingError

KNOWN = 43
"""The fixture's account has been read for the first time."""
BOUGHT, HELD = 86, 100
"""Between the first word of the fixture's first fill and the last fill itself; 0.2638 are held until #128."""


@cache
def events() -> list[ev.Event]:
    return read(RECORDED)


def read(path: Path) -> list[ev.Event]:
    with Recording.open(path) as recording:
        return [event for _, event in recording.events()]


def final(path: Path) -> State:
    return folded(read(path))


def written(path: Path, events: Iterable[ev.Event]) -> Path:
    writer = Writer(path)
    writer.write(events, State())
    writer.close()
    return path


def run(folder: Path, at: int | None = None, source: Path = RECORDED, **more: Any) -> WhatIf:
    settings, params = more.pop("settings", {}), more.pop("params", {})
    return whatif(source, at, settings, params, free_name(folder, source), **more)


def orders(path: Path) -> list[Any]:
    return [event.order for event in read(path) if isinstance(event, ev.OrderDecided)]


# --- nothing changed ---------------------------------------------------------------------------------------------


def test_without_a_change_both_runs_are_the_same_and_so_is_every_repetition(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert first.from_seq == KNOWN
    assert first.control == first.changed == second.changed
    one, two, three = (read(path) for path in (first.control_path, first.changed_path, second.changed_path))
    assert one[1:] == two[1:] == three[1:]
    assert one[0] != two[0]  # the session's id says which it is
    assert two[0] == three[0]


def test_the_recorded_column_is_what_the_recording_says(tmp_path: Path) -> None:
    made, state = run(tmp_path), final(RECORDED)
    assert (made.recorded.trades, made.recorded.wins) == (state.trades_total, state.wins_total) == (2, 1)
    assert made.recorded.net_pnl == state.account.realised - state.account.fees
    assert made.recorded.rejections == {"approval_declined": 1, "paused": 1}
    assert made.recorded.orders == {"DENIED": 2, "FILLED": 2}


def test_the_control_makes_the_recorded_decisions_again(tmp_path: Path) -> None:
    """Same entries at the same times: only what the venue made of them is simulated."""
    made = run(tmp_path)
    was, now = (
        [(o.created_t, o.side, o.kind, o.stop, o.strategy) for o in orders(p)] for p in (RECORDED, made.control_path)
    )
    assert was == now
    assert {c.t for c in read(made.control_path) if isinstance(c, ev.Command) and c.action == "approve"} == {
        c.t for c in events() if isinstance(c, ev.Command) and c.action == "approve"
    }


# --- what comes out ----------------------------------------------------------------------------------------------


def test_both_runs_are_recordings_that_open_seek_and_verify(tmp_path: Path) -> None:
    made = run(tmp_path, HELD)
    for path, label in ((made.control_path, "-whatif-control"), (made.changed_path, "-whatif")):
        row = describe(path, 0)
        assert (row.ending, row.id, row.trades) == ("clean", f"{made.session}{label}", made.changed.trades)
        state = final(path)
        with Replay.open(path) as replay:
            for seq in (HELD + 7, 300, 50, replay.last.seq):
                assert digest(replay.seek(seq)) == digest(folded(read(path), seq))
            assert digest(replay.state) == digest(state)
        with Recording.open(path) as recording:
            assert recording.check() == []
            assert verify(recording).differing == 0
        assert made.changed.net_pnl == state.account.realised - state.account.fees + state.account.funding


def test_a_recording_is_never_written_over_and_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "a.cockpit"
    taken.write_bytes(b"mine")
    with pytest.raises(WritingError, match="never written over"):
        whatif(RECORDED, None, {}, {}, taken)
    assert taken.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.cockpit"]


def test_progress_goes_from_nothing_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.replay.whatif.PROGRESS_EVERY", 100)
    monkeypatch.setattr("engine.replay.rerun.PROGRESS_EVERY", 100)
    heard: list[float] = []
    run(tmp_path, progress=heard.append)
    assert heard == sorted(heard)
    assert len(heard) > 6
    assert 0 < heard[0] < heard[-1] <= 1


# --- another limit -----------------------------------------------------------------------------------------------


def test_a_smaller_limit_makes_the_orders_smaller_and_changes_nothing_else(tmp_path: Path) -> None:
    made = run(tmp_path, settings={"risk.max_notional_quote": "9000"})
    assert made.changes == [("risk.max_notional_quote", "25000.0", "9000.0")]
    control, changed = (orders(path)[1:] for path in (made.control_path, made.changed_path))
    assert len(control) == len(changed) == 3
    for before, now in zip(control, changed, strict=True):
        assert now.qty < before.qty
        assert float(now.qty) * now.reference <= 9_000
        assert (now.created_t, now.side, now.stop, now.target) == (
            before.created_t,
            before.side,
            before.stop,
            before.target,
        )
    assert (made.control.trades, made.control.orders, made.control.rejections) == (
        made.changed.trades,
        made.changed.orders,
        made.changed.rejections,
    )
    assert made.changed.fees < made.control.fees


def test_a_limit_that_nothing_passes_refuses_with_its_code(tmp_path: Path) -> None:
    made = run(tmp_path, settings={"risk.min_reward_risk": "50"})
    count = len(orders(made.changed_path))
    assert count > len(orders(made.control_path))  # who was refused asks again
    assert made.changed.rejections == {"paused": 1, "reward_risk_too_low": count - 1}
    assert made.changed.orders == {"DENIED": count}
    assert made.changed.trades == made.changed.fills == 0
    assert made.changed.equity == 10_000.0
    assert made.changed.max_drawdown == 0.0


def test_another_parameter_of_a_strategy(tmp_path: Path) -> None:
    made = run(tmp_path, params={"sweep.lookback": "15"})
    assert made.changes == [("sweep.lookback", "10", "15")]
    assert made.changed != made.control
    with Recording.open(made.changed_path) as recording:
        assert verify(recording).differing == 0


# --- from a moment on --------------------------------------------------------------------------------------------


def test_a_position_and_its_stop_are_carried_over_exactly(tmp_path: Path) -> None:
    made = run(tmp_path, HELD + 10, settings={"risk.max_leverage": "0.0001"})
    assert made.from_seq == HELD + 10
    here = folded(events(), made.from_seq)
    assert here.positions[SYMBOL].qty == Decimal("0.2638")
    begun = read(made.changed_path)
    assert begun[1 : made.from_seq] == events()[1 : made.from_seq]
    said = [e for e in begun[made.from_seq :] if isinstance(e, ev.PositionReport | ev.AccountReport | ev.StopsListed)][
        :3
    ]
    stops, position, account = sorted(said, key=lambda e: "SPA".index(type(e).__name__[0]))
    assert isinstance(position, ev.PositionReport)
    assert (position.qty, position.entry) == (here.positions[SYMBOL].qty, here.positions[SYMBOL].entry)
    assert isinstance(account, ev.AccountReport)
    assert account.wallet == here.account.wallet
    assert isinstance(stops, ev.StopsListed)
    assert [(s.stop, s.target) for s in stops.stops] == [(Decimal("94626.4"), Decimal("95089.8"))]
    state = final(made.changed_path)
    assert state.trades[0].qty == Decimal("0.2638")
    assert state.trades[0].entry == here.positions[SYMBOL].entry
    assert state.trades[0].exit_why == "stop"
    assert state.trades_total == 1  # the new limit allows no other
    assert not state.alarms


def test_while_fills_are_on_their_way_the_change_waits_for_them(tmp_path: Path) -> None:
    made = run(tmp_path, BOUGHT)
    assert (made.at_seq, made.from_seq) == (BOUGHT, HELD)


def test_where_the_account_is_never_settled_nothing_is_run(tmp_path: Path) -> None:
    cut = written(tmp_path / "cut.cockpit", events()[:97])
    with pytest.raises(CockpitError, match="not settled"):
        run(tmp_path, BOUGHT, cut)
    with pytest.raises(CockpitError, match="nothing comes after"):
        run(tmp_path, len(events()))


def test_a_torn_recording_is_run_to_where_it_ends(tmp_path: Path) -> None:
    made = run(tmp_path, None, written(tmp_path / "torn.cockpit", events()[:400]))
    last = read(made.changed_path)[-1]
    assert isinstance(last, ev.SessionEnded)
    assert "the recording ends" in last.reason


def test_a_damaged_past_is_refused_and_a_damaged_future_told(tmp_path: Path) -> None:
    raw = RECORDED.read_bytes()
    for sign, at in ((b"5500000001", None), (b"5500000001", HELD + 10)):
        broken = tmp_path / f"broken{at}.cockpit"
        broken.write_bytes(raw.replace(sign, b"5500000009"))
        if at is None:
            assert run(tmp_path, at, broken).damage
        else:
            with pytest.raises(RecordingError, match="cannot be read"):
                run(tmp_path, at, broken)


def desk_recording(path: Path, desk: Desk) -> Path:
    config = msgspec.json.encode({"profile": desk.profile, "strategies": []}).decode()
    first = msgspec.structs.replace(desk.log[0], config=config)
    return written(path, [first, *desk.log[1:]])


def test_a_working_limit_order_works_on_and_fills_when_the_book_comes_to_it(tmp_path: Path) -> None:
    desk = Desk()
    desk.bar(buy(kind="LIMIT", price=59_900.0, stop=59_000.0, target=62_000.0))
    desk.accept(desk.only_order().client_id)
    at = len(desk.log)
    desk.wait(1)
    desk.quote(59_890.0)
    desk.wait(1)
    made = run(tmp_path, at, desk_recording(tmp_path / "desk.cockpit", desk))
    assert made.from_seq == at
    assert made.recorded.orders == {"ACCEPTED": 1}
    assert made.changed.orders == {"FILLED": 1}
    assert made.changed.position == {SYMBOL: Decimal("0.1")}
    state = final(made.changed_path)
    assert state.positions[SYMBOL].stop == 59_000
    assert (state.fills[0].price, state.fills[0].maker) == (Decimal("59900.0"), True)


def test_a_position_that_was_held_pays_the_funding_that_the_marks_told(tmp_path: Path) -> None:
    desk = Desk()
    desk.long()
    at = len(desk.log)
    due = desk.now + 2 * SECOND
    for second in range(1, 5):
        t = desk.now + second * SECOND
        after = due if t < due else due + 8 * 3600 * SECOND
        desk.take(ev.MarkTick(t, SYMBOL, 60_000.0, 60_000.0, 0.001, after, t))
        desk.take(ev.Clock(t))
    source = desk_recording(tmp_path / "desk.cockpit", desk)
    made = run(tmp_path, at, source)
    assert made.changed.funding == Decimal("-6.0")  # 0.1 × 60 000 × 0.1 %
    assert [e.amount for e in read(made.changed_path) if isinstance(e, ev.FundingPaid)] == [Decimal("-6.0")]


def test_a_settled_account_is_one_with_nothing_on_its_way() -> None:
    desk = Desk()
    assert settled(desk.state)
    desk.bar(buy(stop=59_000.0, target=62_000.0))
    assert not settled(desk.state)  # sent
    order = desk.only_order()
    desk.accept(order.client_id)
    assert not settled(desk.state)  # a market order is about to fill
    desk.fill(order.client_id, "0.1", "60000")
    assert not settled(desk.state)  # its stop is about to stand
    desk.stop_stands("59000", "62000")
    assert settled(desk.state)
    desk.take(ev.PositionReport(desk.now, SYMBOL, Decimal(0), Decimal(0), "", None, 10, "CROSS", "push"))
    assert not settled(desk.state)  # the venue knows more than we do


def test_the_simulated_venue_begins_with_the_equity_that_we_had() -> None:
    desk = Desk()
    desk.long(qty="0.1", price="60000")
    before = digest(desk.state)
    venue = carried(copy_of(desk.state), desk.profile, FillModel())
    assert venue.desks[SYMBOL].equity(60_500.0) == float(desk.state.account.wallet) + 50.0
    assert digest(desk.state) == before


# --- the person --------------------------------------------------------------------------------------------------


def test_intents_that_nobody_saw_then_are_approved_declined_or_all_are(tmp_path: Path) -> None:
    """Without the rest after a no, the ribbon asks again at the next candles."""
    insists = {"trading.decline_rest_bars": "0"}
    always = run(tmp_path, settings=insists)
    recorded = run(tmp_path, settings=insists, approve="recorded")
    never = run(tmp_path, settings=insists, approve="never")
    assert always.control == recorded.control
    assert always.reaction_s > 0
    sent = [
        {o.strategy for o in final(made.changed_path).orders.values() if o.sent_t} for made in (always, recorded, never)
    ]
    assert ["ribbon" in names for names in sent] == [True, False, False]
    assert ["sweep" in names for names in sent] == [True, True, False]
    assert recorded.changed.rejections["approval_declined"] > always.changed.rejections["approval_declined"] == 1
    assert never.changed.trades == never.control.trades == 0


def test_kill_and_resume_are_repeated_at_their_times(tmp_path: Path) -> None:
    made = run(tmp_path, params={"sweep.lookback": "15"})
    was, now = (
        [
            (e.t, e.action, e.by, e.text)
            for e in read(path)
            if isinstance(e, ev.Command) and e.by != "what-if" and not e.target
        ]
        for path in (RECORDED, made.changed_path)
    )
    assert [row[1] for row in now] == ["pause", "resume", "kill"]
    assert was == now


# --- what cannot be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "params", "said"),
    [
        ({"risk.max_leverag": "3"}, {}, "did you mean risk.max_leverage?"),
        ({"risk.max_leverage": "-1"}, {}, "a number > 0"),
        ({"risk.max_leverage": "nan"}, {}, "risk.max_leverage"),
        ({"risk.daily_loss_pct": "90"}, {}, "risk.weekly_loss_pct"),
        ({"risk": "1"}, {}, "is a section"),
        ({"mode": "LIVE"}, {}, "does not belong"),
        ({"venue.rest": "http://elsewhere"}, {}, "does not belong"),
        ({"symbols": "ETHUSDT"}, {}, "does not belong"),
        ({"": "1"}, {}, "unknown setting"),
        ({}, {"sweep.lookbak": "15"}, "did you mean sweep.lookback?"),
        ({}, {"sweep.lookback": "-15"}, "sweep.lookback"),
        ({}, {"sweep.lookback": "many"}, "lookback"),
        ({}, {"swep.lookback": "15"}, "did you mean sweep?"),
        ({}, {"sweep": "15"}, "like sweep.lookback=15"),
    ],
)
def test_a_wrong_change_is_refused_with_its_path_and_what_is_near(
    tmp_path: Path, settings: dict[str, str], params: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, settings=settings, params=params)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_backtest_has_no_market_to_run_again(tmp_path: Path) -> None:
    desk = Desk(prof=msgspec.structs.replace(desk_profile(), mode="BACKTEST"))
    with pytest.raises(CockpitError, match="refers to its market data"):
        run(tmp_path, None, desk_recording(tmp_path / "b.cockpit", desk))


def test_a_what_if_is_not_run_on_a_what_if(tmp_path: Path) -> None:
    made = run(tmp_path)
    with pytest.raises(CockpitError, match="a what-if itself"):
        run(tmp_path, None, made.changed_path)
