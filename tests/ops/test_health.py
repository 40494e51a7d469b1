"""One word for how a session is, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from desk import limits

from engine.model.orders import Order, Position
from engine.model.state import Account, Link, Market, Recovery, SessionInfo, State, Step
from engine.ops import health
from engine.ops.health import Facts, Limit


def state(**changes: Any) -> State:
    found = State(session=SessionInfo(id="s"), trading="ACTIVE", account=Account(known=True, wallet=Decimal(1000)))
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def held(stop: str | None) -> dict[str, Position]:
    return {"X": Position(symbol="X", qty=Decimal(-2), entry=Decimal(9), stop=None if stop is None else Decimal(stop))}


def ended(**changes: Any) -> dict[str, Any]:
    return {"life": "ended", "state": state(session=ENDED, **changes)}


ENDED = SessionInfo(id="s", ended="duration is over", clean=True)
UNKNOWN = {"c": Order(client_id="c", symbol="X", side="BUY", kind="MARKET", qty=Decimal(1), status="UNKNOWN")}

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("a session that trades", "ok", {}, ""),
    ("paused", "warn", {"state": state(trading="PAUSED", trading_why="a person")}, "PAUSED: a person"),
    ("killed", "critical", {"state": state(trading="HALTED", trading_why="key")}, "HALTED: key"),
    ("links given up", "critical", {"state": state(trading="SAFE")}, "SAFE"),
    ("an alarm", "critical", {"state": state(alarms={"a": "no stop"})}, "no stop"),
    ("a link that is down", "warn", {"state": state(links={"private": Link("private", "down")})}, "private is down"),
    ("a link that failed", "critical", {"state": state(links={"public": Link("public", "failed")})}, "public is failed"),
    ("most of a limit", "warn", {"limits": [Limit("daily loss", 4.1, 5.0, "%")]}, "daily loss 82% used: 4.10 of 5.00%"),
    ("a limit reached", "warn", {"limits": [Limit("drawdown", 5.0, 5.0, "%")]}, "drawdown reached"),
    ("silence", "critical", {"age_s": 9.0}, "nothing has been recorded for 9 s"),
    ("a late loop", "warn", {"state": state(loop_lag_ms=2500.0)}, "2.5 s late"),
    ("a hung process", "critical", {"life": "hung"}, "heart"),
    ("a stopped process", "critical", {"life": "stopped"}, "held by the system"),
    ("a process that is gone", "dead", {"life": "gone"}, "gone"),
    ("unsolved differences", "critical", {"state": state(recovery=Recovery(began_t=1, unsolved=2))}, "2 difference"),
    ("damage", "critical", {"damage": ["event 5"]}, "event 5"),
    ("an end in order", "ok", {"life": "ended", "age_s": 1e6, "state": state(session=ENDED, trading="PAUSED")}, ""),
    ("an end with a position", "warn", ended(positions=held("11")), "-2 X is left with a stop"),
    ("an end without a stop", "critical", ended(positions=held(None)), "-2 X is left without a stop"),
    ("an end with orders", "warn", ended(orders=UNKNOWN, open_orders={"c": 1}), "1 order(s)"),
    ("an end out of order", "critical", {
        "life": "ended",
        "state": state(session=SessionInfo(id="s", ended="x", clean=False), steps=[Step(4, "compare", "timeout", "no answer")]),
    }, "compare: no answer"),
    ("the latch after the end", "warn", {"life": "ended", "latch": "loss", "state": state(session=ENDED)}, "latched: loss"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "verdict", "facts", "said"), CASES, ids=[case[0] for case in CASES])
def test_the_verdict_and_its_reason(name: str, verdict: str, facts: dict[str, Any], said: str) -> None:
    base: dict[str, Any] = {
        "state": state(),
        "life": "running",
        "age_s": 0.4,
        "limits": [],
        "latch": None,
        "damage": [],
    }
    found, reasons = health.judge(Facts(**{**base, **facts}))
    assert found == verdict
    assert any(said in reason.text for reason in reasons) if said else not reasons


def test_the_worst_reason_comes_first_and_makes_the_exit_code() -> None:
    bad = state(trading="PAUSED", alarms={"a": "no stop"})
    verdict, reasons = health.judge(Facts(bad, "gone", 9.0, [], None, []))
    assert [r.verdict for r in reasons] == ["dead", "critical", "warn"]
    assert [health.code(v) for v in health.VERDICTS] == [0, 1, 2, 3]
    assert verdict == "dead"


def test_limits_are_measured_as_the_gate_measures_them() -> None:
    found = state(
        positions={"X": Position(symbol="X", qty=Decimal(2), entry=Decimal(100), stop=Decimal(90))},
        markets={"X": Market("X", mark=95.0)},
    )
    found.risk.day_start = found.risk.week_start = found.risk.high_water = 1000.0
    uses = {u.name: u for u in health.used(found, limits(daily_loss_pct=2.0, max_exposure_quote=380.0))}
    assert uses["daily loss"].used == pytest.approx(1.0)
    assert uses["daily loss"].share == pytest.approx(0.5)
    assert uses["exposure"].share == pytest.approx(0.5)
    assert uses["at risk"].used == pytest.approx(10 / 990 * 100)
    assert uses["leverage"].used == pytest.approx(190 / 990)
